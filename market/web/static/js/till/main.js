// The till: keypad → QR → money heard → keypad.

import { toast } from "../page.js";
import { sizeOf, vnd } from "../money.js";
import { t } from "../strings.js";
import { heard, line, stall, warn } from "./ear.js";
import { icon } from "./heard.js";
import { Goods } from "./goods.js";
import { Keypad, wrongAmount } from "./keypad.js";
import { parseSum } from "./amount.js";
import { draw, withAmount } from "./qr.js";
import { Numbers } from "./numbers.js";
import { call, newId, Refused, Sales } from "./sale.js";
import { Slip } from "./slip.js";
import { Today } from "./today.js";

const byId = (id) => document.getElementById(id);
const numbers = new Numbers(stall, { call, newId });
const slip = new Slip(byId("slip"), numbers);
const sales = new Sales(stall.id, { mayNumber: () => numbers.wanted && line.state === "lost" });
const goods = new Goods(stall);
const today = new Today(stall.id, { amount: byId("today-vnd"), count: byId("today-count") });
const keypad = new Keypad({ field: byId("amount"), note: byId("keyed-note"), keys: byId("keys"), onEnter: () => sellKeyed("vietqr") });

let shown = null; // the sale whose code is on the screen
let busy = false;

// ── Screens ────────────────────────────────────────────────────────────────────────────────────

function show(name) {
  for (const screen of document.querySelectorAll(".screen")) screen.hidden = screen.id !== `screen-${name}`;
  for (const tab of document.querySelectorAll("[data-tab]")) {
    if (tab.dataset.tab === name) tab.setAttribute("aria-current", "page");
    else tab.removeAttribute("aria-current");
  }
  if (name !== "qr") shown = null;
}

function go(name) {
  if (name === "qr" && !history.state?.qr) history.pushState({ qr: true }, "");
  else if (name !== "qr" && history.state?.qr) history.replaceState({}, "");
  show(name);
}

addEventListener("popstate", () => {
  if (shown) show("keypad");
});
for (const tab of document.querySelectorAll("[data-tab]")) {
  tab.addEventListener("click", (event) => {
    event.preventDefault();
    go(tab.dataset.tab);
  });
}

// ── Selling ────────────────────────────────────────────────────────────────────────────────────

function sellKeyed(method) {
  if (keypad.amount === null) {
    byId("amount").focus({ preventScroll: true });
    toast(wrongAmount(codeOf(byId("amount").value)) || t("Bấm số tiền trước đã."));
    return;
  }
  sell({ amount: keypad.amount, method });
}

function codeOf(text) {
  try {
    parseSum(text);
    return "";
  } catch (error) {
    return error.code;
  }
}

function sellBasket(method) {
  if (goods.total) sell({ amount: goods.total, method, lines: goods.command });
}

async function sell({ amount, method, lines = [] }) {
  if (busy) return;
  busy = true;
  try {
    const sale = await sales.make({ amount, method, lines });
    if (method === "cash") await sellCash(sale);
    else await ask(sale);
  } finally {
    busy = false;
  }
}

function emptied() {
  keypad.clear();
  goods.clear();
}

async function sellCash(sale) {
  emptied();
  go("keypad");
  slip.hide();
  toast(t("Đã ghi tiền mặt {amount}", { amount: vnd(sale.command.amount_vnd) }));
  if (numbers.wanted && line.state === "lost") {
    if (stall.invoice_mode === "each_sale") await slip.number(sale);
    else {
      slip.offer(sale);
      return; // sent by itself soon, with the number if it gets one
    }
  }
  try {
    await sales.send(sale);
    today.refresh();
  } catch (error) {
    if (error instanceof Refused) refused(error.problem);
  }
}

async function ask(sale) {
  open(sale);
  try {
    await sales.send(sale);
    emptied();
  } catch (error) {
    if (error instanceof Refused) {
      go("keypad");
      refused(error.problem);
      return;
    }
    emptied();
  }
  if (shown === sale) showQR();
}

function open(sale) {
  shown = sale;
  showQR();
  go("qr");
}

function refused(problem) {
  goods.refresh();
  if (problem.status !== 401) warn(problem.title || t("Chưa ghi được lần bán này."), true);
}

// ── The code on the screen ─────────────────────────────────────────────────────────────────────

function showQR() {
  const { view, command } = shown;
  const missing = view ? view.missing_vnd || command.amount_vnd : command.amount_vnd;
  byId("qr-amount").textContent = vnd(missing);
  byId("qr-amount").className = `amount ${sizeOf(missing)}`;
  const text = codeText(view, missing);
  if (text) draw(byId("qr-code"), text);
  else byId("qr-code").replaceChildren();
  byId("qr-payee").replaceChildren(...payee());
  const offline = !view && line.state === "lost";
  if (view?.state === "partial") state("brick", "less", t("Còn thiếu {missing}. Quét tiếp.", { missing: vnd(missing) }));
  else if (view) state("", "wait", t("Đang chờ tiền…"), true);
  else if (offline && text) state("honey", "cut", t("Mất mạng. Xem tin của ngân hàng."));
  else if (offline) state("brick", "cut", t("Mất mạng. Chưa tạo được mã."));
  else state("", "wait", t("Đang tạo mã…"), true);
}

function codeText(view, missing) {
  if (view?.method === "vnpay" || view?.method === "stripe") return view.pay_url;
  if (view?.qr_text) return view.state === "partial" ? withAmount(view.qr_text, missing) : view.qr_text;
  if (!view && line.state === "lost" && stall.stand) return withAmount(stall.stand.qr_text, missing);
  return "";
}

function payee() {
  if (!stall.payee) return [];
  const name = document.createElement("b");
  name.textContent = stall.payee.holder_name;
  return [name, `${stall.payee.bank_name} · …${stall.payee.account_last4}`];
}

function state(tone, picture, text, moving = false) {
  const box = byId("qr-state");
  if (box.dataset.said === tone + text) return;
  box.dataset.said = tone + text;
  box.className = `state-line ${tone}`;
  const drawn = icon(picture);
  if (moving) drawn.classList.add("pulse");
  const words = document.createElement("span");
  words.textContent = text;
  box.replaceChildren(drawn, words);
}

async function end(after) {
  const sale = shown;
  try {
    await sales.cancel(sale);
  } catch (error) {
    if (error instanceof Refused) refused(error.problem);
    else toast(t("Mất mạng. Chưa hủy được, thử lại sau."));
    return;
  }
  go("keypad");
  after?.(sale);
}

byId("qr-next").addEventListener("click", () => {
  if (!shown.view && line.state === "lost") sales.forget(shown); // the printed code took its place
  go("keypad");
});
byId("qr-cancel").addEventListener("click", () => end());
byId("qr-cash").addEventListener("click", () => end((sale) => sell({ amount: sale.command.amount_vnd, method: "cash", lines: sale.command.lines })));
byId("qr-other").addEventListener("click", () => byId("others").showModal());
for (const button of document.querySelectorAll("[data-method]")) {
  button.addEventListener("click", () => {
    byId("others").close();
    end((sale) => sell({ amount: sale.command.amount_vnd, method: button.dataset.method, lines: sale.command.lines }));
  });
}
byId("keys").addEventListener("click", () => slip.hide());
byId("make-qr").addEventListener("click", () => sellKeyed("vietqr"));
byId("cash").addEventListener("click", () => sellKeyed("cash"));
byId("basket-qr").addEventListener("click", () => sellBasket("vietqr"));
byId("basket-cash").addEventListener("click", () => sellBasket("cash"));

// ── What the market tells ──────────────────────────────────────────────────────────────────────

line.addEventListener("money", async ({ detail: money }) => {
  today.refresh();
  if (!money.sale_id) return;
  const paid = ["settled", "over", "stand", "cash"].includes(money.outcome);
  const news = { sale_id: money.sale_id, received_vnd: money.received_vnd, missing_vnd: money.missing_vnd, ...(paid ? { state: "paid" } : money.outcome === "short" ? { state: "partial" } : {}) };
  await sales.update(news);
  goods.refresh();
  if (shown?.sale_id !== money.sale_id) return;
  shown.view = { ...shown.view, ...news };
  if (paid) go("keypad");
  else showQR();
});

line.addEventListener("sale", async ({ detail: view }) => {
  if (view.state === "paid") today.refresh(); // cash, which is told as a sale and not as money heard
  await sales.update(view);
  goods.refresh();
  if (shown?.sale_id !== view.sale_id) return;
  if (view.state === "expired") {
    go("keypad");
    warn(t("Mã đã hết hạn, chưa thấy tiền về. Đừng giao hàng. Tạo mã mới nếu khách còn ở đây."));
  } else if (view.state === "cancelled") go("keypad");
});

line.addEventListener("line", ({ detail: state }) => {
  if (shown && !shown.view) showQR();
  if (state !== "live") return;
  numbers.refresh();
  sales.flush();
});
heard.addEventListener("close", () => today.refresh());

sales.addEventListener("sent", ({ detail: sale }) => {
  today.refresh();
  goods.refresh();
  if (shown?.sale_id === sale.sale_id) {
    shown = sale;
    showQR();
  }
});
sales.addEventListener("refused", ({ detail }) => refused(detail.problem));
sales.addEventListener("change", showStanding);
sales.addEventListener("invoiced", ({ detail: own }) => {
  toast(t("Hóa đơn số {number} đã được ghi.", { number: own.number }));
});
sales.addEventListener("passed", ({ detail: { own, sale } }) => warn(t("Hóa đơn số {number} không lập được, số này bỏ. Ghi lại lần bán {amount}.", { number: own.number, amount: vnd(sale.command.amount_vnd) }), true));
sales.addEventListener("stuck", ({ detail }) => warn(t("Hóa đơn số {number} lập lúc mất mạng chưa ghi được. Gọi hỗ trợ của chợ.", { number: detail.own.number }), true));

async function showStanding() {
  const { waiting, unsent } = await sales.standing();
  const button = byId("waiting");
  button.hidden = !waiting.length && !unsent.length;
  const texts = [];
  if (waiting.length) texts.push(t("{count} chờ tiền", { count: waiting.length }));
  if (unsent.length) texts.push(t("{count} chưa gửi", { count: unsent.length }));
  byId("waiting-text").textContent = texts.join(" · ");
}

byId("waiting").addEventListener("click", async () => {
  const { waiting, unsent } = await sales.standing();
  const [sale] = waiting;
  if (!sale) {
    toast(t("{count} lần bán chờ có mạng để gửi", { count: unsent.length }));
    sales.flush();
    return;
  }
  open(sale);
});

// A real keyboard types into the amount wherever the focus is.
addEventListener("keydown", (event) => {
  const free = !document.activeElement?.matches("input, button, a, select, textarea");
  if (!free || byId("screen-keypad").hidden || event.key.length !== 1 || event.ctrlKey || event.metaKey || event.altKey) return;
  byId("amount").focus({ preventScroll: true });
});

// A finger's swipe between keypad and goods.
let touch = null;
addEventListener("touchstart", (event) => { touch = event.touches.length === 1 ? event.touches[0] : null; }, { passive: true });
addEventListener("touchend", (event) => {
  if (!touch || document.querySelector("dialog[open]")) return;
  const across = event.changedTouches[0].clientX - touch.clientX;
  const along = event.changedTouches[0].clientY - touch.clientY;
  if (Math.abs(across) < 80 || Math.abs(along) > 60) return;
  if (across < 0 && !byId("screen-keypad").hidden) go("goods");
  else if (across > 0 && !byId("screen-goods").hidden) go("keypad");
}, { passive: true });

goods.load();
showStanding();
show(location.hash === "#hang" ? "goods" : "keypad");
