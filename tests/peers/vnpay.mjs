// The public JavaScript client against the simulated VNPAY: {host, tmn, secret, now, ends} in, what it
// saw out. Dates are GMT+7 numbers, made from the given instant without the machine's own zone.
import { readFileSync } from 'node:fs';
import { VNPay, ignoreLogger } from 'vnpay';

const given = JSON.parse(readFileSync(0, 'utf8'));
const vnpay = new VNPay({
  vnpayHost: given.host,
  queryDrAndRefundHost: given.host,
  tmnCode: given.tmn,
  secureSecret: given.secret,
  hashAlgorithm: 'SHA512',
  enableLog: false,
  loggerFn: ignoreLogger,
});
const stamp = (minutes = 0) =>
  Number(
    new Date(given.now + (7 * 60 + minutes) * 60_000).toISOString().replace(/\D/g, '').slice(0, 14),
  );
const fields = (query) => Object.fromEntries(new URL(query).searchParams);

function order(reference) {
  return {
    vnp_Amount: 85_000,
    vnp_IpAddr: '203.0.113.10',
    vnp_TxnRef: reference,
    vnp_OrderInfo: `Thanh toan (don) ${reference}`,
    vnp_OrderType: 'other',
    vnp_ReturnUrl: 'https://cho.example.vn/tra/vnpay',
    vnp_CreateDate: stamp(),
    vnp_ExpireDate: stamp(15),
  };
}

async function ended(reference, code) {
  const opened = await fetch(vnpay.buildPaymentUrl(order(reference)), { redirect: 'manual' });
  const answer = await fetch(`${given.host}/control/end`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ txn_ref: reference, response_code: code }),
  });
  const back = fields((await answer.json()).return_url);
  const cut = { ...back, vnp_Amount: '100' };
  return {
    page: opened.headers.get('location'),
    told: vnpay.verifyReturnUrl(back),
    ipn: vnpay.verifyIpnCall(back),
    tampered: vnpay.verifyIpnCall(cut).isVerified,
  };
}

function asked(reference, more = {}) {
  return {
    vnp_RequestId: `${reference}${Math.abs(more.number ?? 0)}Q`,
    vnp_IpAddr: '203.0.113.10',
    vnp_TxnRef: reference,
    vnp_OrderInfo: `Truy van ${reference}`,
    vnp_TransactionDate: stamp(),
    vnp_CreateDate: stamp(1),
    ...more.fields,
  };
}

const payments = {};
for (const [reference, code] of given.ends) payments[reference] = await ended(reference, code);
const paid = given.ends[0][0];
const refund = { vnp_TransactionType: '03', vnp_Amount: 30_000, vnp_CreateBy: 'ketoan01' };
console.log(
  JSON.stringify({
    payments,
    banks: await vnpay.getBankList(),
    queried: await vnpay.queryDr(asked(paid)),
    tooSoon: await vnpay.queryDr(asked(paid, { number: 1 })),
    refunded: await vnpay.refund(asked(paid, { number: 2, fields: refund })),
    tooMuch: await vnpay.refund(
      asked(paid, { number: 3, fields: { ...refund, vnp_Amount: 90_000 } }),
    ),
    code: await vnpay.generateQr(order('QR000001')),
  }),
);
