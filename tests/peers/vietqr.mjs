// Cases from stdin: {"read": [payload text, …], "write": [{bankBin, bankNumber, …}, …]}.
// Answers: what vietnam-qr-pay reads in each text and builds again, and what it writes itself.
import { readFileSync } from "node:fs";
import peer from "vietnam-qr-pay";

const { BanksObject, QRPay } = peer;
const cases = JSON.parse(readFileSync(0, "utf8"));

function read(text) {
  const code = new QRPay(text);
  return {
    valid: code.isValid,
    method: code.initMethod,
    provider: code.provider.name,
    service: code.provider.service,
    bankBin: code.consumer.bankBin,
    account: code.consumer.bankNumber,
    merchant: code.merchant.id,
    amount: code.amount,
    category: code.category,
    name: code.merchant.name,
    city: code.city,
    currency: code.currency,
    nation: code.nation,
    extra: code.additionalData,
    again: code.build(),
  };
}

function write({ vnpay, vietqr }) {
  const code = vnpay ? QRPay.initVNPayQR(vnpay) : QRPay.initVietQR(vietqr);
  if (vietqr?.name) code.merchant.name = vietqr.name;
  return code.build();
}

const banks = Object.values(BanksObject).map(({ bin, code, shortName, name, swiftCode, deprecated }) => ({
  bin, code, shortName, name, swiftCode, deprecated: deprecated ?? false,
}));
process.stdout.write(
  JSON.stringify({ read: cases.read.map(read), written: cases.write.map(write), banks }),
);
