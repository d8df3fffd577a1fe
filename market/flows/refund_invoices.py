"""Money went back: the invoice of its sale is adjusted, or replaced where the amount was keyed wrong.

Law: goods that came back are adjusted; a cash-register invoice with a wrong amount is replaced. Money
that the invoice never asked for changes nothing. Source: Circular 91/2026, Art. 10.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlmodel.ext.asyncio.session import AsyncSession

import einvoice
from einvoice import Action, Fault, Need
from market import corrections, ids, outbox, sales
from market.correction_tables import CorrectionRow
from market.flows import refunds
from market.flows.context import Event
from market.tables import SaleRow

JOB = "write_corrections"
AMOUNT_WRONG = ("Tính nhầm tiền",)
"""Reasons of the refund's screen that say the invoice was wrong from the start."""
REBATE = ("Bớt tiền cho khách",)
"""Those that say it was right, and the buyer pays less all the same."""


@dataclass(frozen=True)
class Chosen:
    """Of which goods money went back, as the vendor says; None: of all, each by its share."""

    index: int | None


async def refund_done(db: AsyncSession, event: Event, now: datetime) -> None:
    """Reaction to `refund.done`: its sale's invoice is looked at, now or when there is one."""
    data = event.data
    sale = await _sale_of(db, data["payment_id"], data["receipt_id"])
    refund_id = UUID(data["refund_id"])
    if sale is None or await corrections.of_refund(db, refund_id) is not None:
        return
    is_dispute = data["road"] == "dispute"
    row = CorrectionRow(
        id=ids.new(),
        vendor_id=sale.vendor_id,
        sale_id=sale.id,
        refund_id=refund_id,
        amount_vnd=data["amount_vnd"],
        faults=[] if is_dispute else sorted(faults_of(data["reason"])),
        said=data["reason"],
        state="not_needed" if is_dispute else "waiting",
        created_at=now,
    )
    db.add(row)
    await outbox.enqueue(db, JOB, {}, now=now)


def faults_of(reason: str) -> frozenset[Fault]:
    """What a refund's reason says about the invoice; goods came back where it says nothing else."""
    if reason in AMOUNT_WRONG:
        return frozenset({Fault.AMOUNT})
    if reason in REBATE:
        return frozenset({Fault.REBATE})
    said = einvoice.faults_in(reason) & {
        Fault.AMOUNT, Fault.SERVICE_CANCELLED, Fault.RETURNED, Fault.REBATE,
    }  # fmt: skip
    return frozenset(said or {Fault.RETURNED})


async def decide(db: AsyncSession, row: CorrectionRow, chosen: Chosen | None = None) -> None:
    """Choose the way and the lines; the row then waits to be written, or for the vendor's word.

    Raises: NotPossible.
    """
    assert row.refund_id is not None
    sale = await sales.sale(db, row.sale_id, lock=True)
    assert sale is not None
    issued = await einvoice.invoice_of_subject(db, sale.vendor_id, sale.id)
    if issued is None or issued.state == "rejected":
        return  # it waits for an invoice that can be corrected
    row.invoice_id = issued.id
    due_vnd = await _due_vnd(db, row, sale, issued)
    if due_vnd == 0:
        row.state = "not_needed"
        db.add(row)
        return
    row.amount_vnd = due_vnd
    case = einvoice.case_of(
        issued.invoice, [Fault(one) for one in row.faults], state=issued.state,
        correction=issued.correction,
    )  # fmt: skip
    advice = einvoice.advise(case)
    action = Action.ADJUST if Action.ADJUST in advice.choices else advice.action
    now_says = await corrections.lines_now(db, issued)
    right = None
    if action is Action.ADJUST and chosen is None:
        right = await _without_pieces(db, row, now_says, due_vnd)
        if case.faults == {Fault.REBATE}:
            chosen = Chosen(None)
    right = right or _right_lines(now_says, due_vnd, action, chosen)
    if right is None or action not in {Action.ADJUST, Action.REPLACE}:
        row.state = "asking"
        db.add(row)
        return
    row.action, row.content = action.value, corrections.content_of(None, right)
    row.state = "agreeing" if Need.AGREEMENT in advice.needs else "waiting"
    db.add(row)


async def _without_pieces(
    db: AsyncSession, row: CorrectionRow, lines: tuple[einvoice.Line, ...], due_vnd: int
) -> tuple[einvoice.Line, ...] | None:
    """The lines without what the buyer brought back, where the vendor said what and it is worth that."""
    assert row.refund_id is not None
    pieces = await refunds.pieces_of(db, row.refund_id)
    sold = await sales.lines_of(db, row.sale_id)
    if not pieces or refunds.worth_vnd(sold, pieces) != due_vnd:
        return None
    for index, quantity in pieces.items():
        one = sold[index]
        worth_vnd = refunds.worth_vnd(sold, {index: quantity})
        at = next(
            (
                place
                for place, line in enumerate(lines)
                if (line.name, line.unit) == (one.name, one.unit)
                and (line.amount_vnd or 0) >= worth_vnd
            ),
            None,
        )
        less = None if at is None else einvoice.lessened(lines, worth_vnd, at)
        if less is None:
            return None
        lines = einvoice.merged(lines, less)
    return lines


def _right_lines(
    lines: tuple[einvoice.Line, ...], due_vnd: int, action: Action, chosen: Chosen | None
) -> tuple[einvoice.Line, ...] | None:
    index = chosen.index if chosen else None
    if chosen and chosen.index is None:
        return einvoice.merged(lines, einvoice.spread(lines, due_vnd))
    if action is Action.REPLACE:
        return einvoice.cheaper(lines, due_vnd, index)
    less = einvoice.lessened(lines, due_vnd, index)
    return None if less is None else einvoice.merged(lines, less)


async def _due_vnd(
    db: AsyncSession, row: CorrectionRow, sale: SaleRow, issued: einvoice.IssuedInvoice
) -> int:
    """By how much the invoice says more than what the buyer paid in the end, this refund at most."""
    template = issued.invoice.template
    says_vnd = issued.payable_vnd + sum(
        einvoice.totals_of(template, one).payable_vnd
        for one in await einvoice.adjustments_of(db, issued.id)
    )
    kept_vnd = 0  # of each sale that the invoice is of: several where it replaced a list
    others = await einvoice.subjects_of(db, issued.id) - {sale.id}
    for one in [sale, *await sales.locked(db, list(others))]:
        kept_vnd += await _kept_vnd(db, one)
    return max(0, min(row.amount_vnd, says_vnd - kept_vnd))


async def _kept_vnd(db: AsyncSession, sale: SaleRow) -> int:
    """What the buyer paid for a sale in the end."""
    known = {one.refund_id for one in await corrections.of_sale(db, sale.id)}
    found = await refunds.refunds_of(db, sale)
    back_vnd = sum(one.amount_vnd for one in found if one.state == "done" or one.id in known)
    return max(0, max(sale.received_vnd, sale.amount_vnd) - back_vnd)


async def _sale_of(db: AsyncSession, payment_id: str | None, receipt_id: str) -> SaleRow | None:
    """The sale that money went back of, its payment has its id; None for money that still waited."""
    return await sales.sale(db, UUID(payment_id or receipt_id))
