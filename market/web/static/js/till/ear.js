// On every page of a stall: hears the money, shows and says it, and says when the line is cut.

import { vnd } from "../money.js";
import { t } from "../strings.js";
import { Line } from "./events.js";
import { Heard, kindOf } from "./heard.js";
import { call } from "./sale.js";
import { Voice } from "./voice.js";
import { stayAwake } from "./wake.js";

const OLD_MS = 3 * 60_000;
const SUMMARY_WAIT_MS = 800;
const LOST_SAID_AFTER_MS = 4_000;

export const stall = JSON.parse(document.getElementById("stall").textContent);
export const voice = new Voice();
export const heard = new Heard(stall.may_invoice ? { takeInvoice } : {});
export const line = new Line(stall.id, stall.last_event_id);

const top = document.getElementById("till-top");
const word = document.getElementById("beat-word");
const beat = document.getElementById("beat");
const alertBar = document.getElementById("alert");
const mute = document.getElementById("mute");
const askSound = document.getElementById("ask-sound");

const said = new Set();
let missed = [];
let lostTimer;
let lostWasSaid = false;

function takeInvoice(saleId) {
  return call(`/api/sales/${saleId}/invoice`, { method: "POST" });
}

/** A sentence that stays until it is no longer true; empty takes it away. */
export function warn(text, brick = false) {
  alertBar.textContent = text;
  alertBar.classList.toggle("brick", brick);
  alertBar.hidden = !text;
}

line.addEventListener("line", ({ detail: state }) => {
  top.dataset.line = state;
  word.textContent = { wait: t("Đang nối…"), live: t("Đang nghe"), lost: t("MẤT MẠNG") }[state];
  clearTimeout(lostTimer);
  if (state === "lost") {
    call(`/api/stalls/${stall.id}/today`).catch(() => {}); // says "signed-out" where that is the reason
    lostTimer = setTimeout(() => {
      lostWasSaid = true;
      warn(t("Mất mạng. Xem tin của ngân hàng trước khi giao hàng."), true);
      voice.say({ sound: "mat", text: t("Mất mạng. Chưa nghe được tiền về."), clips: ["mat-mang"], keep: false });
    }, LOST_SAID_AFTER_MS);
  } else if (state === "live" && lostWasSaid) {
    lostWasSaid = false;
    warn("");
    voice.say({ text: t("Có mạng lại."), clips: ["co-mang"], keep: false });
  }
});

addEventListener("signed-out", () => {
  warn(t("Phiên làm việc đã hết. Đăng nhập lại để nghe tiền về."), true);
  const link = document.createElement("a");
  link.href = `/dang-nhap?tiep=${encodeURIComponent(location.pathname)}`;
  link.textContent = t("Đăng nhập");
  alertBar.append(" ", link);
});

line.addEventListener("beat", () => {
  beat.classList.remove("thump");
  requestAnimationFrame(() => beat.classList.add("thump"));
});

line.addEventListener("money", ({ detail: money }) => {
  if (money.outcome === "cash" || said.has(money.receipt_id)) return;
  said.add(money.receipt_id);
  if (Date.now() - Date.parse(money.at) > OLD_MS) {
    missed.push(money);
    clearTimeout(missed.timer);
    missed.timer = setTimeout(summarise, SUMMARY_WAIT_MS);
    return;
  }
  tell(money);
});

function tell(money) {
  const kind = kindOf(money);
  heard.show(money);
  const echo = money.echo_word && kind.tone === "leaf" ? ` ${money.echo_word}.` : "";
  voice.say({ sound: kind.sound, text: money.spoken + echo, clips: [clipOf(money), ...(money.clips ?? [])] });
  navigator.vibrate?.(kind.tone === "brick" ? [300, 120, 300] : kind.tone === "honey" ? [200] : [80]);
}

function clipOf(money) {
  if (kindOf(money).tone === "honey" && money.outcome !== "over") return "xem-lai";
  return { settled: "du-tien", short: "thieu-tien", over: "thua-tien" }[money.outcome] ?? "da-nhan";
}

// Money that came long ago is summed up; each one stands in the list of takings.
function summarise() {
  const [only] = missed;
  const count = missed.length;
  const total = missed.reduce((sum, money) => sum + money.amount_vnd, 0);
  missed = [];
  if (count === 1) {
    tell(only);
    return;
  }
  const text = t("Lúc vắng mạng đã nhận {count} lần, tổng {total}. Xem Tiền về.", { count, total: vnd(total) });
  warn(text);
  voice.say({ sound: "xem", text, clips: ["xem-lai"] });
}

function showMute() {
  mute.setAttribute("aria-pressed", String(voice.muted));
  mute.setAttribute("aria-label", voice.muted ? t("Bật tiếng") : t("Tắt tiếng"));
}

mute.addEventListener("click", () => {
  voice.setMuted(!voice.muted);
  showMute();
});
document.getElementById("again").addEventListener("click", () => voice.again());
voice.addEventListener("sound", ({ detail: works }) => { askSound.hidden = works; });
askSound.addEventListener("click", () => {
  askSound.hidden = true;
  voice.again();
});
heard.addEventListener("close", () => {
  if (document.body.dataset.reload) location.reload();
});
line.addEventListener("webhook_parked", () => {
  warnWithLink(t("Hệ thống nhận tin của bạn không trả lời nên đã ngừng gửi. Chưa mất tin nào."), false, "ket-noi");
});
line.addEventListener("invoices_due", ({ detail: due }) => {
  const count = due.count;
  const what = due.level === "late" ? t("{count} hóa đơn quá hạn chưa tới cơ quan thuế.", { count }) : t("{count} hóa đơn sắp hết hạn gửi.", { count });
  const todo = due.rejected ? t("Mở hóa đơn bị trả lại để xem lý do.") : t("Hệ thống vẫn gửi lại. Đừng lập lại hóa đơn.");
  warnWithLink(`${what} ${todo}`, due.level === "late", "hoa-don");
});
line.addEventListener("tax_asks", () => warnWithLink(t("Cơ quan thuế có việc cần bạn trả lời."), false, "hoa-don"));

function warnWithLink(text, brick, room) {
  warn(text, brick);
  const link = document.createElement("a");
  link.href = `/ban-hang/${stall.id}/${room}`;
  link.textContent = t("Xem");
  alertBar.append(" ", link);
}

line.addEventListener("reload", () => location.reload());

showMute();
stayAwake();
line.connect();
keepForOffline().catch(() => {});

// The worker takes over after the first visit only: this very page is put aside by hand.
async function keepForOffline() {
  if (!("serviceWorker" in navigator)) return;
  await navigator.serviceWorker.register("/sw.js", { scope: "/" });
  await navigator.serviceWorker.ready;
  const pages = await caches.open("pages");
  if (!(await pages.match(location.pathname))) await pages.add(location.pathname);
}
