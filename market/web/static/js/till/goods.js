// Selling by tapping goods: one tap adds a piece, goods by weight ask how much.

import { grouped, tenths, vnd } from "../money.js";
import { t } from "../strings.js";
import { parseVnd } from "./amount.js";
import { icon } from "./heard.js";
import { call } from "./sale.js";

const QUICK = [5, 10, 15, 20];
const TENTHS_MAX = 9999;
const KEPT = "till-goods-";

const byId = (id) => document.getElementById(id);

/** What a line costs: tenths of a unit times its price, rounded half up to the stall's rounding. */
export function lineVnd(tenthsOfUnit, price, round) {
  const exact = tenthsOfUnit * price;
  const step = round * 10;
  return Math.max(1, Math.floor((2 * exact + step) / (2 * step))) * round;
}

export class Goods extends EventTarget {
  constructor(stall) {
    super();
    this.stall = stall;
    this.goods = [];
    this.lines = new Map();
    this.weighed = null;
    byId("tiles").addEventListener("click", (event) => this.#tap(event));
    byId("weigh-less").addEventListener("click", () => this.#weigh(-1));
    byId("weigh-more").addEventListener("click", () => this.#weigh(1));
    byId("weigh-quick").addEventListener("click", (event) => {
      const chosen = event.target.closest("[data-tenths]")?.dataset.tenths;
      if (chosen) this.#weigh(0, Number(chosen));
    });
    byId("weigh-price").addEventListener("input", () => this.#showWeighed());
    byId("weigh-put").addEventListener("click", () => this.#put());
    byId("weigh-drop").addEventListener("click", () => this.#drop());
    byId("basket-open").addEventListener("click", () => this.#openLines());
    byId("lines-clear").addEventListener("click", () => {
      this.clear();
      byId("lines").close();
    });
    byId("lines-list").addEventListener("click", (event) => {
      const id = event.target.closest("[data-id]")?.dataset.id;
      if (!id) return;
      byId("lines").close();
      this.#ask(this.goods.find((one) => one.product_id === id));
    });
  }

  get total() {
    return [...this.lines.values()].reduce((sum, line) => sum + line.amount_vnd, 0);
  }

  /** The basket as a sale carries it. */
  get command() {
    return [...this.lines.values()].map((line) => ({
      product_id: line.product_id,
      name: line.name,
      unit: line.unit,
      quantity: line.tenths % 10 ? `${Math.floor(line.tenths / 10)}.${line.tenths % 10}` : String(line.tenths / 10),
      unit_price_vnd: line.unit_price_vnd,
      amount_vnd: line.amount_vnd,
    }));
  }

  clear() {
    this.lines.clear();
    this.#show();
  }

  async load() {
    const key = KEPT + this.stall.id;
    try {
      this.goods = await call(`/api/stalls/${this.stall.id}/goods`);
      localStorage.setItem(key, JSON.stringify(this.goods));
    } catch {
      this.goods = JSON.parse(localStorage.getItem(key) ?? "[]");
    }
    this.#show();
  }

  /** What is left may have changed; goods that nobody counts have not. */
  refresh() {
    if (this.goods.some((good) => good.left !== null)) this.load();
  }

  #tap(event) {
    const id = event.target.closest("[data-id]")?.dataset.id;
    const good = this.goods.find((one) => one.product_id === id);
    if (!good || (good.is_sold_out && !this.lines.has(id))) return;
    if (good.step !== "1" || this.lines.has(id)) this.#ask(good);
    else this.#set(good, 10, good.price_vnd);
  }

  #set(good, tenthsOfUnit, price) {
    this.lines.set(good.product_id, {
      product_id: good.product_id,
      name: good.name,
      unit: good.unit,
      tenths: tenthsOfUnit,
      unit_price_vnd: price,
      amount_vnd: lineVnd(tenthsOfUnit, price, this.stall.round_vnd || 1),
    });
    this.#show();
  }

  #ask(good) {
    const line = this.lines.get(good.product_id);
    this.weighed = { good, tenths: line?.tenths ?? 10 };
    byId("weigh-name").textContent = good.name;
    byId("weigh-unit").textContent = good.unit;
    byId("weigh-price").value = grouped(line?.unit_price_vnd ?? good.price_vnd);
    byId("weigh-drop").hidden = !line;
    byId("weigh-put").textContent = line ? t("Xong") : t("Thêm vào giỏ");
    const whole = good.step === "1";
    byId("weigh-quick").replaceChildren(...(whole ? [10, 20, 30, 50] : QUICK).map((value) => {
      const button = document.createElement("button");
      button.type = "button";
      button.dataset.tenths = value;
      button.textContent = tenths(value);
      return button;
    }));
    this.#showWeighed();
    byId("weigh").showModal();
  }

  #weigh(direction, exactly) {
    const step = this.weighed.good.step === "1" ? 10 : 1;
    const wanted = exactly ?? this.weighed.tenths + direction * step;
    this.weighed.tenths = Math.min(Math.max(wanted, step), TENTHS_MAX);
    this.#showWeighed();
  }

  get #price() {
    try {
      return parseVnd(byId("weigh-price").value);
    } catch {
      return null;
    }
  }

  #showWeighed() {
    const { good, tenths: quantity } = this.weighed;
    const price = this.#price;
    byId("weigh-quantity").textContent = `${tenths(quantity)} ${good.unit}`;
    byId("weigh-vnd").textContent = price === null ? "–" : vnd(lineVnd(quantity, price, this.stall.round_vnd || 1));
    byId("weigh-price").toggleAttribute("aria-invalid", price === null);
    byId("weigh-put").disabled = price === null;
  }

  #put() {
    this.#set(this.weighed.good, this.weighed.tenths, this.#price);
    byId("weigh").close();
  }

  #drop() {
    this.lines.delete(this.weighed.good.product_id);
    byId("weigh").close();
    this.#show();
  }

  #openLines() {
    byId("lines-list").replaceChildren(...[...this.lines.values()].map((line) => {
      const item = document.createElement("li");
      const button = document.createElement("button");
      button.type = "button";
      button.className = "plain wide line";
      button.dataset.id = line.product_id;
      const name = document.createElement("span");
      name.textContent = `${line.name} · ${tenths(line.tenths)} ${line.unit}`;
      const cost = document.createElement("b");
      cost.className = "num";
      cost.textContent = vnd(line.amount_vnd);
      button.append(name, cost);
      item.append(button);
      return item;
    }));
    byId("lines").showModal();
  }

  #show() {
    byId("tiles").replaceChildren(...(this.goods.length ? this.goods.map((good) => this.#tile(good)) : [this.#nothing()]));
    const count = this.lines.size;
    byId("basket").hidden = count === 0;
    byId("basket-count").textContent = t("{count} món trong giỏ", { count });
    byId("basket-vnd").textContent = vnd(this.total);
    this.dispatchEvent(new Event("change"));
  }

  #tile(good) {
    const line = this.lines.get(good.product_id);
    const tile = document.createElement("button");
    tile.type = "button";
    tile.className = line ? "tile chosen" : "tile";
    tile.dataset.id = good.product_id;
    const picture = document.createElement("img");
    picture.src = good.picture_url;
    picture.alt = "";
    picture.loading = "lazy";
    picture.addEventListener("error", () => picture.replaceWith(icon("basket")));
    const name = document.createElement("span");
    name.textContent = good.name;
    const price = document.createElement("small");
    price.textContent = `${grouped(good.price_vnd)}/${good.unit}`;
    tile.append(picture, name, price);
    if (good.is_sold_out) {
      tile.classList.add("sold-out");
      tile.setAttribute("aria-disabled", "true");
    }
    if (good.is_sold_out || good.left) {
      const left = document.createElement("small");
      left.className = "left";
      left.textContent = good.is_sold_out ? t("Hết hàng") : t("còn {left}", { left: good.left.replace(".", ",") });
      price.before(left);
    }
    if (line) {
      const many = document.createElement("b");
      many.className = "many";
      many.textContent = tenths(line.tenths);
      tile.append(many);
    }
    return tile;
  }

  #nothing() {
    const box = document.createElement("p");
    box.className = "empty";
    box.textContent = t("Chưa có hàng nào. Nhờ tổ công nghệ cộng đồng đưa hàng lên giúp.");
    return box;
  }
}
