"""What the acquirer is told to pay whom, and that it did. An instruction is no money: nothing is held.

In order: `freeze` what the session pays, post its fees row by row, `instruct`, and `confirm` each
payout by the credit on the vendor's account. Each step may be repeated.
"""

import base64
from collections.abc import Sequence
from datetime import date, datetime
from hashlib import blake2b
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import insert, text
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from payments.clearing.errors import PayoutUnknown, SessionNotReady
from payments.clearing.posting import PayableRow, derived_id
from payments.clearing.sessions import SessionState, _locked, _moved
from payments.clearing.tables import PayoutRow
from payments.ledger.accounts import AccountKind, AccountName
from payments.ledger.transfer import NO_ID, Transfer, TransferKind
from payments.reconciliation.classes import RELEASES

ROWS_AT_ONCE = 2_000
REFERENCE_PREFIX = "QT"
"""Banks write FT, MB, CT, GD, TT, IB and VCB into memos themselves."""


class Payout(msgspec.Struct, frozen=True, kw_only=True):
    """One vendor's part of one session."""

    session_id: UUID
    owner_id: UUID
    acquirer: str
    day: date
    row_count: int
    amount_vnd: int
    fee_vnd: int
    fee_vat_vnd: int
    net_vnd: int
    carried_in_vnd: int
    """What an earlier session left below zero."""
    pay_vnd: int
    """What the acquirer is told to pay; never below zero."""
    carried_out_vnd: int
    """What is left below zero for the next session."""
    reference: str
    state: str
    """instructed, confirmed, or nothing: there is nothing to pay."""
    instructed_at: datetime
    confirmed_at: datetime | None
    receipt_id: UUID | None


async def freeze(db: AsyncSession, session_id: UUID) -> None:
    """What the session pays no longer changes: its rows without a difference, and every held row
    that was released since, of earlier sessions too. Repeatable.

    Raises: SessionUnknown, SessionNotReady.
    """
    row = await _locked(db, session_id)
    if row.state != SessionState.APPROVED:
        raise SessionNotReady(session_id, row.state, "instructed")
    connection = await db.connection()
    await connection.execute(
        _RELEASE,
        {"session": session_id, "acquirer": row.acquirer, "releases": [str(r) for r in RELEASES]},
    )


async def payable_rows(
    db: AsyncSession, session_id: UUID, *, after: int = 0, limit: int = ROWS_AT_ONCE
) -> list[PayableRow]:
    """The session's own rows that are not held, in order; go on after the last one's `seq`."""
    return await _rows(db, _PAYABLE, {"session": session_id, "after": after, "limit": limit})


async def released_rows(db: AsyncSession, session_id: UUID) -> list[PayableRow]:
    """Held rows that were released into the session."""
    return await _rows(db, _RELEASED, {"session": session_id})


async def instruct(db: AsyncSession, session_id: UUID, *, now: datetime) -> Sequence[Payout]:
    """The payouts stand, and the session is INSTRUCTED. Repeatable. Post the fees first.

    Raises: SessionUnknown, SessionNotReady.
    """
    row = await _locked(db, session_id)
    if row.state in (SessionState.INSTRUCTED, SessionState.CONFIRMED):
        return await payouts(db, session_id)
    if row.state != SessionState.APPROVED:
        raise SessionNotReady(session_id, row.state, "instructed")
    connection = await db.connection()
    await connection.execute(_LOCK, {"acquirer": row.acquirer})
    sums = await connection.execute(_SUMS, {"session": session_id, "acquirer": row.acquirer})
    made = [_payout_values(row.acquirer, row.day, session_id, one, now) for one in sums]
    if made:
        await connection.execute(insert(PayoutRow), made)
    row.state, row.instructed_at, row.problem = SessionState.INSTRUCTED.value, now, ""
    await _moved(db, row, "instructed", None, now)
    await _confirm_session(db, session_id, now)
    return await payouts(db, session_id)


async def payouts(db: AsyncSession, session_id: UUID) -> Sequence[Payout]:
    """Every vendor's part of a session, largest first."""
    rows = await db.exec(
        select(PayoutRow)
        .where(PayoutRow.session_id == session_id)
        .order_by(col(PayoutRow.pay_vnd).desc(), col(PayoutRow.owner_id))
        .execution_options(populate_existing=True)
    )
    return [_payout(row) for row in rows.all()]


async def payout_of(db: AsyncSession, session_id: UUID, owner_id: UUID) -> Payout:
    """Raises: PayoutUnknown."""
    row = await db.get(PayoutRow, (session_id, owner_id), populate_existing=True)
    if row is None or row.state == "nothing":
        raise PayoutUnknown(session_id, owner_id)
    return _payout(row)


async def payouts_of(db: AsyncSession, owner_id: UUID, *, limit: int = 60) -> Sequence[Payout]:
    """A vendor's payouts, newest day first."""
    rows = await db.exec(
        select(PayoutRow)
        .where(PayoutRow.owner_id == owner_id)
        .order_by(col(PayoutRow.day).desc(), col(PayoutRow.instructed_at).desc())
        .limit(limit)
        .execution_options(populate_existing=True)
    )
    return [_payout(row) for row in rows.all()]


async def awaited(db: AsyncSession, owner_id: UUID) -> Sequence[Payout]:
    """A vendor's payouts whose credit was not seen yet, oldest first."""
    rows = await db.exec(
        select(PayoutRow)
        .where(PayoutRow.owner_id == owner_id, PayoutRow.state == "instructed")
        .order_by(col(PayoutRow.day))
        .execution_options(populate_existing=True)
    )
    return [_payout(row) for row in rows.all()]


def payout_in(memo: str, amount_vnd: int, waiting: Sequence[Payout]) -> Payout | None:
    """The awaited payout a credit pays: its reference in the text, and its amount to the đồng."""
    letters = "".join(letter for letter in memo.upper() if letter.isalnum())
    named = [one for one in waiting if one.reference in letters and one.pay_vnd == amount_vnd]
    return named[0] if len(named) == 1 else None


def payout_transfer(payout: Payout, source: AccountName, at: datetime) -> Transfer:
    """What the acquirer owed has arrived: on the vendor's bank account, or where its notice put it."""
    return Transfer(
        id=derived_id(payout.instructed_at, payout.session_id, payout.owner_id, "payout"),
        owner_id=payout.owner_id,
        debit_id=source.id,
        credit_id=AccountName(payout.owner_id, AccountKind.ACQUIRER, payout.acquirer).id,
        amount_vnd=payout.pay_vnd,
        kind=TransferKind.PAYOUT,
        occurred_at=at,
        subject_id=payout.receipt_id or NO_ID,
    )


async def confirm(
    db: AsyncSession,
    session_id: UUID,
    owner_id: UUID,
    *,
    receipt_id: UUID | None,
    by: UUID | None,
    now: datetime,
) -> Payout:
    """The vendor's credit was seen; with the last one the session is CONFIRMED. Repeatable.

    Post `payout_transfer` first. Raises: PayoutUnknown.
    """
    await _locked(db, session_id)
    row = await db.get(
        PayoutRow, (session_id, owner_id), with_for_update=True, populate_existing=True
    )
    if row is None or row.state == "nothing":
        raise PayoutUnknown(session_id, owner_id)
    if row.state == "instructed":
        row.state, row.confirmed_at = "confirmed", now
        row.confirmed_by, row.receipt_id = by, receipt_id
        db.add(row)
        await db.flush()
        await _confirm_session(db, session_id, now)
    return _payout(row)


async def _confirm_session(db: AsyncSession, session_id: UUID, now: datetime) -> None:
    row = await _locked(db, session_id)
    waiting = await db.exec(
        select(PayoutRow.owner_id)
        .where(PayoutRow.session_id == session_id, PayoutRow.state == "instructed")
        .limit(1)
    )
    if row.state == SessionState.INSTRUCTED and waiting.first() is None:
        row.state, row.confirmed_at = SessionState.CONFIRMED.value, now
        await _moved(db, row, "confirmed", None, now)


def _payout_values(
    acquirer: str, day: date, session_id: UUID, sums: Any, now: datetime
) -> dict[str, Any]:
    net_vnd, carried_in_vnd = int(sums.net_vnd), int(sums.carried_in_vnd)
    pay_vnd = max(net_vnd + carried_in_vnd, 0)
    return {
        "session_id": session_id,
        "owner_id": sums.owner_id,
        "acquirer": acquirer,
        "day": day,
        "row_count": sums.row_count,
        "amount_vnd": int(sums.amount_vnd),
        "fee_vnd": int(sums.fee_vnd),
        "fee_vat_vnd": int(sums.fee_vat_vnd),
        "net_vnd": net_vnd,
        "carried_in_vnd": carried_in_vnd,
        "pay_vnd": pay_vnd,
        "carried_out_vnd": min(net_vnd + carried_in_vnd, 0),
        "reference": reference_of(session_id, sums.owner_id),
        "state": "instructed" if pay_vnd else "nothing",
        "instructed_at": now,
    }


def reference_of(session_id: UUID, owner_id: UUID) -> str:
    """What stands in the text of the acquirer's credit: letters and digits that every bank keeps."""
    digest = blake2b(session_id.bytes + owner_id.bytes, digest_size=10).digest()
    return REFERENCE_PREFIX + base64.b32encode(digest).decode()[:10]


async def _rows(db: AsyncSession, query: Any, named: dict[str, Any]) -> list[PayableRow]:
    connection = await db.connection()
    rows = await connection.execute(query, named)
    return [PayableRow(**row._mapping) for row in rows]


def _payout(row: PayoutRow) -> Payout:
    return Payout(**{name: getattr(row, name) for name in Payout.__struct_fields__})


_COLUMNS = """r.session_id, r.seq, r.receipt_id, r.acquirer, r.txn_type, r.occurred_at,
    r.amount_vnd, r.fee_vnd, r.fee_vat_vnd"""
# Locks the differences it releases; whoever would undo one of them waits, and is then refused.
_RELEASE = text("""
UPDATE payments.difference d SET released_in = :session
WHERE d.released_in IS NULL AND d.seq IS NOT NULL AND d.state = 'resolved'
  AND d.resolution = ANY (:releases)
  AND (d.session_id = :session OR d.session_id IN (
      SELECT id FROM payments.settlement_session
      WHERE acquirer = :acquirer AND state IN ('instructed', 'confirmed')))
""")
_PAYABLE = text(f"""
SELECT {_COLUMNS}, r.owner_id FROM payments.settlement_row r
WHERE r.session_id = :session AND r.seq > :after AND r.owner_id IS NOT NULL
  AND NOT EXISTS (SELECT FROM payments.difference d
                  WHERE d.session_id = r.session_id AND d.seq = r.seq)
ORDER BY r.seq LIMIT :limit
""")  # noqa: S608 - a list of columns
_RELEASED = text(f"""
SELECT {_COLUMNS}, COALESCE(r.owner_id, d.owner_id) AS owner_id
FROM payments.difference d
JOIN payments.settlement_row r ON r.session_id = d.session_id AND r.seq = d.seq
WHERE d.released_in = :session AND COALESCE(r.owner_id, d.owner_id) IS NOT NULL
ORDER BY r.session_id, r.seq
""")  # noqa: S608 - a list of columns
_LOCK = text("SELECT pg_advisory_xact_lock(20261127, hashtext(:acquirer))")
_SUMS = text("""
WITH paid AS (
    SELECT r.owner_id, r.amount_vnd, r.fee_vnd, r.fee_vat_vnd, r.net_vnd
    FROM payments.settlement_row r
    WHERE r.session_id = :session AND r.owner_id IS NOT NULL
      AND NOT EXISTS (SELECT FROM payments.difference d
                      WHERE d.session_id = r.session_id AND d.seq = r.seq)
    UNION ALL
    SELECT COALESCE(r.owner_id, d.owner_id), r.amount_vnd, r.fee_vnd, r.fee_vat_vnd, r.net_vnd
    FROM payments.difference d
    JOIN payments.settlement_row r ON r.session_id = d.session_id AND r.seq = d.seq
    WHERE d.released_in = :session AND COALESCE(r.owner_id, d.owner_id) IS NOT NULL
), carried AS (
    SELECT DISTINCT ON (owner_id) owner_id, carried_out_vnd FROM payments.payout
    WHERE acquirer = :acquirer ORDER BY owner_id, instructed_at DESC, day DESC
)
SELECT p.owner_id, count(*) AS row_count, sum(p.amount_vnd) AS amount_vnd,
       sum(p.fee_vnd) AS fee_vnd, sum(p.fee_vat_vnd) AS fee_vat_vnd, sum(p.net_vnd) AS net_vnd,
       COALESCE(min(c.carried_out_vnd), 0) AS carried_in_vnd
FROM paid p LEFT JOIN carried c ON c.owner_id = p.owner_id
GROUP BY p.owner_id ORDER BY p.owner_id
""")


async def bank_account_of(db: AsyncSession, owner_id: UUID) -> AccountName | None:
    """The ledger's account of where the owner receives; the newest in use of several."""
    connection = await db.connection()
    row = (await connection.execute(_PAYEE, {"owner": owner_id})).one_or_none()
    return None if row is None else AccountName(owner_id, AccountKind.BANK, str(row.id))


_PAYEE = text("""
SELECT id FROM payments.payee WHERE owner_id = :owner
ORDER BY retired_at IS NOT NULL, registered_at DESC LIMIT 1
""")
