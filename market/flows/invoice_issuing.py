"""From paid sales to lawful invoices: one on a screen's word, many by the worker. No sale waits."""

import secrets
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

import structlog
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

import einvoice
from einvoice.errors import AlreadyInvoiced, SellerNotRegistered
from market import clock, live, outbox
from market.errors import InvoiceNotPossible, InvoiceNumberWaits, NotFound
from market.flows.context import Context
from market.flows.invoice_facts import Facts, facts_of
from market.tables import SaleRow, VendorRow
from market.till_tables import TillNumberRow

LETTERS = "AA"
"""Of the series of who issues by itself."""
CASH, TRANSFER = "Tiền mặt", "Chuyển khoản"

log = structlog.get_logger("market.invoice")


async def issue_for_sale(
    db: AsyncSession, sale_id: UUID, *, now: datetime
) -> einvoice.IssuedInvoice:
    """The invoice of a paid sale: numbered, frozen, waiting to be sent. Asked twice, made once.

    Raises: NotFound, SaleNotPaid, InvoiceNotPossible where the vendor has not registered,
    InvoiceNumberWaits where its till has numbered it already.
    """
    facts = (await facts_of(db, [sale_id]))[sale_id]
    if not isinstance(facts, Facts):
        raise facts
    if facts.sale.invoice_id is not None:  # whatever has changed since, this sale has its invoice
        before = await einvoice.invoice_of_subject(db, facts.vendor.id, sale_id)
        if before is not None:
            return before
    if await numbered_by_tills(db, [sale_id]):
        raise InvoiceNumberWaits(sale_id)
    by = await issuer_of(db, facts.vendor, clock.local_day(facts.sale.paid_at or now))
    since = None if by else await registered_since(db, facts.vendor)
    try:
        issued = await einvoice.issue(db, _command(facts, by, since, now), now=now)
    except AlreadyInvoiced:
        found = await einvoice.invoice_of_subject(db, facts.vendor.id, sale_id)
        assert found is not None
        return found
    except SellerNotRegistered:
        raise InvoiceNotPossible(sale_id, "not_registered") from None
    await live.tell_all(db, _pointed(db, facts, issued), now=now)
    return issued


async def issue_for_sales(
    db: AsyncSession, sale_ids: Sequence[UUID], *, now: datetime
) -> list[UUID]:
    """As `issue_for_sale`, many in a few statements; those that have to be asked for alone.

    A sale whose vendor has not registered has no invoice, and is not among them; nor is one its till
    has numbered, which is issued in its turn (`till_numbers`).
    """
    found = await facts_of(db, sale_ids)
    own = await numbered_by_tills(db, sale_ids)
    ready = [
        one
        for one in found.values()
        if isinstance(one, Facts) and one.sale.invoice_id is None and one.sale.id not in own
    ]
    ready.sort(key=lambda one: one.vendor.id)  # series are locked in one order by whoever issues
    alone = [
        sale_id
        for sale_id, one in found.items()
        if not isinstance(one, Facts | InvoiceNotPossible | NotFound)
    ]
    by: dict[tuple[UUID, date], einvoice.Delegation | None] = {}
    since: dict[UUID, date | None] = {}
    commands = []
    for one in ready:
        day = clock.local_day(one.sale.paid_at or now)
        if (one.vendor.id, day) not in by:
            by[one.vendor.id, day] = await issuer_of(db, one.vendor, day)
            since[one.vendor.id] = await registered_since(db, one.vendor)
        delegation = by[one.vendor.id, day]
        commands.append(
            _command(one, delegation, None if delegation else since[one.vendor.id], now)
        )
    told: list[live.Telling] = []
    outcomes = await einvoice.issue_all(db, commands, now=now) if commands else []
    for one, outcome in zip(ready, outcomes, strict=True):
        if isinstance(outcome, einvoice.IssuedInvoice):
            told += _pointed(db, one, outcome)
        elif not isinstance(outcome, SellerNotRegistered):
            alone.append(one.sale.id)
    await live.tell_all(db, told, now=now)
    return alone


async def issue_numbered(
    db: AsyncSession, given: TillNumberRow, *, now: datetime
) -> einvoice.IssuedInvoice:
    """The invoice of a paid sale under the number and code its till gave it.

    Raises: what `issue_for_sale` raises, NumberOutOfTurn where one before it is not here yet.
    """
    facts = (await facts_of(db, [given.sale_id]))[given.sale_id]
    if not isinstance(facts, Facts):
        raise facts
    if facts.vendor.id != given.vendor_id:
        raise NotFound("sale", given.sale_id)
    own = einvoice.OwnNumber(given.till_id, given.number, int(given.code[-11:]))
    day, letters = clock.local_day(given.numbered_at), given.symbol[-2:]
    by = await issuer_of(db, facts.vendor, day, letters)
    command = _command(facts, by, None, now)
    command = replace(
        command,
        issued_at=given.numbered_at,
        letters=letters,
        own_number=own,
        lookup_code=given.lookup_code or command.lookup_code,
    )
    issued = await einvoice.issue(db, command, now=now)
    await live.tell_all(db, _pointed(db, facts, issued), now=now)
    return issued


async def numbered_by_tills(db: AsyncSession, sale_ids: Sequence[UUID]) -> set[UUID]:
    """Those of these sales that have a till's number and no invoice yet."""
    query = (
        select(TillNumberRow.sale_id)
        .join(SaleRow, col(SaleRow.id) == col(TillNumberRow.sale_id))
        .where(
            col(TillNumberRow.sale_id).in_(sale_ids),
            col(TillNumberRow.issued_at).is_(None),
            col(TillNumberRow.passed_at).is_(None),
            col(SaleRow.vendor_id) == col(TillNumberRow.vendor_id),
        )
    )
    return set((await db.exec(query)).all())


async def issue_invoice(context: Context, arguments: dict[str, Any]) -> None:
    """Job: invoice one sale by itself, as the stall wished; without a registration there is none."""
    async with context.database.as_system() as db:
        try:
            await issue_for_sale(db, UUID(arguments["sale_id"]), now=context.now())
        except InvoiceNotPossible:
            return


async def issue_invoices(context: Context, arguments: dict[str, Any]) -> None:
    """Job: invoice the sales of one moment together; what is in the way of one costs no other."""
    sale_ids = [UUID(one) for one in arguments["sale_ids"]]
    try:
        async with context.database.as_system() as db:
            alone = await issue_for_sales(db, sale_ids, now=context.now())
    except Exception:  # each by itself tells whose fault it is
        log.warning("invoices are issued one by one", sales=len(sale_ids), exc_info=True)
        alone = sale_ids
    if alone:
        async with context.database.as_system() as db:
            for sale_id in alone:
                one = {"sale_id": str(sale_id)}
                await outbox.enqueue(db, "issue_invoice", one, now=context.now())


async def wish(db: AsyncSession, sale_ids: Sequence[UUID], *, now: datetime) -> None:
    """Ask for the invoices of these sales; a worker issues them soon, those of a rush together."""
    for start in range(0, len(sale_ids), TOGETHER_MAX):
        some = [str(one) for one in sale_ids[start : start + TOGETHER_MAX]]
        if await outbox.join(db, JOB, "sale_ids", some, now, within=GATHER, count_max=TOGETHER_MAX):
            continue
        delay = GATHER if len(some) > 1 else timedelta(0)
        await outbox.enqueue(db, JOB, {"sale_ids": some}, now, delay)


JOB = "issue_invoices"
GATHER = timedelta(seconds=1)
"""Where several are paid at once, more are about to be: their invoice waits so long for those."""
TOGETHER_MAX = 100
"""Invoices of one transaction: their sales and series are locked that long."""


def invoice_data(issued: einvoice.IssuedInvoice) -> dict[str, Any]:
    """What screens are told of an invoice."""
    return {
        "state": issued.state,
        "number": issued.invoice.number,
        "symbol": f"{issued.invoice.template}{issued.invoice.symbol}",
        "lookup_url": f"/hd/{issued.lookup_code}",
    }


async def is_accepted(db: AsyncSession, tax_id: str) -> bool:
    """Whether the authority has accepted this seller's registration."""
    registration = await einvoice.registration_of(db, tax_id)
    return registration is not None and registration.state == "accepted"


async def registered_since(db: AsyncSession, vendor: VendorRow) -> date | None:
    """The day from which on the vendor issues invoices itself."""
    registration = await einvoice.registration_of(db, vendor.tax_id)
    return (
        clock.local_day(registration.accepted_at)
        if registration and registration.accepted_at
        else None
    )


async def sold_since_registered(
    db: AsyncSession, sales: Sequence[SaleRow], *, now: datetime
) -> list[SaleRow]:
    """Without those of a day before their seller was registered: nobody owes an invoice for them.

    Source: Decree 254/2026, Art. 6.1.d.
    """
    today = clock.local_day(now)
    kept = []
    for one in sales:
        day = clock.local_day(one.paid_at or now)
        if day < today:  # as a rule a sale is paid today
            vendor = await db.get(VendorRow, one.vendor_id)
            since = await registered_since(db, vendor) if vendor else None
            if since is not None and day < since:
                continue
        kept.append(one)
    return kept


async def issuer_of(
    db: AsyncSession, vendor: VendorRow, on: date, letters: str = ""
) -> einvoice.Delegation | None:
    """The contract by which somebody issues for a vendor who is not registered itself.

    With the `letters` of a till, the contract's appendix for them.
    """
    if await is_accepted(db, vendor.tax_id):
        return None
    held = await einvoice.delegations_of(db, vendor.id, on=on)
    for one in held:
        is_wanted = one.contract.letters == letters if letters else not one.is_of_till
        if is_wanted and one.contract.template == einvoice.SALES_INVOICE:
            return one
    return None


def _command(
    facts: Facts, by: einvoice.Delegation | None, since: date | None, now: datetime
) -> einvoice.IssueInvoice:
    """Dated when it was paid; written now where that was before the vendor could issue any."""
    paid_at = facts.sale.paid_at or now
    is_early = since is not None and clock.local_day(paid_at) < since
    return einvoice.IssueInvoice(
        id=facts.sale.id,
        owner_id=facts.vendor.id,
        subject_id=facts.sale.id,
        seller=facts.seller,
        lines=facts.lines,
        issued_at=now if is_early else paid_at,
        lookup_code=einvoice.lookup_code(secrets.token_bytes(10)),
        payment_form=CASH if facts.sale.method == "cash" else TRANSFER,
        delegate=by.delegate if by else None,
        letters=by.contract.letters if by else LETTERS,
    )


def _pointed(db: AsyncSession, facts: Facts, issued: einvoice.IssuedInvoice) -> list[live.Telling]:
    """The sale points to its invoice from now on; what screens are to be told, if it did not yet."""
    sale = facts.sale
    if sale.invoice_id == issued.id:
        return []
    sale.invoice_id = issued.id
    db.add(sale)
    said = {"sale_id": str(sale.id), "state": sale.state, "invoice": invoice_data(issued)}
    url = {"invoice_url": f"/hd/{issued.lookup_code}", "state": "paid"}
    return [
        live.Telling(f"stall:{sale.stall_id}", "sale", said),
        live.Telling(f"payment:{sale.id}", "invoice", url),
    ]
