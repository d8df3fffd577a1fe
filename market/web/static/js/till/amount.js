// Amounts as people key them: 50k, 1tr2, 50.000 and sums of them. The server holds the same rules;
// both are tested with tests/data/keyed_amounts.json.

export const AMOUNT_VND_MAX = 499_999_999;
const TEXT_LENGTH_MAX = 40;

const CURRENCY = /\s*(₫|đồng|dong|vnđ|vnd|đ|d)$/;
const PLAIN = /^[0-9]+$/;
const GROUPED = /^[0-9]{1,3}(?:([., ])[0-9]{3})(?:\1[0-9]{3})*$/;
const FRACTION = /^[0-9]+[.,][0-9]+$/;
const WITH_UNIT = /^([0-9]+(?:[.,][0-9]+)?)\s*(nghìn|nghin|ngàn|ngan|k|triệu|trieu|tr|tỷ|tỉ|ty|ti)(?:\s*(.+))?$/;
const TAIL_WITH_UNIT = /^([0-9]{1,3})\s*(k|nghìn|nghin|ngàn|ngan)$/;

/** What was keyed is no amount that can be asked for; `code` says why. */
export class AmountError extends Error {
  constructor(code) {
    super(code);
    this.code = code;
  }
}

/** Whole đồng from 1 to 499.999.999. Throws AmountError. */
export function parseVnd(text) {
  const bare = text.normalize("NFC").toLowerCase().split(/\s+/).filter(Boolean).join(" ").replace(CURRENCY, "");
  if (!bare) throw new AmountError("amount_empty");
  if (bare.length > TEXT_LENGTH_MAX) throw new AmountError("amount_unreadable");
  if (/^[-−]\s*[0-9]/.test(bare)) throw new AmountError("amount_not_positive");
  const amount = value(bare);
  if (amount <= 0) throw new AmountError("amount_not_positive");
  if (amount > AMOUNT_VND_MAX) throw new AmountError("amount_too_large");
  return amount;
}

/** The sum of what stands between plus signs; an open "+" at the end is not yet wrong. */
export function parseSum(text) {
  const terms = text.replace(/\+\s*$/, "").split("+");
  const total = terms.reduce((sum, term) => sum + parseVnd(term), 0);
  if (total > AMOUNT_VND_MAX) throw new AmountError("amount_too_large");
  return total;
}

function value(bare) {
  if (PLAIN.test(bare)) return Number(bare);
  if (GROUPED.test(bare)) return Number(bare.replace(/[., ]/g, ""));
  if (FRACTION.test(bare)) throw new AmountError("amount_ambiguous");
  const found = WITH_UNIT.exec(bare);
  if (!found) throw new AmountError("amount_unreadable");
  const [, number, unit, tail] = found;
  const power = { k: 3, n: 3 }[unit[0]] ?? (/^t[ỷỉyi]$/.test(unit) ? 9 : 6);
  const [whole, fraction = ""] = number.replace(",", ".").split(".");
  if (fraction.length > 2 || (fraction && tail)) throw new AmountError("amount_ambiguous");
  return Number(whole) * 10 ** power + part(fraction, power) + rest(tail, power);
}

function part(digits, power) {
  return digits ? Number(digits) * 10 ** (power - digits.length) : 0;
}

function rest(tail, power) {
  if (!tail) return 0;
  if (tail === "rưỡi" || tail === "ruoi") return part("5", power);
  if (/^[0-9]{1,3}$/.test(tail)) return part(tail, power);
  const smaller = TAIL_WITH_UNIT.exec(tail);
  if (!smaller || power === 3) throw new AmountError("amount_unreadable");
  return Number(smaller[1]) * 1000;
}
