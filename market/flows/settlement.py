"""The ledger knows that money came: the sale is paid, the till and the shopper are told."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

import payments
from market import echo, live, sales
from market.flows import invoice_issuing
from market.flows.context import Context, Event, Together
from market.tables import SaleRow, StallRow, StandRow

COMPLETE = {"settled", "over"}
"""Outcomes after which the asked amount is in the ledger."""
COUNTED = COMPLETE | {"short", "stand", "cash"}
"""Outcomes whose money is for a sale; all other money waits for a person."""
FOLLOWED_BY_NOTHING = {"already_seen", "failed", "outgoing", "account_unknown"}


@Together
async def receipt_recorded(db: AsyncSession, events: Sequence[Event], now: datetime) -> None:
    """Reaction to `receipt.recorded`: what follows from each verified movement of money."""
    found = [one.data for one in events if one.data["outcome"] not in FOLLOWED_BY_NOTHING]
    rows = await _sales_of(db, found)
    paid: dict[UUID, SaleRow] = {}
    told: list[live.Telling] = []
    for data in found:
        if data.get("purpose") != "test":
            row = _sale_of(rows, data, now)
            if row is not None:
                _advance(row, data)
                db.add(row)
                if row.state == "paid" and row.paid_at is not None:
                    paid[row.id] = row
            told += await _told_at_stalls(db, data, row)
        if data.get("payment_id"):
            told.append(_told_of_payment(data))
    await db.flush()
    await live.tell_all(db, told, now=now)
    await _invoice_as_wished(db, list(paid.values()), now)


async def payment_ended(db: AsyncSession, event: Event, now: datetime) -> None:
    """Reaction to `payment.expired` and `payment.cancelled`: the sale no longer waits."""
    payment_id = UUID(event.data["payment_id"])
    found = await db.exec(select(SaleRow).where(SaleRow.payment_id == payment_id).with_for_update())
    row = found.one_or_none()
    ended = "expired" if event.kind == "payment.expired" else "cancelled"
    if row is None or row.state not in {"open", "partial", ended}:
        return  # `ended` already: the till itself cancelled; the shopper has yet to be told
    row.state = ended
    db.add(row)
    said = {"sale_id": str(row.id), "state": row.state}
    await live.tell(db, f"stall:{row.stall_id}", "sale", said, now=now)
    await live.tell(db, f"payment:{payment_id}", "state", {"state": row.state}, now=now)


async def expire_payments(context: Context, _: dict[str, Any]) -> None:
    """Job: payments past their deadline end; what comes later is put before a person."""
    while True:
        async with context.database.as_system() as db:
            ended = await payments.expire_payments(db, now=context.now())
        if not ended:
            return


async def _sales_of(db: AsyncSession, found: Sequence[dict[str, Any]]) -> dict[UUID, SaleRow]:
    """The sales that money may be for, locked."""
    named = {sale_id for data in found if (sale_id := _sale_id(data)) is not None}
    return {one.id: one for one in await sales.locked(db, sorted(named))}


def _sale_id(data: dict[str, Any]) -> UUID | None:
    """The sale this money is for; a stand's receipt makes one of its own."""
    if data["outcome"] == "stand":
        return UUID(data["receipt_id"])
    sale_id = data.get("payment_id") or data.get("subject_id")
    return None if sale_id is None else UUID(sale_id)


def _sale_of(rows: dict[UUID, SaleRow], data: dict[str, Any], now: datetime) -> SaleRow | None:
    sale_id = _sale_id(data)
    if sale_id is None:
        return None
    if sale_id not in rows and data["outcome"] == "stand":
        rows[sale_id] = _stand_sale(data, now)
    return rows.get(sale_id)


def _stand_sale(data: dict[str, Any], now: datetime) -> SaleRow:
    receipt_id = UUID(data["receipt_id"])
    occurred_at = datetime.fromisoformat(data["occurred_at"])
    return SaleRow(
        id=receipt_id,
        stall_id=UUID(data["place_id"]),
        vendor_id=UUID(data["owner_id"]),
        amount_vnd=data["amount_vnd"],
        received_vnd=0,
        method="stand",
        memo=data.get("memo", "")[:25],
        sold_at=occurred_at,
        recorded_at=now,
        digest=b"stand" + receipt_id.bytes,
    )


def _advance(row: SaleRow, data: dict[str, Any]) -> None:
    """Move the sale on by what the ledger says; a state never goes back."""
    outcome = data["outcome"]
    if outcome not in COUNTED or row.state == "paid":
        return
    row.received_vnd = max(row.received_vnd, data.get("received_vnd") or data["amount_vnd"])
    if outcome == "short":
        row.state = "partial"
        return
    row.state = "paid"
    row.paid_at = datetime.fromisoformat(data["occurred_at"])
    row.echo_word = echo.echo_of(UUID(data["receipt_id"]))[0]
    if data.get("gateway") in {"vnpay", "stripe"}:
        row.method = data["gateway"]  # the shopper chose another road than the till offered


def _heard(data: dict[str, Any], row: SaleRow | None) -> dict[str, Any]:
    """What the vendor's screen shows and says, result first."""
    word, colour = echo.echo_of(UUID(data["receipt_id"]))
    asked_vnd = data.get("asked_vnd") or 0
    received_vnd = data.get("received_vnd") or data["amount_vnd"]
    announced = payments.announcement(
        data["outcome"], data["amount_vnd"], asked_vnd=asked_vnd, received_vnd=received_vnd
    )
    return {
        "receipt_id": data["receipt_id"],
        "sale_id": str(row.id) if row is not None else None,
        "outcome": data["outcome"],
        "gateway": data.get("gateway", ""),
        "amount_vnd": data["amount_vnd"],
        "asked_vnd": asked_vnd,
        "received_vnd": received_vnd,
        "missing_vnd": max(0, asked_vnd - received_vnd),
        "excess_vnd": max(0, received_vnd - asked_vnd) if asked_vnd else 0,
        "echo_word": word,
        "echo_colour": colour,
        "spoken": announced.text,
        "headline": announced.headline,
        "tone": announced.tone,
        "clips": list(announced.clips),
        "warn": announced.warning,
        "at": data["occurred_at"],
    }


async def _told_at_stalls(
    db: AsyncSession, data: dict[str, Any], row: SaleRow | None
) -> list[live.Telling]:
    if data["outcome"] == "cash":
        said = {"sale_id": data["subject_id"], "state": "paid", "method": "cash"}
        return [live.Telling(f"stall:{data['place_id']}", "sale", said)]
    heard = _heard(data, row)
    return [
        live.Telling(f"stall:{stall_id}", "money", heard)
        for stall_id in await _stalls(db, data, row)
    ]


def _told_of_payment(data: dict[str, Any]) -> live.Telling:
    word, colour = echo.echo_of(UUID(data["receipt_id"]))
    asked_vnd = data.get("asked_vnd") or 0
    received_vnd = data.get("received_vnd") or 0
    complete = data["outcome"] in COMPLETE
    said = {
        "state": "paid" if complete else data["outcome"],
        "amount_vnd": asked_vnd,
        "received_vnd": received_vnd,
        "missing_vnd": max(0, asked_vnd - received_vnd),
        "echo_word": word if complete else "",
        "echo_colour": colour if complete else "",
        "paid_at": data["occurred_at"] if complete else None,
    }
    return live.Telling(f"payment:{data['payment_id']}", "state", said)


async def _stalls(db: AsyncSession, data: dict[str, Any], row: SaleRow | None) -> list[UUID]:
    """Whose screens hear it: the sale's stall, else every stall of the vendor. Never none."""
    if row is not None:
        return [row.stall_id]
    if data.get("place_id"):
        return [UUID(data["place_id"])]
    if data.get("stand_id"):
        found = await db.exec(
            select(StandRow.stall_id).where(StandRow.id == UUID(data["stand_id"]))
        )
        return list(found.all())
    if data.get("owner_id"):
        all_stalls = await db.exec(
            select(StallRow.id).where(
                StallRow.vendor_id == UUID(data["owner_id"]), col(StallRow.status) == "active"
            )
        )
        return list(all_stalls.all())
    return []


async def invoice_if_wished(db: AsyncSession, row: SaleRow, now: datetime) -> None:
    """The paid sale is invoiced soon, where its stall invoices each one."""
    await _invoice_as_wished(db, [row], now)


async def _invoice_as_wished(db: AsyncSession, rows: Sequence[SaleRow], now: datetime) -> None:
    waiting = [row for row in rows if row.invoice_id is None]
    if not waiting:
        return
    found = await db.exec(
        select(StallRow.id).where(
            col(StallRow.id).in_({row.stall_id for row in waiting}),
            StallRow.invoice_mode == "each_sale",
        )
    )
    wishing = set(found.all())
    wished = [row for row in waiting if row.stall_id in wishing]
    due = await invoice_issuing.sold_since_registered(db, wished, now=now)
    await invoice_issuing.wish(db, [row.id for row in due], now=now)
