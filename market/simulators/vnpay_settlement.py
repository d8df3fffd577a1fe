"""The file an acquirer sends for a day: every payment and refund with its fee, and a trailer.

Columns and trailer as `payments.reconciliation.provider_file` reads them; fees are rounded half up
per row, the fee of a payment is kept when it is refunded.
"""

import hashlib
from collections.abc import Iterable
from sqlite3 import Row
from typing import Any

from market.simulators.state import Store

FEE_BASIS_POINTS, VAT_PERCENT = 90, 10
COLUMNS = (
    "settlement_date", "seq", "tmn_code", "txn_ref", "provider_txn_no", "bank_tran_no", "bank_code",
    "txn_type", "txn_time", "amount", "fee", "fee_vat", "net_amount", "currency", "status",
    "original_provider_txn_no", "remark",
)  # fmt: skip


def fee_vnd(amount_vnd: int) -> int:
    """The fee on a payment, rounded half up."""
    return (amount_vnd * FEE_BASIS_POINTS + 5_000) // 10_000


def vat_vnd(fee: int) -> int:
    """The VAT on a fee, rounded half up."""
    return (fee * VAT_PERCENT + 50) // 100


def settlement_file(store: Store, tmn: str, day: str, *, at: float) -> str:
    """What moved for a terminal on a Vietnamese day (yyyymmdd), as known at a unix time."""
    payments = store.rows(
        "SELECT * FROM payment WHERE tmn = ? AND status = '00' AND pay_date LIKE ? ORDER BY number",
        tmn, f"{day}%",
    )  # fmt: skip
    refunds = store.rows(
        "SELECT refund.*, payment.txn_ref, payment.bank_code, payment.number AS original"
        " FROM refund JOIN payment ON payment.number = refund.payment"
        " WHERE payment.tmn = ? AND refund.at LIKE ? AND refund.ready <= ? AND refund.rejected = 0"
        " ORDER BY refund.number",
        tmn, f"{day}%", at,
    )  # fmt: skip
    rows = [*map(_payment, payments), *map(_refund, refunds)]
    lines = [";".join(COLUMNS)]
    for seq, row in enumerate(rows, 1):
        shared = {"settlement_date": _date(day), "seq": seq, "tmn_code": tmn, "currency": "VND"}
        lines.append(";".join(str((row | shared).get(name, "")) for name in COLUMNS))
    return _with_trailer(lines, rows)


def _payment(row: Row) -> dict[str, Any]:
    fee = fee_vnd(row["amount_vnd"])
    return {
        "txn_ref": row["txn_ref"],
        "provider_txn_no": row["number"],
        "bank_tran_no": f"VNP{row['number']}",
        "bank_code": row["bank_code"] or "NCB",
        "txn_type": "PAYMENT",
        "txn_time": _time(row["pay_date"]),
        "amount": row["amount_vnd"],
        "fee": fee,
        "fee_vat": vat_vnd(fee),
        "net_amount": row["amount_vnd"] - fee - vat_vnd(fee),
        "status": "00",
    }


def _refund(row: Row) -> dict[str, Any]:
    return {
        "txn_ref": row["txn_ref"],
        "provider_txn_no": row["number"],
        "bank_code": row["bank_code"] or "NCB",
        "txn_type": "REFUND",
        "txn_time": _time(row["at"]),
        "amount": -row["amount_vnd"],
        "fee": 0,
        "fee_vat": 0,
        "net_amount": -row["amount_vnd"],
        "status": "00",
        "original_provider_txn_no": row["original"],
    }


def _with_trailer(lines: Iterable[str], rows: list[dict[str, Any]]) -> str:
    body = "".join(f"{line}\n" for line in lines)
    sums = [
        sum(int(row[name]) for row in rows) for name in ("amount", "fee", "fee_vat", "net_amount")
    ]
    checksum = hashlib.sha256(body.encode()).hexdigest()
    return body + ";".join(map(str, ("TRAILER", len(rows), *sums, checksum))) + "\n"


def _date(day: str) -> str:
    return f"{day[:4]}-{day[4:6]}-{day[6:8]}"


def _time(stamp: str) -> str:
    return f"{_date(stamp)} {stamp[8:10]}:{stamp[10:12]}:{stamp[12:14]}"
