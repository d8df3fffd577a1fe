"""The evening's check: payment ↔ sale ↔ invoice ↔ accepted message, and what the gaps may cost. Pure.

Source: Decree 254/2026, Art. 9, 15.3; Decree 125/2020, Art. 24.2-24.3 as amended by Decree 310/2025.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from einvoice.books.reading import InvoiceMark
from einvoice.deadlines import Event, deadline
from einvoice.fines import Fault, Fine, fine_of


class Finding(StrEnum):
    """What is to say about one sale or invoice; the worst comes first."""

    NO_INVOICE = "no_invoice"
    """Sold and paid, an invoice is due, there is none. Decree 254/2026, Art. 4.1 and 9."""
    REJECTED = "rejected"
    """The authority refused it: correct it and send it again."""
    WRONG_DAY = "wrong_day"
    """Issued on another day than the goods passed. Decree 254/2026, Art. 9.1."""
    AMOUNT_DIFFERS = "amount_differs"
    """Invoice and sale come to different sums."""
    NO_ADJUSTMENT = "no_adjustment"
    """Goods came back, the invoice was not adjusted. Circular 91/2026, Art. 10."""
    NO_MONEY = "no_money"
    """The sale is marked paid, its payment is not."""
    NO_SALE = "no_sale"
    """Money is settled, or an invoice issued, and its sale is not paid."""
    LATE = "late"
    """Not sent, or sent and not accepted, after the last instant to send it. Art. 15.3."""
    SENT_LATE = "sent_late"
    """Accepted, but it went out after its day."""
    WAITING = "waiting"
    """On its way, in time."""
    NOT_REQUIRED = "not_required"
    """No invoice, and none is due."""
    RIGHT = "right"
    """All four agree."""

    @property
    def is_trouble(self) -> bool:
        """Whether somebody has to do something."""
        return self not in {
            Finding.WAITING, Finding.NOT_REQUIRED, Finding.RIGHT, Finding.SENT_LATE,
        }  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Sold:
    """One sale as the platform knows it, with its payment."""

    id: UUID
    on: date
    amount_vnd: int
    is_cash: bool
    is_paid: bool
    payment_state: str = ""
    """Of a sale that is not cash: open, settled, expired or cancelled."""
    is_before_duty: bool = False
    """Sold before its seller had to issue invoices: none is due."""
    returned_vnd: int = 0


@dataclass(frozen=True)
class Item:
    """One sale with its invoices, and what is to say about it."""

    sold: Sold | None
    invoices: tuple[InvoiceMark, ...]
    finding: Finding


@dataclass(frozen=True)
class Side:
    """How many, and how much."""

    count: int
    amount_vnd: int


@dataclass(frozen=True, kw_only=True)
class DayCheck:
    """A day, item by item and on all four sides."""

    on: date
    is_required: bool
    items: tuple[Item, ...]
    payments: Side
    sales: Side
    invoices: Side
    accepted: Side
    fine_missing: Fine | None
    """For invoices that were not issued."""
    fine_wrong_day: Fine | None

    def count(self, finding: Finding) -> int:
        """How many items are so."""
        return sum(one.finding is finding for one in self.items)

    @property
    def trouble_count(self) -> int:
        """Items somebody has to look at."""
        return sum(one.finding.is_trouble for one in self.items)


def check_day(
    on: date,
    sales: Sequence[Sold],
    invoices: Sequence[InvoiceMark],
    *,
    is_required: bool,
    now: datetime,
) -> DayCheck:
    """Compare the four sides of a day.

    `invoices` are those of the day's sales and those issued on the day; `is_required` says whether
    every sale must have one (registered, or above the free limit).
    """
    by_subject: dict[UUID, list[InvoiceMark]] = {}
    for one in invoices:
        by_subject.setdefault(one.subject_id, []).append(one)
    items = [_item(sold, by_subject.pop(sold.id, []), is_required, now) for sold in sales]
    items += [Item(None, tuple(marks), Finding.NO_SALE) for marks in by_subject.values()]
    order = {finding: place for place, finding in enumerate(Finding)}
    items.sort(key=lambda one: order[one.finding])
    paid = [one for one in sales if one.is_paid]
    kept = [one for item in items for one in _in_force(item.invoices)]
    missing = sum(one.finding is Finding.NO_INVOICE for one in items)
    wrong = sum(one.finding is Finding.WRONG_DAY for one in items)
    return DayCheck(
        on=on,
        is_required=is_required,
        items=tuple(items),
        payments=_side(
            one.amount_vnd for one in sales if one.is_cash or one.payment_state == "settled"
        ),
        sales=_side(one.amount_vnd for one in paid),
        invoices=_side(one.payable_vnd for one in kept),
        accepted=_side(one.payable_vnd for one in kept if one.state == "accepted"),
        fine_missing=fine_of(Fault.NOT_ISSUED, missing, on),
        fine_wrong_day=fine_of(Fault.WRONG_TIME, wrong, on),
    )


def findings_by_count(check: DayCheck) -> Mapping[Finding, int]:
    """How many items of each finding there are, the worst first; none that nobody has."""
    counts = {finding: check.count(finding) for finding in Finding}
    return {finding: count for finding, count in counts.items() if count}


def _item(sold: Sold, invoices: Sequence[InvoiceMark], is_required: bool, now: datetime) -> Item:
    return Item(sold, tuple(invoices), _finding(sold, invoices, is_required, now))


def _finding(
    sold: Sold, invoices: Sequence[InvoiceMark], is_required: bool, now: datetime
) -> Finding:
    money_is_here = sold.is_cash or sold.payment_state == "settled"
    if not sold.is_paid:
        return Finding.NO_SALE if invoices or money_is_here else Finding.NOT_REQUIRED
    kept = _in_force(invoices)
    if not kept:
        is_due = is_required and not sold.is_before_duty
        if sold.returned_vnd >= sold.amount_vnd or not is_due:
            return Finding.NO_MONEY if not money_is_here else Finding.NOT_REQUIRED
        return Finding.NO_INVOICE
    if any(one.state == "rejected" for one in kept):
        return Finding.REJECTED
    first = next((one for one in invoices if one.kind == "original"), kept[0])
    if first.issued_on != sold.on and not sold.is_before_duty:
        return Finding.WRONG_DAY
    invoiced_vnd = sum(one.payable_vnd for one in kept)
    if invoiced_vnd != sold.amount_vnd - sold.returned_vnd:
        is_unadjusted = sold.returned_vnd and invoiced_vnd == sold.amount_vnd
        return Finding.NO_ADJUSTMENT if is_unadjusted else Finding.AMOUNT_DIFFERS
    if not money_is_here:
        return Finding.NO_MONEY
    return _sending(kept, now)


def _sending(kept: Sequence[InvoiceMark], now: datetime) -> Finding:
    worst = Finding.RIGHT
    for one in kept:
        last = deadline(Event.SOLD_AT_CASH_REGISTER, one.issued_on)
        if one.state != "accepted":
            if last.is_late(now):
                return Finding.LATE
            worst = Finding.WAITING
        elif one.message_made_at is not None and last.is_late(one.message_made_at):
            worst = Finding.SENT_LATE if worst is Finding.RIGHT else worst
    return worst


def _in_force(invoices: Sequence[InvoiceMark]) -> list[InvoiceMark]:
    """What counts: the last replacement or the original, and every adjustment of it."""
    return [one for one in invoices if one.correction != "replaced"]


def _side(amounts_vnd: Iterable[int]) -> Side:
    found = list(amounts_vnd)
    return Side(len(found), sum(found))
