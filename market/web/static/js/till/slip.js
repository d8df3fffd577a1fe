// After cash was taken without a line: the invoice's number and code to show the buyer.

import { vnd } from "../money.js";
import { t } from "../strings.js";
import { icon } from "./heard.js";
import { draw } from "./qr.js";
import * as store from "./store.js";

const OFFERED_MS = 20_000;

function line(tag, text, className = "") {
  const made = document.createElement(tag);
  made.textContent = text;
  if (className) made.className = className;
  return made;
}

// What the buyer scans, now or at home: the invoice is behind it once this phone has a line again.
function lookup({ lookup_code: code }) {
  if (!code) return [];
  const picture = line("div", "", "qr");
  draw(picture, `${location.origin}/hd/${code}`);
  picture.setAttribute("aria-label", t("Mã QR tra cứu hóa đơn"));
  return [picture, line("span", t("Khách quét để xem hóa đơn khi có mạng. Mã tra cứu:")), line("code", code.match(/.{4}/g).join(" "))];
}

// The buyer saw the number: kept with the sale, for the day its sale is refused.
function shown(sale) {
  return store.change(sale.sale_id, (kept) => {
    if (kept.own) kept.own.was_shown = true;
    return Boolean(kept.own);
  }).catch(() => null);
}

export class Slip {
  constructor(box, numbers) {
    this.box = box;
    this.numbers = numbers;
    box.addEventListener("click", (event) => {
      if (event.target.closest("[data-hide]")) this.hide();
    });
  }

  hide() {
    clearTimeout(this.timer);
    this.box.hidden = true;
  }

  /** A button that numbers this sale; away after a while. */
  offer(sale) {
    const button = line("button", "");
    button.type = "button";
    button.append(icon("invoice"), t("Lập hóa đơn"));
    button.addEventListener("click", async () => {
      button.disabled = true;
      if (!(await this.number(sale))) this.#show(line("p", t("Chưa lập được lúc mất mạng. Lập sau, trong Tiền về.")));
    });
    this.#show(line("b", `${t("Tiền mặt")} ${vnd(sale.command.amount_vnd)}`), button);
    this.timer = setTimeout(() => this.hide(), OFFERED_MS);
  }

  /** Number the sale now and show it; whether there was a number to give. */
  async number(sale) {
    const own = await this.numbers.give(sale.sale_id);
    if (!own) return false;
    this.#show(
      line("b", t("Hóa đơn {name} số {number}", { name: `${own.template}${own.symbol}`, number: own.number })),
      line("b", vnd(sale.command.amount_vnd), "num"),
      line("code", own.code),
      line("span", t("Mã cơ quan thuế. Tự gửi khi có mạng lại."), "quiet"),
      ...lookup(own),
    );
    await shown(sale);
    return true;
  }

  #show(...parts) {
    clearTimeout(this.timer);
    const close = line("button", "", "round");
    close.type = "button";
    close.dataset.hide = "";
    close.setAttribute("aria-label", t("Đóng"));
    close.append(icon("close"));
    this.box.replaceChildren(...parts, close);
    this.box.hidden = false;
  }
}
