// A sale is made here, stored, then sent; what could not be sent goes out once the line is back.

import { csrf } from "../page.js";
import * as store from "./store.js";

const SEND_WAIT_MS = 6000;
const RETRY_MS = 5000;
const OPEN_MS = 15 * 60 * 1000;
const NUMBER_MS = 2 * 60 * 1000; // so long a sale without a line may still be given an invoice number here
const STUCK_MS = 60_000;

/** UUID version 7: the sale's id is in order of time and made before anything is sent. */
export function newId(now = Date.now()) {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  for (let index = 0, rest = now; index < 6; index += 1) {
    bytes[5 - index] = rest % 256;
    rest = Math.floor(rest / 256);
  }
  bytes[6] = 0x70 | (bytes[6] & 0x0f);
  bytes[8] = 0x80 | (bytes[8] & 0x3f);
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

/** The market cannot be reached; the sale is kept and sent later. */
export class Unreachable extends Error {}

/** The market refuses; `problem` says what to do. */
export class Refused extends Error {
  constructor(problem) {
    super(problem.title ?? "");
    this.problem = problem;
  }
}

/** One request. Throws Unreachable or Refused. */
export async function call(path, { method = "GET", body } = {}) {
  let answer;
  try {
    answer = await fetch(path, {
      method,
      credentials: "same-origin",
      headers: { accept: "application/json", ...(method === "GET" ? {} : { "content-type": "application/json", "x-csrftoken": csrf() }) },
      body: body === undefined ? undefined : JSON.stringify(body),
      signal: AbortSignal.timeout(SEND_WAIT_MS),
    });
  } catch {
    throw new Unreachable();
  }
  const content = await answer.json().catch(() => ({}));
  if (answer.ok) return content;
  if (answer.status >= 500 || answer.status === 429 || answer.status === 408) throw new Unreachable();
  if (answer.status === 401) dispatchEvent(new Event("signed-out"));
  throw new Refused({ ...content, status: answer.status });
}

export class Sales extends EventTarget {
  /** `mayNumber()`: whether a sale that was never sent may wait for its invoice number. */
  constructor(stallId, { mayNumber = () => false } = {}) {
    super();
    this.stallId = stallId;
    this.mayNumber = mayNumber;
    this.flushing = null;
    addEventListener("online", () => this.flush());
    setInterval(() => this.flush(), RETRY_MS);
    this.flush();
  }

  /** Stored when this resolves; not yet sent. */
  async make({ amount, method, lines = [] }) {
    const sale = {
      sale_id: newId(),
      stall_id: this.stallId,
      state: "pending",
      made_at: Date.now(),
      command: { amount_vnd: amount, method, lines, sold_at: new Date().toISOString() },
      view: null,
    };
    sale.command = { sale_id: sale.sale_id, ...sale.command };
    await store.put(sale);
    this.#changed();
    return sale;
  }

  /** The sale as the market has it. Sent twice, it is made once. Throws Unreachable, Refused. */
  async send(sale) {
    const own = (await this.#begun(sale.sale_id))?.own;
    try {
      if (own) await this.#tell(sale, own); // before its sale, so that it gets no other number
      sale.view = await call(`/api/stalls/${this.stallId}/sales`, { method: "POST", body: sale.command });
      if (own && (await this.#tell(sale, own)).state === "kept") return sale.view; // asked again soon
    } catch (error) {
      if (error instanceof Refused && error.problem.status !== 401 && error.problem.status !== 403) {
        if (own) await this.#refused(sale, own, error.problem);
        else {
          sale.state = "refused";
          await store.drop(sale.sale_id);
          this.#changed();
        }
      }
      throw error;
    }
    await this.#keep(sale);
    if (own) this.dispatchEvent(new CustomEvent("invoiced", { detail: own }));
    return sale.view;
  }

  // From now on the market may know it: it gets no number here any more.
  #begun(saleId) {
    return store.change(saleId, (kept) => {
      if (kept.tried) return false;
      kept.tried = true;
      return true;
    }).catch(() => null);
  }

  async #tell(sale, { symbol, number, code, numbered_at, lookup_code = "" }) {
    return this.#till("invoices", { sale_id: sale.sale_id, symbol, number, code, numbered_at, lookup_code });
  }

  async #till(what, body) {
    const { till_id } = await store.numbers(this.stallId);
    return call(`/api/stalls/${this.stallId}/tills/${till_id}/${what}`, { method: "POST", body });
  }

  // Numbered, then refused: the number becomes no invoice, and the numbers after it do not wait for it.
  async #refused(sale, own, problem) {
    const body = { sale_id: sale.sale_id, why: problem.code ?? "", was_shown: own.was_shown === true };
    const told = await this.#till("refusals", body).catch(() => null);
    if (told?.state !== "passed") return this.#stuck(sale, own, problem);
    await store.drop(sale.sale_id);
    this.#changed();
    this.dispatchEvent(new CustomEvent("passed", { detail: { own, sale, problem } }));
  }

  // A number a buyer was shown is never dropped: it is tried again, and a person is told.
  async #stuck(sale, own, problem) {
    await store.change(sale.sale_id, (kept) => {
      kept.again_at = Date.now() + STUCK_MS;
      return true;
    });
    this.dispatchEvent(new CustomEvent("stuck", { detail: { own, problem } }));
  }

  /** What the market says about a sale now. */
  async update(view) {
    const sale = (await store.all(this.stallId)).find((one) => one.sale_id === view.sale_id);
    if (!sale) return;
    sale.view = { ...sale.view, ...view };
    await this.#keep(sale);
  }

  async #keep(sale) {
    sale.state = "sent";
    const over = ["paid", "cancelled", "expired"].includes(sale.view?.state) || sale.view?.method === "cash";
    if (over) await store.drop(sale.sale_id);
    else await store.put(sale);
    this.#changed();
  }

  async cancel(sale) {
    if (sale.state === "pending") {
      await store.drop(sale.sale_id);
      this.#changed();
      return;
    }
    sale.view = await call(`/api/sales/${sale.sale_id}/cancel`, { method: "POST", body: {} });
    await this.#keep(sale);
  }

  /** Kept here alone: the printed code took its place while the line was cut. */
  async forget(sale) {
    await store.drop(sale.sale_id);
    this.#changed();
  }

  /** Sales that wait for money, newest first, and sales that wait for the line. */
  async standing() {
    const kept = await store.all(this.stallId);
    const fresh = Date.now() - OPEN_MS;
    for (const sale of kept.filter((one) => one.state === "sent" && one.made_at < fresh)) {
      await store.drop(sale.sale_id);
    }
    return {
      waiting: kept.filter((one) => one.state === "sent" && one.made_at >= fresh).reverse(),
      unsent: kept.filter((one) => one.state === "pending"),
    };
  }

  /** Send what waits for the line: cash always; a QR only while its customer may still be here. */
  flush() {
    this.flushing ??= this.#flush().finally(() => { this.flushing = null; });
    return this.flushing;
  }

  async #flush() {
    const { unsent } = await this.standing();
    for (const sale of unsent) {
      if (sale.command.method !== "cash" && Date.now() - sale.made_at > OPEN_MS) {
        await this.forget(sale);
        continue;
      }
      const age = Date.now() - sale.made_at;
      if (age < SEND_WAIT_MS) continue; // still on its first way
      if (!sale.tried && !sale.own && sale.command.method === "cash" && age < NUMBER_MS && this.mayNumber()) continue;
      if (sale.again_at > Date.now()) continue;
      try {
        await this.send(sale);
        this.dispatchEvent(new CustomEvent("sent", { detail: sale }));
      } catch (error) {
        if (error instanceof Refused && sale.own) continue; // told by "stuck"
        else if (error instanceof Refused) this.dispatchEvent(new CustomEvent("refused", { detail: { sale, problem: error.problem } }));
        else return;
      }
    }
  }

  #changed() {
    this.dispatchEvent(new Event("change"));
  }
}
