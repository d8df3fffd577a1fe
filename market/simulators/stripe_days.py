"""Days in the simulated Stripe: the itemised report of one, and payments made before it ran."""

import csv
import io
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime

import msgspec

from market import clock
from market.simulators.stripe_book import Book
from market.simulators.stripe_wire import Json
from payments.gateways.stripe_events import CURRENCY, PAYMENT_REF

COLUMNS = (
    "balance_transaction_id", "created_utc", "currency", "gross", "fee", "net",
    "reporting_category", "source_id", "payment_intent_id", f"payment_metadata[{PAYMENT_REF}]",
)  # fmt: skip
"""Of Stripe's report “Itemized balance change from activity”, as asked for by a market."""


class PastCharge(msgspec.Struct, frozen=True):
    """A payment by card of an earlier day."""

    intent: str
    payment_ref: str
    amount_vnd: int
    at: datetime


def report(book: Book, day: date) -> str:
    """What changed our own balance on a Vietnamese day; its times are UTC, as Stripe's are."""
    text = io.StringIO()
    out = csv.writer(text, lineterminator="\n")
    out.writerow(COLUMNS)
    out.writerows(_rows(book, day))
    return text.getvalue()


def _rows(book: Book, day: date) -> Iterator[tuple[object, ...]]:
    begins, ends = (int(one.timestamp()) for one in clock.day_bounds(day))
    for booked in book.booked(begins, ends):
        if booked["currency"] != CURRENCY or book.account_of(booked["id"]):
            continue
        intent_id = book.anything(booked["source"])["payment_intent"]
        metadata = book.anything(intent_id)["metadata"]
        at = datetime.fromtimestamp(booked["created"], UTC)
        yield (
            booked["id"], f"{at:%Y-%m-%d %H:%M:%S}", CURRENCY, booked["amount"], booked["fee"],
            booked["net"], booked["reporting_category"], booked["source"], intent_id,
            metadata.get(PAYMENT_REF, ""),
        )  # fmt: skip


def record(book: Book, past: Iterable[PastCharge]) -> None:
    """They were paid then; nobody is told. Repeatable."""
    silent = Book(book.config, book.store, _nobody)
    for one in past:
        if book.anything(one.intent):
            continue
        given = {
            "amount": one.amount_vnd, "currency": CURRENCY, "confirm": "true",
            "payment_method": "pm_card_visa", "metadata": {PAYMENT_REF: one.payment_ref},
        }  # fmt: skip
        silent.create_intent(given, one.at, one.intent)


def _nobody(_: Json) -> None:
    """Hears what was news some days ago."""
