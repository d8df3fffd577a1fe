// Money heard: the whole screen says enough, too little or too much before it says anything else.

import { clock, sizeOf, vnd } from "../money.js";
import { toast } from "../page.js";
import { t } from "../strings.js";

const SHOWN_MS = 6_000;
const SHOWN_WARNING_MS = 12_000;

const KINDS = {
  settled: { tone: "leaf", icon: "check", sound: "tien", title: () => t("ĐỦ TIỀN") },
  stand: { tone: "leaf", icon: "check", sound: "tien", title: () => t("ĐÃ NHẬN") },
  short: { tone: "brick", icon: "less", sound: "thieu", title: () => t("THIẾU TIỀN") },
  over: { tone: "honey", icon: "more", sound: "xem", title: () => t("THỪA TIỀN") },
  late: { tone: "honey", icon: "look", sound: "xem", title: () => t("TIỀN ĐẾN MUỘN") },
  duplicate_payment: { tone: "honey", icon: "look", sound: "xem", title: () => t("KHÁCH TRẢ HAI LẦN") },
};
KINDS.duplicate = KINDS.duplicate_payment;
const UNCLEAR = { tone: "honey", icon: "look", sound: "xem", title: () => t("TIỀN CHƯA RÕ") };
const TINY = { tone: "honey", icon: "look", sound: "xem", title: () => t("SỐ TIỀN RẤT NHỎ") };

/** Colour, shape, word and sound of one receipt. */
export function kindOf(money) {
  const kind = KINDS[money.outcome] ?? UNCLEAR;
  return money.warn && kind.tone === "leaf" ? TINY : kind;
}

/** What to do now, in one sentence. */
export function adviceOf(money) {
  switch (money.outcome) {
    case "settled": return money.received_vnd > money.amount_vnd ? t("Vừa nhận thêm {amount}.", { amount: vnd(money.amount_vnd) }) : "";
    case "stand": return t("Khách quét mã in. Nhìn đúng số tiền rồi hãy giao hàng.");
    case "short": return t("Mới nhận {received}. Còn thiếu {missing}. Nhờ khách chuyển thêm.", { received: vnd(money.received_vnd), missing: vnd(money.missing_vnd) });
    case "over": return t("Thừa {excess}. Trả lại khách hoặc giao thêm hàng.", { excess: vnd(money.excess_vnd) });
    case "late": return t("Lần bán này đã đóng. Xem trong Tiền về.");
    case "duplicate": case "duplicate_payment": return t("Lần bán này đã đủ tiền từ trước. Trả lại khách {amount}.", { amount: vnd(money.amount_vnd) });
    default: return t("Chưa biết trả cho lần bán nào. Xem trong Tiền về.");
  }
}

function element(tag, className, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text) made.textContent = text;
  return made;
}

export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  use.setAttribute("href", `${new URL("../../img/icons.svg", import.meta.url)}#${name}`);
  svg.append(use);
  return svg;
}

export class Heard extends EventTarget {
  /** `takeInvoice(saleId)` makes the invoice of a sale and gives it; absent where there is none. */
  constructor({ takeInvoice } = {}) {
    super();
    this.takeInvoice = takeInvoice;
    this.stack = [];
    this.box = element("section", "heard");
    this.box.setAttribute("role", "alertdialog");
    this.box.setAttribute("aria-label", t("Tiền vừa về"));
    this.box.tabIndex = -1;
    this.box.hidden = true;
    this.box.addEventListener("click", () => this.close());
    this.box.addEventListener("keydown", (event) => {
      if (event.key === "Escape" || (event.target === this.box && ["Enter", " "].includes(event.key))) this.close();
    });
    document.body.append(this.box);
  }

  show(money) {
    this.stack.unshift(money);
    this.#render();
    const wait = this.stack.some((one) => kindOf(one).tone !== "leaf") ? SHOWN_WARNING_MS : SHOWN_MS;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.close(), wait);
  }

  close() {
    if (this.box.hidden) return;
    clearTimeout(this.timer);
    const shown = this.stack;
    this.stack = [];
    this.box.hidden = true;
    this.dispatchEvent(new CustomEvent("close", { detail: shown }));
  }

  #render() {
    const [money, ...earlier] = this.stack;
    const kind = kindOf(money);
    this.box.className = `heard heard-${kind.tone}`;
    const whole = ["short", "settled", "over"].includes(money.outcome) && money.received_vnd;
    const sum = whole || money.amount_vnd;
    const amount = element("p", `amount ${sizeOf(sum)}`, vnd(sum));
    const parts = [icon(kind.icon), element("h2", "", kind.title()), amount];
    const advice = adviceOf(money);
    if (advice) parts.push(element("p", "", advice));
    if (money.echo_word && kind.tone !== "brick") parts.push(element("span", `echo echo-${money.echo_colour}`, money.echo_word));
    parts.push(element("time", "", clock(money.at)));
    if (this.takeInvoice && money.sale_id && kind.tone === "leaf") parts.push(this.#invoiceButton(money));
    if (earlier.length) parts.push(this.#earlier(earlier));
    parts.push(element("p", "tap", t("Chạm để bán tiếp")));
    this.box.replaceChildren(...parts);
    this.box.hidden = false;
    this.box.focus({ preventScroll: true });
  }

  #invoiceButton(money) {
    const button = element("button", "invoice-tap");
    button.type = "button";
    button.append(icon("invoice"), t("Lập hóa đơn"));
    button.addEventListener("click", async (event) => {
      event.stopPropagation(); // a tap elsewhere closes
      button.disabled = true;
      try {
        const invoice = await this.takeInvoice(money.sale_id);
        button.replaceWith(element("p", "invoice-done", t("Đã lập hóa đơn số {number}", { number: invoice.number })));
      } catch (error) {
        button.disabled = false;
        toast(error.problem?.title || t("Mất mạng. Lập hóa đơn sau, trong Tiền về."));
      }
    });
    return button;
  }

  #earlier(moneys) {
    const list = element("ul", "earlier");
    for (const money of moneys.slice(0, 4)) {
      const line = element("li");
      const word = money.echo_word && kindOf(money).tone !== "brick" ? ` · ${money.echo_word}` : "";
      line.append(element("span", "", kindOf(money).title() + word), element("span", "", vnd(money.amount_vnd)));
      list.append(line);
    }
    if (moneys.length > 4) list.append(element("li", "", t("và {count} lần nữa", { count: moneys.length - 4 })));
    return list;
  }
}
