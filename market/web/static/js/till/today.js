// Today's takings, small at the top.

import { vnd } from "../money.js";
import { t } from "../strings.js";
import { call } from "./sale.js";

const AGAIN_MS = 60_000;

export class Today {
  constructor(stallId, { amount, count }) {
    this.path = `/api/stalls/${stallId}/today`;
    this.amount = amount;
    this.count = count;
    setInterval(() => this.refresh(), AGAIN_MS);
    this.refresh();
  }

  /** One question at a time: an older answer never comes after, and over, a newer one. */
  refresh() {
    this.isAsked = true;
    this.asking ??= this.#ask().finally(() => { this.asking = null; });
    return this.asking;
  }

  async #ask() {
    while (this.isAsked) {
      this.isAsked = false;
      try {
        const sums = await call(this.path);
        this.amount.textContent = vnd(sums.kept_vnd);
        this.count.textContent = t("{count} lần", { count: sums.cashless_count + sums.cash_count });
      } catch {
        // Yesterday's figure is never shown as today's: an unknown stays a dash, a known one stays.
      }
    }
  }
}
