"""The rows of an acquirer's file that are no payments: refunds, chargebacks, adjustments."""

from collections import Counter
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import msgspec

from payments.reconciliation import classes
from payments.reconciliation.classes import Class, Difference, Ours, Theirs
from payments.reconciliation.errors import RecordUnlike
from payments.reconciliation.provider_file import SUCCEEDED

ORIGINAL_WITHIN = timedelta(days=400)
"""How old a payment may be that is given back; card schemes allow less."""
OTHER_COUNT_MAX = 100_000

Found = tuple[Theirs, Ours | None, Difference | None]


async def compare_others(db: Any, acquirer: str, day: date, rows: Sequence[Theirs]) -> list[Found]:
    """What belongs to each row, and why it cannot stand as it is.

    A refund or a chargeback needs one of ours of the same original and amount that no session has
    had; which day it falls on is the acquirer's business, so none of ours is ever missing. An
    adjustment is the acquirer's own: it needs an owner.
    """
    if len(rows) > OTHER_COUNT_MAX:
        raise RecordUnlike(f"More than {OTHER_COUNT_MAX} refunds.", "Is it the right file?")
    if not rows:
        return []
    since = day - ORIGINAL_WITHIN
    originals = await _originals(db, acquirer, since, day, [row.original for row in rows])
    asked = await _asked(db, originals)
    for key in await _settled(db, acquirer, day, list(originals)):
        asked[key] -= 1
    seen: Counter[tuple[str, str]] = Counter()
    found: list[Found] = []
    for row in rows:
        original = originals.get(row.original)
        seen[row.txn_type, row.number] += 1
        if seen[row.txn_type, row.number] > 1:
            wrong: Difference | None = classes.of_class(Class.DUPLICATE, row, original)
        elif row.status not in SUCCEEDED:
            wrong = classes.of_class(Class.STATUS_MISMATCH, row, original)
        elif row.txn_type in ("REFUND", "CHARGEBACK"):
            wrong = _refund(row, original, asked)
        else:
            wrong = None if original else classes.of_class(Class.MISSING_LOCAL, row, None)
        found.append((row, original, wrong))
    return found


def _refund(
    row: Theirs, original: Ours | None, asked: Counter[tuple[str, int]]
) -> Difference | None:
    key = (row.original, -row.amount_vnd)
    if original is not None and asked[key] > 0:
        asked[key] -= 1
        return None
    other = next((k for k, n in asked.items() if k[0] == row.original and n > 0), None)
    if original is None or other is None:
        return _with_ours(classes.of_class(Class.MISSING_LOCAL, row, original), None)
    asked[other] -= 1
    wrong = classes.of_class(Class.AMOUNT_MISMATCH, row, original)
    return _with_ours(wrong, -other[1])


def _with_ours(wrong: Difference, ours_vnd: int | None) -> Difference:
    return msgspec.structs.replace(wrong, ours_vnd=ours_vnd)


async def _originals(
    db: Any, acquirer: str, since: date, day: date, numbers: Sequence[str]
) -> dict[str, Ours]:
    rows = await db.fetch(_ORIGINALS, acquirer, since, day, [one for one in numbers if one])
    return {
        row["provider_id"]: Ours(
            receipt_id=row["id"],
            owner_id=row["owner_id"],
            number=row["provider_id"],
            reference=row["payment_ref"],
            amount_vnd=row["amount_vnd"],
            occurred_at=row["occurred_at"],
        )
        for row in rows
    }


async def _asked(db: Any, originals: dict[str, Ours]) -> Counter[tuple[str, int]]:
    """Our refunds by the original's number and the amount."""
    by_id = {one.receipt_id: number for number, one in originals.items()}
    owners: list[UUID] = [one.owner_id for one in originals.values() if one.owner_id]
    rows = await db.fetch(_REFUNDS, list(by_id), owners)
    return Counter((by_id[row["receipt_id"]], row["amount_vnd"]) for row in rows)


async def _settled(db: Any, acquirer: str, day: date, numbers: list[str]) -> list[tuple[str, int]]:
    rows = await db.fetch(_SETTLED, acquirer, day, numbers)
    return [(row["original"], -row["amount_vnd"]) for row in rows]


_ORIGINALS = """
SELECT id, owner_id, provider_id, payment_ref, amount_vnd, occurred_at FROM payments.receipt
WHERE business_date BETWEEN $2 AND $3 AND gateway = $1 AND provider_id = ANY ($4::text[])
  AND direction = 'in' AND owner_id IS NOT NULL
"""
# What went back by a request, and what the ledger gave back without one; a refund gives back the
# transfer of its receipt, the first of which has the receipt's id.
_REFUNDS = """
SELECT q.receipt_id, q.amount_vnd FROM payments.refund_request q
WHERE q.receipt_id = ANY ($1::uuid[]) AND q.confirmed_at IS NOT NULL
UNION ALL
SELECT r.original_id, r.amount_vnd FROM payments.refund r
WHERE r.lane = ANY (ARRAY(SELECT DISTINCT payments.lane_of(x) FROM unnest($2::uuid[]) x))
  AND r.original_id = ANY ($1::uuid[])
  AND NOT EXISTS (SELECT FROM payments.refund_request q WHERE q.id = r.id)
"""
_SETTLED = """
SELECT r.original_provider_txn_no AS original, r.amount_vnd FROM payments.settlement_row r
JOIN payments.settlement_session s ON s.id = r.session_id AND s.state <> 'withdrawn'
WHERE r.acquirer = $1 AND r.day <> $2 AND r.txn_type IN ('REFUND', 'CHARGEBACK')
  AND r.original_provider_txn_no = ANY ($3::text[])
"""
