// The keypad: one field, edited by big keys, by a real keyboard or by pasting.

import { grouped, vnd } from "../money.js";
import { t } from "../strings.js";
import { parseSum } from "./amount.js";

const HOLD_MS = 600;
const LONG = 9;
const DIGITS_MAX = 12;

const WRONG = {
  amount_ambiguous: () => t("Chưa rõ số tiền. Gõ 1500 hoặc 1tr5."),
  amount_unreadable: () => t("Chưa đọc được số tiền này."),
  amount_not_positive: () => t("Số tiền phải lớn hơn 0."),
  amount_too_large: () => t("Một lần chuyển phải dưới 500 triệu đồng."),
};

/** The sentence for an amount that cannot be asked for. */
export function wrongAmount(code) {
  return WRONG[code]?.() ?? "";
}

export class Keypad {
  constructor({ field, note, keys, onEnter }) {
    this.field = field;
    this.note = note;
    this.onEnter = onEnter;
    keys.addEventListener("pointerdown", (event) => this.#hold(event));
    keys.addEventListener("click", (event) => {
      const key = event.target.closest("[data-key]")?.dataset.key;
      if (key) this.press(key);
    });
    field.addEventListener("input", (event) => this.#typed(event));
    field.addEventListener("keydown", (event) => {
      if (event.key === "Enter") this.onEnter();
    });
    this.#show("");
  }

  /** The amount in đồng, or null with the reason on screen. */
  get amount() {
    try {
      return parseSum(this.field.value);
    } catch {
      return null;
    }
  }

  clear() {
    this.#show("");
  }

  press(key) {
    const text = this.field.value;
    if (key === "back") {
      if (this.held) this.held = false;
      else this.#show(text.replace(/( \+ |.)$/u, ""), true);
    } else if (key === "+") {
      if (/\d$/.test(text)) this.#show(`${text} + `);
    } else {
      const last = text.split("+").pop().replace(/\D/g, "");
      if (last.length + key.length > DIGITS_MAX) return;
      if (!last && key.startsWith("0")) return;
      this.#show(text + key, true);
    }
    navigator.vibrate?.(8);
  }

  #hold(event) {
    if (event.target.closest("[data-key]")?.dataset.key !== "back") return;
    const timer = setTimeout(() => {
      this.held = true;
      this.clear();
    }, HOLD_MS);
    addEventListener("pointerup", () => clearTimeout(timer), { once: true });
  }

  // Points and letters of one's own stay as they are: 1.5 must not quietly become 15.
  #typed(event) {
    const text = this.field.value;
    if (!text) this.raw = false;
    else if (/[^\d\s+]/.test(event.data ?? "") || (!event.data && !/^delete/.test(event.inputType ?? "") && /[.,]/.test(text))) this.raw = true;
    this.#show(text, !this.raw);
  }

  // Digits are grouped while they are keyed; what has points already only where we set them.
  #show(text, ours = false) {
    if (!text) this.raw = false;
    const groupable = ours && !this.raw ? /^\s*[\d.]*\d[\d.]*\s*$/ : /^\s*\d+\s*$/;
    const shown = text
      .split("+")
      .map((term) => (groupable.test(term)
        ? term.replace(/[\d.]+/, (digits) => grouped(digits.replace(/\./g, "").replace(/^0+(?=\d)/, "")))
        : term))
      .join("+");
    this.field.value = shown;
    this.field.classList.toggle("long", shown.length > LONG);
    this.#explain(shown);
  }

  #explain(shown) {
    this.note.classList.remove("sum", "wrong");
    if (!shown.trim()) {
      this.note.textContent = t("Bấm số tiền khách phải trả");
      return;
    }
    try {
      const amount = parseSum(shown);
      const plain = /^[\d.]+$/.test(shown);
      this.note.textContent = plain ? "" : `= ${vnd(amount)}`;
      this.note.classList.toggle("sum", !plain);
    } catch (error) {
      this.note.textContent = wrongAmount(error.code);
      this.note.classList.toggle("wrong", true);
    }
  }
}
