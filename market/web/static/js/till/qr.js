// QR codes drawn on this phone, so that they appear without waiting and without a line.

import { correction, generate } from "../../vendor/lean-qr-2.7.4/index.mjs";
import { t } from "../strings.js";

const QUIET = 4;
const SVG = "http://www.w3.org/2000/svg";

/** Put the code of `text` into `box`, black on pure white with its quiet zone. */
export function draw(box, text) {
  const code = generate(text, { minCorrectionLevel: correction.M });
  const size = code.size + 2 * QUIET;
  let path = "";
  for (let y = 0; y < code.size; y += 1) {
    for (let x = 0; x < code.size; x += 1) {
      if (!code.get(x, y)) continue;
      let run = 1;
      while (code.get(x + run, y)) run += 1;
      path += `M${x + QUIET} ${y + QUIET}h${run}v1h-${run}z`;
      x += run;
    }
  }
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", `0 0 ${size} ${size}`);
  svg.setAttribute("aria-hidden", "true");
  const shape = document.createElementNS(SVG, "path");
  shape.setAttribute("d", path);
  shape.setAttribute("fill", "#000");
  svg.append(shape);
  box.setAttribute("role", "img");
  box.setAttribute("aria-label", t("Mã QR để quét"));
  box.dataset.code = text;
  box.replaceChildren(svg);
}

/** A VietQR text asking for another amount: the static code of the stand becomes one for this sale. */
export function withAmount(text, amount) {
  const fields = [];
  for (let at = 0; at + 4 <= text.length;) {
    const length = Number(text.slice(at + 2, at + 4));
    fields.push([text.slice(at, at + 2), text.slice(at + 4, at + 4 + length)]);
    at += 4 + length;
  }
  const kept = fields.filter(([tag]) => tag !== "54" && tag !== "63" && tag !== "01");
  kept.push(["01", "12"], ["54", String(amount)]);
  kept.sort(([a], [b]) => a.localeCompare(b));
  const body = kept.map(([tag, value]) => tag + String([...value].length).padStart(2, "0") + value).join("") + "6304";
  return body + crc16(body);
}

function crc16(text) {
  let crc = 0xffff;
  for (const byte of new TextEncoder().encode(text)) {
    crc ^= byte << 8;
    for (let bit = 0; bit < 8; bit += 1) crc = crc & 0x8000 ? ((crc << 1) ^ 0x1021) & 0xffff : (crc << 1) & 0xffff;
  }
  return crc.toString(16).toUpperCase().padStart(4, "0");
}
