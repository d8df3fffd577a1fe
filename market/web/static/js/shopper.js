// The shopper's calm line: what the stall's side knows, never what this side believes.

import { vnd } from "./money.js";
import { draw, withAmount } from "./till/qr.js";
import { t } from "./strings.js";

const AGAIN_MS = 3_000;
const LOST_MS = 25_000;
const ASK_MS = 20_000;

const page = document.getElementById("pay");
const line = document.getElementById("pay-state");
const icons = line?.querySelector("use")?.getAttribute("href").split("#")[0];
let after = page.dataset.after;
let silence;

function say(tone, picture, text) {
  line.className = `state-line ${tone}`;
  line.querySelector("use").setAttribute("href", `${icons}#${picture}`);
  line.querySelector("span").textContent = text;
}

function told(state) {
  if (state.state === "paid" || state.state === "settled" || state.state === "over") {
    location.reload(); // the receipt comes from the ledger's side
  } else if (state.state === "short" || state.state === "partial") {
    document.getElementById("pay-amount").textContent = vnd(state.missing_vnd);
    say("brick", "less", t("Mới nhận {received}. Còn thiếu {missing}.", { received: vnd(state.received_vnd), missing: vnd(state.missing_vnd) }));
    const box = document.getElementById("pay-qr");
    if (box && page.dataset.qr) draw(box, withAmount(page.dataset.qr, state.missing_vnd));
  } else if (state.state === "expired" || state.state === "cancelled") location.reload();
}

async function ask() {
  try {
    const answer = await fetch(`/api/payments/${page.dataset.payment}`, { headers: { accept: "application/json" } });
    if (!answer.ok) return;
    const state = await answer.json();
    if (state.state !== page.dataset.state) location.reload();
  } catch {
    // The line is cut; the page's own note says so.
  }
}

function connect() {
  const source = new EventSource(`/api/payments/${page.dataset.payment}/events?after=${after}`);
  const alive = () => {
    clearTimeout(silence);
    silence = setTimeout(again, LOST_MS);
  };
  const again = () => {
    source.close();
    clearTimeout(silence);
    setTimeout(connect, AGAIN_MS);
  };
  source.addEventListener("beat", alive);
  source.addEventListener("state", (event) => {
    alive();
    if (event.lastEventId) after = event.lastEventId;
    told(JSON.parse(event.data));
  });
  source.onerror = again;
  alive();
}

if (line && (page.dataset.state === "open" || page.dataset.state === "partial")) {
  connect();
  setInterval(ask, ASK_MS);
}
