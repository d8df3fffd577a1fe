"""A person says what waiting money was for: the sale is paid, told, counted and invoiced as any other."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

import catalog
import payments
from market import echo, ids, live, sales
from market.conflict_tables import ReceiptConflictRow
from market.db import Database, Viewer
from market.errors import NotFound, SaleInvoiced
from market.flows import adoption, settlement
from market.flows.context import Context, Event
from market.flows.ledgers import ledger_of
from market.tables import SaleRow, StallRow
from payments import suspense

SOLD_BEFORE = timedelta(hours=24)
SOLD_AFTER = timedelta(minutes=15)
"""Which sales the money may have been for: those around the time it came."""
CANDIDATES_MAX = 8
CONFLICTS_MAX = 100
UNFINISHED_AFTER = timedelta(seconds=10)
"""A plan that old was cut off: its request would have been answered by now."""


@dataclass(frozen=True)
class Candidate:
    """A sale the money may have been for, best first."""

    sale_id: UUID
    payment_id: UUID
    amount_vnd: int
    needed_vnd: int
    """What of the money it takes: its amount less what came short for it before."""
    left_vnd: int
    """What would be left of the money; negative: so much is missing."""
    memo: str
    stall_code: str
    state: str
    sold_at: datetime
    why: str
    """“code”, “named”, “amount” or “time”."""
    is_gone: bool = False
    """Its goods went to somebody else when it had ended: the money can only go back."""


# ── Deciding ────────────────────────────────────────────────────────────────────────────────────


async def resolve(
    database: Database,
    ledger: payments.Ledger,
    viewer: Viewer,
    command: suspense.Resolve,
    *,
    now: datetime,
) -> suspense.Decision:
    """What was decided, carried out; as durable as any payment when it returns.

    Raises: what `payments.suspense.plan` does; catalog.OutOfStock where a sale's goods went to
    somebody else when it had expired; CaseRefused where the ledger says no; LedgerBusy,
    LedgerUnavailable, and then `finish_decisions` carries it out soon.
    """
    async with database.as_viewer(viewer) as db:
        decision = await suspense.plan(db, command, now=now)
        for sale_id in _paid_by(decision):
            await catalog.pay_stock(db, sale_id, now=now)
    return await _carry_out(database, ledger, decision, command.receipt_id, now)


async def undo(
    database: Database,
    ledger: payments.Ledger,
    viewer: Viewer,
    command: suspense.Undo,
    *,
    now: datetime,
) -> suspense.Decision:
    """What was decided is taken back, whole; the money waits again.

    Raises: as `resolve`; SaleInvoiced where an invoice says that a sale was paid.
    """
    async with database.as_viewer(viewer) as db:
        decision = await suspense.plan_undo(db, command, now=now)
        for part in decision.parts:
            row = await sales.sale(db, part.target_id, lock=True) if part.target_id else None
            if row is not None and row.invoice_id is not None:
                raise SaleInvoiced(row.id)
    return await _carry_out(database, ledger, decision, command.receipt_id, now)


async def finish_decisions(context: Context, _: dict[str, Any]) -> None:
    """Job: decisions whose request was cut off are carried out."""
    before = context.now() - UNFINISHED_AFTER
    async with context.database.as_system() as db:
        left = await suspense.planned(db, before=before)
    if not left:
        return
    async with ledger_of(context) as ledger:
        for decision in left:
            outcomes = await suspense.carry_out(ledger, decision)
            await _finish(context.database, decision, outcomes, context.now())


async def _carry_out(
    database: Database,
    ledger: payments.Ledger,
    decision: suspense.Decision,
    receipt_id: UUID,
    now: datetime,
) -> suspense.Decision:
    outcomes = await suspense.carry_out(ledger, decision)
    done = await _finish(database, decision, outcomes, now)
    if done.state == "refused":
        raise suspense.CaseRefused(receipt_id, done.outcome)
    return done


async def _finish(
    database: Database,
    decision: suspense.Decision,
    outcomes: Sequence[payments.Outcome],
    now: datetime,
) -> suspense.Decision:
    """What did not happen, and what was taken back, gives back the goods that were taken for it.

    In this transaction, before anybody can decide about the case again.
    """
    async with database.as_system() as db:
        before = await suspense.locked(db, decision.id)
        done = await suspense.finish(db, decision.id, outcomes, now=now)
        is_paid = done.state == "posted" if done.undoes_id is None else done.state == "refused"
        if before.state == "planned" and not is_paid:
            for sale_id in _paid_by(done):
                await catalog.release_stock(db, sale_id, now=now, paid_too=True)
    return done


def _paid_by(decision: suspense.Decision) -> list[UUID]:
    """The sales a decision pays, lowest id first; a payment has the id of its sale."""
    paid = [one.target_id for one in decision.parts if one.kind == "payment" and one.target_id]
    return sorted(paid)


# ── What it may have been for ───────────────────────────────────────────────────────────────────


async def candidates(db: AsyncSession, case: suspense.Case) -> Sequence[Candidate]:
    """Sales of the owner around that time which still lack their money, likeliest first."""
    rows = await db.exec(
        select(SaleRow, StallRow.code)
        .join(StallRow, col(StallRow.id) == SaleRow.stall_id)
        .where(
            SaleRow.vendor_id == case.owner_id,
            col(SaleRow.payment_id).is_not(None),
            col(SaleRow.state).in_(["open", "partial", "expired", "cancelled"]),
            col(SaleRow.sold_at).between(
                case.occurred_at - SOLD_BEFORE, case.occurred_at + SOLD_AFTER
            ),
        )
        .limit(500)
    )
    listed = [_candidate(case, row, code) for row, code in rows.all()]
    gone = await catalog.gone(db, [one.sale_id for one in listed])
    found = [replace(one, is_gone=one.sale_id in gone) for one in listed]
    order = ("code", "named", "amount", "time")
    found.sort(
        key=lambda one: (
            order.index(one.why),
            one.left_vnd < 0,
            abs(one.sold_at - case.occurred_at),
        )
    )
    return found[:CANDIDATES_MAX]


def _candidate(case: suspense.Case, row: SaleRow, stall_code: str) -> Candidate:
    assert row.payment_id is not None
    own_vnd = case.amount_vnd if case.outcome == "short" and case.payment_id == row.id else 0
    needed_vnd = row.amount_vnd - row.received_vnd + own_vnd
    if row.payment_id == case.suggested_id:
        why = "code" if needed_vnd != case.amount_vnd else "named"
    elif row.payment_id == case.payment_id:
        why = "code"
    else:
        why = "amount" if needed_vnd == case.amount_vnd else "time"
    return Candidate(
        sale_id=row.id,
        payment_id=row.payment_id,
        amount_vnd=row.amount_vnd,
        needed_vnd=needed_vnd,
        left_vnd=case.amount_vnd - needed_vnd,
        memo=row.memo,
        stall_code=stall_code,
        state=row.state,
        sold_at=row.sold_at,
        why=why,
    )


# ── What follows ────────────────────────────────────────────────────────────────────────────────

SALE_KINDS = {"payment", "sale"}
_TAKE_BACK = text(
    "UPDATE market.takings_hour SET sale_count = sale_count - 1, sale_vnd = sale_vnd - :vnd"
    " WHERE stall_id = :stall_id AND hour = :hour AND method = :method"
)


async def resolved(db: AsyncSession, event: Event, now: datetime) -> None:
    """Reaction to `suspense.resolved`: each sale it paid is paid, on every screen and in the books."""
    for part in _sale_parts(event):
        row = await _sale_of(db, event, part, now)
        row.state = "paid"
        row.received_vnd = row.amount_vnd
        row.paid_at = datetime.fromisoformat(event.data["occurred_at"])
        row.echo_word = echo.echo_of(_first_receipt(event))[0]
        db.add(row)
        await db.flush()
        await _tell(db, row, now)
        await adoption.takings_rolled_up(db, _as_receipt(event, part, row), now)
        await settlement.invoice_if_wished(db, row, now)


async def undone(db: AsyncSession, event: Event, now: datetime) -> None:
    """Reaction to `suspense.undone`: the sales it had paid are not paid, and not counted."""
    for part in _sale_parts(event):
        row = await sales.sale(db, UUID(part["target_id"]), lock=True)
        if row is None or row.state != "paid":
            continue
        payment = await payments.payment(db, row.payment_id) if row.payment_id else None
        row.state = payment.state.value if payment is not None else "cancelled"
        row.received_vnd = payment.received_vnd if payment is not None else 0
        row.paid_at, row.echo_word = None, ""
        db.add(row)
        await db.flush()
        await _tell(db, row, now)
        counted = _as_receipt(event, part, row)
        await db.execute(
            _TAKE_BACK,
            {
                "stall_id": row.stall_id,
                "hour": adoption.hour_of(datetime.fromisoformat(event.data["occurred_at"])),
                "method": adoption.method_of(counted.data),
                "vnd": part["amount_vnd"],
            },
        )


async def conflict_told(db: AsyncSession, event: Event, now: datetime) -> None:
    """Reaction to `receipt.conflict`: what was told first stands, and somebody has to look."""
    data = event.data
    db.add(
        ReceiptConflictRow(
            id=ids.new(),
            receipt_id=UUID(data["receipt_id"]),
            owner_id=event.owner_id,
            gateway=data["gateway"],
            first_vnd=data["amount_vnd"],
            told_vnd=data["told_vnd"],
            memo=data["memo"],
            occurred_at=datetime.fromisoformat(data["occurred_at"]),
            told_at=event.at,
        )
    )


async def conflicts(
    db: AsyncSession, owner_id: UUID | None = None, *, unseen: bool = False
) -> Sequence[ReceiptConflictRow]:
    """Notices that disagree with the books, newest first; of one owner, or all one may see."""
    query = select(ReceiptConflictRow)
    if owner_id is not None:
        query = query.where(ReceiptConflictRow.owner_id == owner_id)
    if unseen:
        query = query.where(col(ReceiptConflictRow.seen_at).is_(None))
    rows = await db.exec(
        query.order_by(col(ReceiptConflictRow.told_at).desc()).limit(CONFLICTS_MAX)
    )
    return rows.all()


async def conflict_seen(
    db: AsyncSession, conflict_id: UUID, by: UUID | None, *, now: datetime
) -> None:
    """Somebody looked and asked the bank. Raises: NotFound."""
    row = await db.get(ReceiptConflictRow, conflict_id, with_for_update=True)
    if row is None:
        raise NotFound("conflict", conflict_id)
    if row.seen_at is None:
        row.seen_at, row.seen_by = now, by
        db.add(row)


def _sale_parts(event: Event) -> list[dict[str, Any]]:
    parts = event.data["parts"]
    return [one for one in parts if one["kind"] in SALE_KINDS and not one["is_charge"]]


def _first_receipt(event: Event) -> UUID:
    return UUID(event.data["shares"][0]["receipt_id"])


async def _sale_of(db: AsyncSession, event: Event, part: dict[str, Any], now: datetime) -> SaleRow:
    """The sale the payment was opened for, or a new one."""
    sale_id = UUID(part["target_id"])
    known = await sales.sale(db, sale_id, lock=True)
    if known is not None:
        return known
    return SaleRow(
        id=sale_id,
        stall_id=UUID(part["place_id"]),
        vendor_id=UUID(event.data["owner_id"]),
        amount_vnd=part["amount_vnd"],
        received_vnd=0,
        method="vietqr",
        sold_by=UUID(event.data["decided_by"]),
        sold_at=datetime.fromisoformat(event.data["occurred_at"]),
        recorded_at=now,
        digest=b"assigned" + sale_id.bytes,
    )


def _as_receipt(event: Event, part: dict[str, Any], row: SaleRow) -> Event:
    """What the roll-up of takings is told of a sale, in its own words."""
    data = {
        "booked_vnd": part["amount_vnd"],
        "place_id": str(row.stall_id),
        "occurred_at": event.data["occurred_at"],
        "outcome": "settled",
        "gateway": row.method,
    }
    return Event(event.kind, event.owner_id, event.subject_id, data, event.at)


async def _tell(db: AsyncSession, row: SaleRow, now: datetime) -> None:
    """The till, and the shopper behind the payment."""
    said = {"sale_id": str(row.id), "state": row.state, "method": row.method}
    await live.tell(db, f"stall:{row.stall_id}", "sale", said, now=now)
    if row.payment_id is None:
        return
    shown = {
        "state": row.state,
        "amount_vnd": row.amount_vnd,
        "received_vnd": row.received_vnd,
        "missing_vnd": max(0, row.amount_vnd - row.received_vnd),
        "echo_word": row.echo_word,
        "echo_colour": "",
        "paid_at": row.paid_at,
    }
    await live.tell(db, f"payment:{row.payment_id}", "state", shown, now=now)
