// Invoice numbers and codes this phone gives by itself while the line is cut: its own series and range.
// Asked for while there is a line; each given once, in order; handed in with the sale (sale.js).

import * as store from "./store.js";

const LOW = 100;
const LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"; // of lookup codes: none is taken for another
const VIETNAM_MS = 7 * 3_600_000;

const yearOf = (at) => String(new Date(at + VIETNAM_MS).getUTCFullYear() % 100).padStart(2, "0");
const leftOf = (held) => held.last_serial - held.next_serial + 1;

export class Numbers {
  /** `call` makes one request; `newId` a UUID. */
  constructor(stall, { call, newId }) {
    this.stall = stall;
    this.call = call;
    this.newId = newId;
    this.wanted = stall.may_invoice && ["each_sale", "on_request"].includes(stall.invoice_mode);
  }

  /** While there is a line: the next range before the one at hand is used up. Never throws. */
  async refresh() {
    if (!this.wanted) return;
    try {
      const held = await store.numbers(this.stall.id);
      const isOld = held?.symbol?.slice(1, 3) !== yearOf(Date.now());
      const canMark = Boolean(held?.lookup_prefix); // kept by an older page: asked for once
      if (held && !isOld && canMark && (held.spare || leftOf(held) >= LOW)) return;
      const tillId = held?.till_id ?? this.newId();
      if (!held) await store.withNumbers(this.stall.id, null, (now) => ({ held: now ?? { stall_id: this.stall.id, till_id: tillId } }));
      const till = (await store.numbers(this.stall.id)).till_id; // another page may have been first
      const given = await this.call(`/api/stalls/${this.stall.id}/tills/${till}/range`, {
        method: "POST", body: { after: isOld || !canMark ? 0 : held.last_serial },
      });
      await store.withNumbers(this.stall.id, null, (now) => ({ held: joined(now, given) }));
      navigator.storage?.persist?.();
    } catch {
      // Not registered, or no line: without a range the invoice is made once there is a line.
    }
  }

  /** The number and code of this sale, kept with it in one step; null where there is none to give. */
  async give(saleId) {
    if (!this.wanted) return null;
    return store.withNumbers(this.stall.id, saleId, (held, sale) => {
      if (sale?.own) return { answer: sale.own };
      if (!sale || sale.tried || sale.state !== "pending" || !held?.symbol) return null;
      const at = Date.now() + held.ahead_ms;
      if (held.symbol.slice(1, 3) !== yearOf(at) || leftOf(held) < 1) return null;
      const own = {
        template: held.template,
        symbol: held.symbol,
        number: held.next_number,
        code: `${held.code_prefix}-${String(held.next_serial).padStart(11, "0")}`,
        numbered_at: new Date(at).toISOString(),
        ...(held.lookup_prefix ? { lookup_code: held.lookup_prefix + drawn(10) } : {}),
      };
      return { answer: own, sale: { ...sale, own }, held: afterOne(held) };
    }).catch(() => null);
  }
}

function drawn(count) {
  return [...crypto.getRandomValues(new Uint8Array(count))].map((byte) => LETTERS[byte & 31]).join("");
}

function afterOne(held) {
  const next = { ...held, next_number: held.next_number + 1, next_serial: held.next_serial + 1 };
  return leftOf(next) < 1 && next.spare ? { ...next, ...next.spare, spare: null } : next;
}

// A new range of the same series waits behind the old one; the count of numbers goes on here.
function joined(held, given) {
  const { symbol, template, code_prefix, next_serial, last_serial, next_number, lookup_prefix } = given;
  const now = { ...held, lookup_prefix, ahead_ms: Date.parse(given.now) - Date.now() };
  if (held.symbol === symbol && held.code_prefix === code_prefix) {
    if (next_serial <= held.last_serial) return now;
    if (leftOf(held) > 0) return { ...now, spare: { next_serial, last_serial } };
    return { ...now, next_serial, last_serial };
  }
  return { ...now, symbol, template, code_prefix, next_serial, last_serial, next_number, spare: null };
}
