"""Money back to a buyer: asked for at the stall, sent to the acquirer or made by hand, then booked.

Nothing here guesses. A refund by API is reserved, marked UNKNOWN, sent, and asked about until the
acquirer says how it ended (`flows.acquired`); a guided transfer is done when the bank's own notice
shows it. Only then has the ledger it, and the invoice's correction may follow from `refund.done`.
"""

import secrets
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any
from uuid import UUID

import msgspec
from sqlmodel.ext.asyncio.session import AsyncSession

import catalog
import payments
from market import ids, live, outbox, outgoing
from market.errors import GoodsNotSold, SaleNotPaid
from market.flows import refund_asking
from market.flows.context import Context, Event
from market.flows.ledgers import ledger_of
from market.gateways import gateways_of
from market.refund_tables import RefundGoodsRow
from market.sales import SaleLine
from market.tables import SaleRow
from payments import Answered, Refundable, RefundAnswer, RefundRequest, RefundState, suspense

SENT_AT_ONCE_MAX = 20
"""Refunds of one run; the next one goes on."""
CODE_TRIES_MAX = 5
"""Of a vendor's thousand refunds, a new code is one of theirs once in thousands of times."""


@dataclass(frozen=True)
class Recipient:
    """The buyer's account, as the bank's notice told it or the vendor keyed it."""

    bank_bin: str = ""
    account_no: str = ""
    name: str = ""


async def refundable(db: AsyncSession, sale: SaleRow) -> list[Refundable]:
    """What came for a sale, each with what is left of it, most left first.

    Raises: SaleNotPaid where nothing did.
    """
    if sale.paid_at is None:
        raise SaleNotPaid(sale.id, sale.state)
    if sale.method == "cash":
        return list(await payments.cash_refundable(db, sale.vendor_id, sale.id))
    found = list(await payments.refundable(db, payment_id=sale.payment_id or sale.id))
    if sale.payment_id is None and not found:  # by the printed code: the sale is its receipt
        found = list(await payments.refundable(db, receipt_id=sale.id))
    in_sales = [one for one in found if not one.is_held]
    return sorted(in_sales, key=lambda one: -one.left_vnd)


async def refunds_of(db: AsyncSession, sale: SaleRow) -> list[RefundRequest]:
    """Every refund of a sale, oldest first."""
    found = list(await payments.refunds_of(db, payment_id=sale.payment_id or sale.id))
    if sale.payment_id is None and not found:
        found = list(await payments.refunds_of(db, receipt_id=sale.id))
    return found


async def ask(
    db: AsyncSession,
    sale: SaleRow,
    refund_id: UUID,
    amount_vnd: int,
    *,
    reason: str,
    by: UUID | None,
    to: Recipient,
    returned: Collection[UUID] = (),
    pieces: Mapping[int, Decimal] | None = None,
    now: datetime,
) -> RefundRequest:
    """Give back some of a sale. Asked twice under one id, it is asked once.

    `returned`: counted goods that the buyer brought back; they are on the shelf again at once.
    `pieces`: how much of each line of the sale it is for; the invoice's correction follows them.
    Raises: SaleNotPaid, NotRefundable, RefundTooLarge, RefundIdReused.
    """
    for one in await refundable(db, sale):
        if one.road == "cash":
            continue
        await suspense.lock_decided(db, one.owner_id, one.receipt_id)
    known = await payments.refund_request(db, refund_id)
    options = await refundable(db, sale)
    if not options:
        raise payments.NotRefundable(sale.id, "nothing came by bank or card")
    fitting = [one for one in options if known and one.receipt_id == known.receipt_id]
    fitting = fitting or [one for one in options if one.left_vnd >= amount_vnd]
    if not fitting:
        raise payments.RefundTooLarge(amount_vnd, left_vnd=options[0].left_vnd)
    asked = await ask_by_receipt(db, fitting[0], refund_id, amount_vnd, reason, by, to, now=now)
    if returned:
        await catalog.return_stock(db, sale.id, returned, refund_id, now=now, by=by)
    if pieces and known is None:
        said = {str(index): str(quantity) for index, quantity in pieces.items()}
        row = RefundGoodsRow(
            refund_id=asked.id, vendor_id=sale.vendor_id, sale_id=sale.id, pieces=said
        )
        await db.merge(row)
        await db.flush()
    return asked


def worth_vnd(lines: Sequence[SaleLine], pieces: Mapping[int, Decimal]) -> int:
    """What so much of each line was sold for.

    Raises: GoodsNotSold for a line that is not there, or for more of it than was sold.
    """
    found = 0
    for index, quantity in pieces.items():
        if not 0 <= index < len(lines) or not 0 < quantity <= lines[index].quantity:
            raise GoodsNotSold(index)
        one = lines[index]
        share = one.amount_vnd * quantity / one.quantity
        found += int(share.quantize(Decimal(1), ROUND_HALF_UP))
    return found


async def pieces_of(db: AsyncSession, refund_id: UUID) -> dict[int, Decimal]:
    """What the buyer brought back with a refund, by the lines of its sale; empty where nobody said."""
    row = await db.get(RefundGoodsRow, refund_id)
    return {int(at): Decimal(much) for at, much in row.pieces.items()} if row else {}


async def gone(db: AsyncSession, refund_id: UUID, *, now: datetime) -> RefundRequest:
    """The vendor says that the money went back. Cash is booked at once, a transfer when the bank tells.

    Raises: RefundUnknown, RefundFinal.
    """
    said = await payments.say_sent(db, refund_id, now=now)
    if said.road == "cash":
        await outbox.enqueue(db, "book_refunds", {}, now=now)
    return said


async def withdraw(
    db: AsyncSession, sale_id: UUID, refund_id: UUID, by: UUID | None, *, now: datetime
) -> None:
    """The vendor does not want it any more; the goods are with the buyer after all.

    Raises: RefundUnknown, RefundFinal.
    """
    await payments.withdraw_refund(db, refund_id, now=now)
    await catalog.take_back(db, sale_id, refund_id, now=now, by=by)


async def ask_by_receipt(
    db: AsyncSession,
    what: Refundable,
    refund_id: UUID,
    amount_vnd: int,
    reason: str,
    by: UUID | None,
    to: Recipient,
    *,
    now: datetime,
) -> RefundRequest:
    """Give back some of what came by one receipt.

    Raises: NotRefundable, RefundTooLarge, RefundIdReused.
    """
    if what.road == "acquired" and what.gateway not in {"vnpay", "stripe"}:
        raise payments.NotRefundable(what.receipt_id, f"{what.gateway} has no refunds by API")
    command = payments.AskRefund(
        id=refund_id,
        owner_id=what.owner_id,
        receipt_id=what.receipt_id,
        amount_vnd=amount_vnd,
        reason=reason,
        asked_by=by,
        is_held=what.is_held,
        payment_id=what.payment_id,
        road="cash" if what.road == "cash" else None,
        to_bank_bin=to.bank_bin,
        to_account_no=to.account_no,
        to_name=to.name,
    )
    asked = await _asked(db, command, now)
    if asked.road == "acquired" and asked.state is RefundState.ASKED:
        await outbox.enqueue(db, "send_refunds", {}, now=now)
    return asked


async def _asked(db: AsyncSession, command: payments.AskRefund, now: datetime) -> RefundRequest:
    """The refund, with a code that no other of this vendor's has: a transfer is told by it."""
    for _try in range(CODE_TRIES_MAX):
        code = payments.new_code(secrets.token_bytes(8))
        with suppress(payments.CodeTaken):
            return await payments.ask_refund(
                db, msgspec.structs.replace(command, code=code), now=now
            )
    raise payments.CodeTaken(code)


# ── What follows by itself ──────────────────────────────────────────────────────────────────────


async def receipt_recorded(db: AsyncSession, event: Event, now: datetime) -> None:
    """Reaction: money went out. A guided transfer is found by its code; an acquirer's news by its id."""
    if event.data["outcome"] != "outgoing":
        return
    told = await payments.outgoing(db, UUID(str(event.data["receipt_id"])))
    if told is None:
        return
    kind, _, status = told.detail.partition(".")
    if told.gateway == "stripe" and kind == "dispute":
        await _dispute(db, told, status, now)
    elif told.gateway == "stripe":
        await _refund_told(db, told, status, now)
    elif told.owner_id is not None:
        await payments.match_outgoing(
            db,
            told.owner_id,
            payments.find_codes(told.memo),
            told.amount_vnd,
            told.reference or told.provider_id,
            now=now,
        )
    await outbox.enqueue(db, "book_refunds", {}, now=now)


async def suspense_resolved(db: AsyncSession, event: Event, now: datetime) -> None:
    """Reaction: a person decided that waiting money goes back to the buyer, so it is asked for."""
    data = event.data
    due_vnd = sum(one["amount_vnd"] for one in data["parts"] if one["kind"] == "refund_due")
    if not due_vnd or len(data["shares"]) != 1:
        return
    receipt_id = UUID(data["shares"][0]["receipt_id"])
    for what in await payments.refundable(db, receipt_id=receipt_id):
        if what.is_held and what.left_vnd >= due_vnd:
            payer = payments.payer_in(what.memo)
            to = Recipient("", payer.account_no, payer.name) if payer else Recipient()
            with suppress(payments.NotRefundable):  # no API there: a person gives it back
                await ask_by_receipt(
                    db, what, _refund_of(data["decision_id"]), due_vnd, data["reason"],
                    UUID(data["decided_by"]), to, now=now,
                )  # fmt: skip
            return


async def suspense_undone(db: AsyncSession, event: Event, now: datetime) -> None:
    """Reaction: that decision was taken back; its refund as well, if it has not left."""
    with suppress(payments.RefundUnknown, payments.RefundFinal):
        await payments.withdraw_refund(db, _refund_of(event.data["undoes_id"]), now=now)


def _refund_of(decision_id: str) -> UUID:
    """The id of the refund that follows from a decision; the decision's own transfers have those
    beside it.
    """
    return UUID(int=UUID(decision_id).int ^ (1 << 16))


async def refund_moved(db: AsyncSession, event: Event, now: datetime) -> None:
    """Reaction to every `refund.…`: the stall's screens hear how it stands."""
    data = event.data
    what = event.kind.partition(".")[2]
    said = {"refund_id": data["refund_id"], "state": what, "amount_vnd": data["amount_vnd"]}
    if data.get("place_id"):
        await live.tell(db, f"stall:{data['place_id']}", "refund", said, now=now)


async def send_refunds(context: Context, _: dict[str, Any]) -> None:
    """Job: what was asked for leaves to its acquirer, once; what came back is booked."""
    async with context.database.as_system() as db:
        claimed = await payments.claim_refunds(
            db, now=context.now(), ask_after=refund_asking.ASK_AFTER, limit=SENT_AT_ONCE_MAX
        )
    if not claimed:
        return
    partners = gateways_of(context.settings)
    async with outgoing.client() as http:
        for refund in claimed:
            await refund_asking.send(context, partners, http, refund)
    await book_refunds(context, {})


async def book_refunds(context: Context, _: dict[str, Any]) -> None:
    """Job: the ledger has every refund that is known to have gone; repeatable at any point."""
    async with context.database.as_system() as db:
        waiting = await payments.unbooked_refunds(db)
    if not waiting:
        return
    async with ledger_of(context) as ledger:
        for refund in waiting:
            async with context.database.as_system() as db:
                source_id = await payments.source_of(db, refund)
            outcome = await payments.post_refund(ledger, refund, source_id)
            async with context.database.as_system() as db:
                await payments.end_refund(db, refund.id, outcome, now=context.now())


async def _refund_told(
    db: AsyncSession, told: payments.Outgoing, status: str, now: datetime
) -> None:
    """Stripe's own news of a refund that we asked for; one made elsewhere is left to a person."""
    with suppress(payments.RefundUnknown, ValueError):
        kind = {
            "succeeded": Answered.CONFIRMED,
            "failed": Answered.REFUSED,
            "canceled": Answered.REFUSED,
        }.get(status, Answered.ACCEPTED)
        answer = RefundAnswer(kind, told.provider_id.partition(":")[0], status)
        await payments.answer_refund(
            db, UUID(told.payment_ref), answer, now=now, ask_after=refund_asking.ASK_AFTER
        )


async def _dispute(db: AsyncSession, told: payments.Outgoing, status: str, now: datetime) -> None:
    receipt_id = await payments.receipt_of(db, told.gateway, told.reference, now=now)
    if receipt_id is None:
        return  # of no payment of ours: its receipt stands, without an owner
    number = told.provider_id.partition(":")[0]
    await payments.dispute_told(
        db, receipt_id, number, status, told.amount_vnd, dispute_id=ids.new(), now=now
    )
