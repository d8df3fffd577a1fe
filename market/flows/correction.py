"""A wrong invoice is set right: notified, adjusted or replaced, as the law and the first correction say.

The engine's triage chooses; this flow asks for what is needed, writes once, and tells the screens.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

import structlog
from sqlmodel.ext.asyncio.session import AsyncSession

import einvoice
from einvoice import Action, Advice, Fault, Need
from einvoice.errors import EInvoiceError, InvoiceNotFound, NotPossible
from market import corrections, live, sales
from market.correction_tables import CorrectionRow
from market.flows import invoice as invoice_flow
from market.flows import list_correction, refund_invoices
from market.flows.context import Context
from market.settings import Settings

log = structlog.get_logger("market.correction")
WRITTEN = {Action.NOTIFY, Action.ADJUST, Action.REPLACE}
"""What the product writes itself; the other ways are said to the vendor."""
_METHOD = {Action.ADJUST: einvoice.Method.ADJUSTS, Action.REPLACE: einvoice.Method.REPLACES}


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What a person wants set right. `id` is made before it is sent: asked twice, done once."""

    id: UUID
    faults: frozenset[Fault]
    action: Action
    said: str
    buyer: einvoice.Buyer | None = None
    """The right buyer; None: as before."""
    lines: tuple[einvoice.Line, ...] | None = None
    """The right lines; None: as before."""
    by: UUID | None = None


def advice_on(issued: einvoice.IssuedInvoice, faults: frozenset[Fault]) -> Advice:
    """What the law says about these faults of this invoice. Raises: NotPossible."""
    case = einvoice.case_of(
        issued.invoice, faults, state=issued.state, correction=issued.correction
    )
    return einvoice.advise(case)


async def begin(
    db: AsyncSession,
    settings: Settings,
    issued: einvoice.IssuedInvoice,
    wish: Wish,
    *,
    now: datetime,
) -> CorrectionRow:
    """Set an invoice right, or wait for the signed agreement where a business bought.

    Raises: NotPossible for a way the law does not offer or where nothing would change, and what
    `einvoice.correct` and `einvoice.notify_error` raise.
    """
    known = await corrections.correction(db, wish.id)
    if known is not None:
        return known
    advice = advice_on(issued, wish.faults)
    if wish.action not in advice.choices or wish.action not in WRITTEN:
        raise NotPossible(f"{wish.action} is not what the law asks for here")
    if any(one.state == "agreeing" for one in await corrections.corrections_of(db, issued.id)):
        raise NotPossible("another correction of it waits for the buyer's agreement")
    row = CorrectionRow(
        id=wish.id,
        vendor_id=issued.owner_id,
        sale_id=issued.subject_id,
        invoice_id=issued.id,
        faults=sorted(wish.faults),
        said=wish.said.strip()[:255],
        action=wish.action.value,
        state="waiting",
        content=corrections.content_of(wish.buyer, wish.lines),
        created_by=wish.by,
        created_at=now,
    )
    return await _start(db, settings, row, issued, advice, now)


async def begin_list(
    db: AsyncSession,
    settings: Settings,
    invoices: Sequence[einvoice.IssuedInvoice],
    wish: list_correction.ListWish,
    *,
    now: datetime,
) -> CorrectionRow:
    """Set several invoices of one buyer right by one new invoice; wait for the agreement as `begin`.

    Raises: what `list_correction.plan` and `einvoice.correct_by_list` raise.
    """
    known = await corrections.correction(db, wish.id)
    if known is not None:
        return known
    planned = await list_correction.plan(db, invoices, wish)
    row = list_correction.row_of(planned, wish, now=now)
    return await _start(db, settings, row, planned.invoices[0], planned.advice, now)


async def say_together(
    db: AsyncSession, settings: Settings, correction_id: UUID, *, now: datetime
) -> CorrectionRow:
    """Several refunds of one buyer and month, of which nobody said the goods: one adjustment for all.

    Pressed twice, written once. Raises: NotPossible where there are no others.
    """
    row = await _locked(db, correction_id)
    if row.state == "written":
        return row
    found = await list_correction.refunds_beside(db, row)
    if not found:
        raise NotPossible("no other refund of this buyer waits")
    planned = await list_correction.plan_of_refunds(db, found)
    new_id = UUID(int=row.id.int ^ (1 << 17))
    wish = list_correction.ListWish(id=new_id, fix=list_correction.REFUNDED, by=row.created_by)
    made = list_correction.row_of(planned, wish, now=now)
    await _start(db, settings, made, planned.invoices[0], planned.advice, now)
    for rows in found.values():
        for one in rows:
            one.action, one.state, one.written_at = made.action, "written", now
            one.told_at, one.content = now, {"by": str(made.id)}
            db.add(one)
    await db.flush()
    return made


async def _start(
    db: AsyncSession,
    settings: Settings,
    row: CorrectionRow,
    issued: einvoice.IssuedInvoice,
    advice: Advice,
    now: datetime,
) -> CorrectionRow:
    db.add(row)
    await db.flush()
    if Need.AGREEMENT in advice.needs:
        attempt = await db.begin_nested()  # what could not be written is not worth signing
        await _written_by(db, settings, row, issued, now)
        await attempt.rollback()
        await db.refresh(row)
        row.state = "agreeing"
        db.add(row)
        await db.flush()
        return row
    await write(db, settings, row, now=now)
    return row


async def agree(
    db: AsyncSession, settings: Settings, correction_id: UUID, number: str, on: date, *,
    now: datetime,
) -> CorrectionRow:  # fmt: skip
    """The buyer signed: the agreement's number and day are kept, the correction is written.

    Raises: NotPossible where none is waited for, and what `begin` raises.
    """
    row = await _locked(db, correction_id)
    if row.state == "written":
        return row
    if row.state != "agreeing" or not number.strip():
        raise NotPossible("no agreement is waited for, or it has no number")
    row.agreement_no, row.agreed_on, row.state = number.strip()[:50], on, "waiting"
    await write(db, settings, row, now=now)
    return row


async def withdraw(db: AsyncSession, correction_id: UUID) -> None:
    """The vendor leaves it, as long as nothing is written. Raises: NotPossible."""
    row = await _locked(db, correction_id)
    if row.state not in {"agreeing", "asking", "withdrawn"}:
        raise NotPossible("it is written already")
    row.state = "withdrawn"
    db.add(row)


async def write(db: AsyncSession, settings: Settings, row: CorrectionRow, *, now: datetime) -> None:
    """Write what was chosen; a notice waits until the authority has accepted the invoice.

    The buyer is told by the page behind the invoice's code from now on.
    """
    assert row.invoice_id is not None
    issued = await einvoice.invoice_by_id(db, row.invoice_id)
    if issued is None:
        raise InvoiceNotFound(row.invoice_id)
    if row.action == Action.NOTIFY and issued.state in {"numbered", "sent"}:
        return
    await _written_by(db, settings, row, issued, now)
    row.state, row.written_at, row.told_at = "written", now, now
    db.add(row)
    await db.flush()
    sale = await sales.sale(db, row.sale_id)
    if sale is not None:
        said = {"correction_id": str(row.id), "sale_id": str(row.sale_id), "state": row.state}
        await live.tell(db, f"stall:{sale.stall_id}", "correction", said, now=now)


async def _written_by(
    db: AsyncSession,
    settings: Settings,
    row: CorrectionRow,
    issued: einvoice.IssuedInvoice,
    now: datetime,
) -> None:
    if row.action == Action.NOTIFY:
        seller = issued.invoice.seller
        await einvoice.notify_error(
            db,
            issued.id,
            row.said,
            office_name=invoice_flow.OFFICE_NAME,
            office_code=invoice_flow.OFFICE_CODE,
            place="Thanh Hóa",
            message_id=row.id,
            sender=invoice_flow.sender_of(settings),
            signer=invoice_flow.signer_of(settings, seller.tax_id, seller.name, now),
            now=now,
        )
        return
    action = Action(row.action)
    if row.listed_ids:
        by_list = await list_correction.write(db, row, now=now)
        if action is Action.REPLACE:
            await sales.point_to(db, await einvoice.subjects_of(db, by_list.id), by_list.id)
        return
    buyer, lines = corrections.buyer_in(row.content), corrections.lines_in(row.content)
    if action is Action.ADJUST:
        right = await corrections.lines_now(db, issued) if lines is None else lines
        lines = einvoice.differences(await corrections.lines_now(db, issued), right)
    if not lines and buyer is None:
        raise NotPossible("nothing would change")
    command = einvoice.CorrectInvoice(
        id=row.id,
        invoice_id=issued.id,
        method=_METHOD[action],
        issued_at=now,
        lookup_code=einvoice.lookup_code(secrets.token_bytes(10)),
        buyer=buyer,
        lines=lines,
    )
    written = await einvoice.correct(db, command, now=now)
    if action is Action.REPLACE:
        await sales.point_to(db, await einvoice.subjects_of(db, written.id), written.id)


async def _locked(db: AsyncSession, correction_id: UUID) -> CorrectionRow:
    row = await corrections.correction(db, correction_id, lock=True)
    if row is None:
        raise NotPossible("there is no such correction")
    return row


# ── What waits ──────────────────────────────────────────────────────────────────────────────────


async def write_corrections(context: Context, _: dict[str, Any]) -> None:
    """Job: notices whose invoice is accepted by now, refunds whose sale has its invoice by now.

    Each in a transaction of its own; one that cannot be written is put before the vendor.
    """
    async with context.database.as_system() as db:
        found = await corrections.waiting(db, context.now())
    for correction_id in found:
        try:
            async with context.database.as_system() as db:
                await _go_on(db, context.settings, correction_id, context.now())
        except EInvoiceError as failed:
            log.warning("a correction was not written", id=str(correction_id), error=failed.code)
            async with context.database.as_system() as db:
                await _ask(db, correction_id, failed.code)


async def _go_on(db: AsyncSession, settings: Settings, correction_id: UUID, now: datetime) -> None:
    row = await corrections.correction(db, correction_id, lock=True)
    if row is None or row.state != "waiting":
        return
    if row.refund_id is not None and not row.action:
        await refund_invoices.decide(db, row)
    if row.state == "waiting" and row.action:
        await write(db, settings, row, now=now)


async def _ask(db: AsyncSession, correction_id: UUID, code: str) -> None:
    row = await corrections.correction(db, correction_id, lock=True)
    if row is not None and row.state == "waiting":
        row.state, row.content = "asking", {**row.content, "problem": code}
        db.add(row)


async def choose_goods(
    db: AsyncSession, settings: Settings, correction_id: UUID, index: int | None, *, now: datetime
) -> CorrectionRow:
    """The vendor said of which goods a refund was; None: of all of them. It is written at once.

    Raises: NotPossible where those goods cost less than what went back.
    """
    row = await _locked(db, correction_id)
    if row.state == "written":
        return row
    if row.state != "asking" or row.refund_id is None:
        raise NotPossible("nothing is asked about it")
    row.state, row.action = "waiting", ""
    await refund_invoices.decide(db, row, refund_invoices.Chosen(index))
    if row.state == "asking":
        raise NotPossible("those goods cost less than what went back")
    if row.state == "waiting" and row.action:
        await write(db, settings, row, now=now)
    return row
