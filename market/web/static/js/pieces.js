// What comes back with a refund: − and + at each line; the amount follows what was sold for it.
import { vnd } from "./money.js";

const amount = document.querySelector('input[name="amount"]');
const all = amount?.value;
const fields = [...document.querySelectorAll("#pieces input[data-most]")];

function read(field) {
  const number = Number(field.value.trim().replace(",", ".") || "0");
  return Number.isFinite(number) && number > 0 ? Math.min(number, Number(field.dataset.most)) : 0;
}

function sum() {
  const back = fields.reduce(
    (total, field) => total + Math.round((Number(field.dataset.worth) * read(field)) / Number(field.dataset.most)), 0,
  );
  amount.value = back ? vnd(back) : all;
  amount.readOnly = back > 0;
}

document.getElementById("pieces")?.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-step]");
  if (!button) return;
  const field = button.parentElement.querySelector("input");
  const next = Math.max(0, Math.min(read(field) + Number(button.dataset.step), Number(field.dataset.most)));
  field.value = String(next).replace(".", ",");
  sum();
});
for (const field of fields) field.addEventListener("input", sum);
if (fields.length) sum();
