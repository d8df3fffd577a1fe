"""Issue: one transaction takes the number and freezes the invoice; `correcting` replaces and adjusts.

A new invoice is `numbered` and thereby waits to be sent: the row is the pending work. Nothing here
commits; rolled back, the number was never taken.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import lru_cache
from uuid import UUID

from sqlmodel.ext.asyncio.session import AsyncSession

from einvoice import invoice as values
from einvoice import numbering, rules
from einvoice.errors import EInvoiceError, FieldInvalid
from einvoice.forms import Form
from einvoice.identifiers import checked_lookup_code, tax_id_of
from einvoice.invoice import Buyer, Delegate, Invoice, Line, Nature, Seller, changed
from einvoice.issued import IssuedInvoice as IssuedInvoice
from einvoice.issued import done, done_of
from einvoice.keys import Signer
from einvoice.numbering import Numbering, OwnNumber, digest_of
from einvoice.seal import VIETNAM

COMMANDS_MAX = 1_000
"""Invoices of one `issue_all`: the row of their series is locked that long."""


@dataclass(frozen=True, kw_only=True)
class IssueInvoice:
    """An invoice for one sale. `id` is the idempotency key."""

    id: UUID
    owner_id: UUID
    subject_id: UUID
    seller: Seller
    lines: tuple[Line, ...]
    issued_at: datetime
    lookup_code: str
    """From `identifiers.lookup_code`; not part of what makes two commands equal."""
    buyer: Buyer = field(default_factory=Buyer)
    letters: str = "AA"
    """The last two of the symbol: one pair per till that numbers on its own."""
    template: int = values.SALES_INVOICE
    payment_form: str = ""
    provider_tax_id: str = ""
    reduction_vnd: int = 0
    """The cut of a percentage-method seller's rate; a note line says so."""
    delegate: Delegate | None = None
    """Who issues for the seller by contract; the signer is then the delegate's."""
    form: Form = Form.AT_TILL
    """Ordinary invoices (with code, without) are signed; those of a till need not be."""
    own_number: OwnNumber | None = None
    """Given by a till while it had no network."""


async def issue(
    db: AsyncSession, command: IssueInvoice, *, now: datetime, signer: Signer | None = None
) -> IssuedInvoice:
    """Number and freeze an invoice; the same command again gives the same invoice.

    With a signer the invoice carries the seller's signature: optional at a till, needed elsewhere.
    Raises: FieldInvalid, TotalsWrong, TaxIdInvalid, SymbolInvalid, CodeInvalid, SignerFailed,
    SellerNotRegistered, FormNotRegistered, SellerOfAnother, DelegationMissing, NumberOutOfTurn,
    IdReused, AlreadyInvoiced, SeriesExhausted.
    """
    command = _cleaned(command)
    digest = digest_of(command)
    before = await done(db, command.id, digest)
    if before is not None:
        return before
    return await numbering.number_one(
        db, _ready(command, digest, now), signer, now, command.own_number
    )


async def issue_all(
    db: AsyncSession,
    commands: Sequence[IssueInvoice],
    *,
    now: datetime,
    signer: Signer | None = None,
) -> list[IssuedInvoice | EInvoiceError]:
    """Issue many at once, each as `issue` would: an invoice or what is wrong, in their order.

    At most 1,000. Those of one series take their numbers in one statement; one that cannot be
    issued costs no other.
    """
    assert len(commands) <= COMMANDS_MAX
    outcomes: list[IssuedInvoice | EInvoiceError | None] = [None] * len(commands)
    ready: dict[tuple[object, ...], list[tuple[int, Numbering]]] = {}
    found = await done_of(db, {one.id: b"" for one in commands})
    for place, command in enumerate(commands):
        try:
            if command.id in found or command.own_number is not None:
                outcomes[place] = await issue(db, command, now=now, signer=signer)
                continue
            cleaned = _cleaned(command)
            numbered = _ready(cleaned, digest_of(cleaned), now)
            ready.setdefault(_series_of(numbered), []).append((place, numbered))
        except EInvoiceError as error:
            outcomes[place] = error
    for group in ready.values():
        await _issue_group(db, group, outcomes, signer, now)
    assert all(one is not None for one in outcomes)
    return [one for one in outcomes if one is not None]


async def _issue_group(
    db: AsyncSession,
    group: list[tuple[int, Numbering]],
    outcomes: list[IssuedInvoice | EInvoiceError | None],
    signer: Signer | None,
    now: datetime,
) -> None:
    """All of a series at once; where that fails, one by one, so that each has its own outcome."""
    try:
        stored = await numbering.number_all(db, [one for _, one in group], signer, now)
    except EInvoiceError:
        stored = None
    if stored is not None:
        for (place, _), issued in zip(group, stored, strict=True):
            outcomes[place] = issued
        return
    for place, one in group:
        try:
            outcomes[place] = await numbering.number_one(db, one, signer, now)
        except EInvoiceError as error:
            outcomes[place] = error


def _series_of(one: Numbering) -> tuple[object, ...]:
    draft = one.draft
    return (
        one.owner_id,
        draft.seller.tax_id,
        draft.template,
        draft.symbol,
        draft.issued_on,
        draft.delegate,
    )


def _ready(command: IssueInvoice, digest: bytes, now: datetime) -> Numbering:
    not_ahead(command.issued_at, now)
    return Numbering(
        id=command.id,
        owner_id=command.owner_id,
        subject_id=command.subject_id,
        kind="original",
        corrects_id=None,
        issued_at=command.issued_at,
        lookup_code=checked_lookup_code(command.lookup_code),
        digest=digest,
        draft=_draft(command),
    )


def _cleaned(command: IssueInvoice) -> IssueInvoice:
    return changed(
        command,
        seller=_cleaned_seller(command.seller),
        buyer=_cleaned_buyer(command.buyer),
        lines=tuple(map(_cleaned_line, command.lines)),
        payment_form=values.cleaned(command.payment_form),
    )


@lru_cache(maxsize=1024)
def _cleaned_seller(seller: Seller) -> Seller:
    """Cleaned once: a seller is the same on all its invoices."""
    made = values.cleaned_value(seller)
    return changed(made, tax_id=tax_id_of(made.tax_id), unknown=())


@lru_cache(maxsize=1024)
def _cleaned_buyer(buyer: Buyer) -> Buyer:
    made = values.cleaned_value(buyer)
    return changed(made, tax_id=tax_id_of(made.tax_id) if made.tax_id else "", unknown=())


def _cleaned_line(line: Line) -> Line:
    made = values.cleaned_value(line)
    return changed(made, unknown=()) if made.unknown else made


def not_ahead(issued_at: datetime, now: datetime) -> None:
    """Raises: FieldInvalid for an invoice of a later instant than now."""
    assert issued_at.tzinfo is not None
    assert now.tzinfo is not None
    if issued_at > now:
        raise FieldInvalid("issued_at", "it is later than now")


def _draft(command: IssueInvoice) -> Invoice:
    day = command.issued_at.astimezone(VIETNAM).date()
    title = "name_vat_invoice" if command.template == values.VAT_INVOICE else "name_sales_invoice"
    lines = command.lines
    if command.reduction_vnd:
        amount = f"{command.reduction_vnd:,}".replace(",", ".")
        note = rules.phrase("reduction_phrase", day).format(amount=amount)
        lines = (*lines, Line(nature=Nature.NOTE, name=note))
    return Invoice(
        version=rules.phrase("format_version", day),
        title=rules.phrase(title, day),
        template=command.template,
        symbol=numbering.symbol_for(command.form, command.template, command.letters, day),
        number=1,
        issued_on=day,
        seller=command.seller,
        buyer=named(command.buyer, day),
        lines=lines,
        totals=values.totals_of(command.template, lines, reduction_vnd=command.reduction_vnd),
        payment_form=command.payment_form,
        provider_tax_id=command.provider_tax_id,
        delegate=command.delegate,
    )


def named(buyer: Buyer, day: date) -> Buyer:
    """A buyer who gave no data has the name the law prescribes."""
    anonymous = not (buyer.name or buyer.tax_id or buyer.personal_id or buyer.phone)
    return changed(buyer, name=rules.phrase("consumer_name", day)) if anonymous else buyer
