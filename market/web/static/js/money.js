// How figures are written: 50.000 ₫, 23/11/2026, 14:05, 0,35.

const NO_BREAK = "\u00a0";

/** 1250000 → "1.250.000" */
export function grouped(number) {
  return String(number).replace(/\B(?=(\d{3})+(?!\d))/g, ".");
}

/** 50000 → "50.000 ₫", never broken over two lines. */
export function vnd(amount) {
  return grouped(amount) + NO_BREAK + "₫";
}

const clockFormat = new Intl.DateTimeFormat("vi-VN", {
  hour: "2-digit", minute: "2-digit", hourCycle: "h23", timeZone: "Asia/Ho_Chi_Minh",
});
const dayFormat = new Intl.DateTimeFormat("sv-SE", { timeZone: "Asia/Ho_Chi_Minh" });

/** An instant → "14:05" in Vietnam. */
export function clock(instant) {
  return clockFormat.format(new Date(instant));
}

/** An instant → "2026-11-23", the day in Vietnam. */
export function localDay(instant) {
  return dayFormat.format(new Date(instant));
}

/** Tenths of a unit → "1,5"; whole ones without a comma. */
export function tenths(number) {
  const whole = Math.floor(number / 10);
  return number % 10 ? `${whole},${number % 10}` : String(whole);
}

/** The class that keeps an amount on one line: "", "long" from a million, "longer" from a hundred. */
export function sizeOf(amount) {
  return amount >= 100_000_000 ? "longer" : amount >= 1_000_000 ? "long" : "";
}
