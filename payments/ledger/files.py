"""Post a file of transfers: line by line judged, in batches committed, safe to run again.

CSV with a header: `id, owner_id, debit, credit, amount_vnd, kind, occurred_at` and, if wanted,
`subject_id, place_id`. An account is its id, or its name: `sales`, `bank:PLACE`. `kind` is a name of
`TransferKind`, in any case. `occurred_at` is ISO 8601 with its zone.
"""

import csv
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from datetime import datetime
from itertools import islice
from uuid import UUID

import msgspec

from payments.errors import PaymentError
from payments.ledger.accounts import AccountKind, account_id
from payments.ledger.transfer import NO_ID, Outcome, Transfer, TransferKind
from payments.ledger.writer import BATCH_MAX, Ledger

COLUMNS = ("id", "owner_id", "debit", "credit", "amount_vnd", "kind", "occurred_at")


class FileUnreadable(PaymentError):
    """The file is not a table of transfers; nothing of it was posted."""

    code = "file_unreadable"

    def __init__(self, missing: Iterable[str]) -> None:
        self.missing = tuple(missing)
        super().__init__(f"The first line must name these columns too: {', '.join(self.missing)}.")


class Line(msgspec.Struct, frozen=True):
    """What became of one line."""

    number: int
    """As an editor counts: the header is line 1."""
    outcome: Outcome
    id: UUID | None = None
    reason: str = ""
    """What is wrong with a line that could not be read."""


async def post_file(ledger: Ledger, lines: Iterable[str]) -> AsyncIterator[Line]:
    """What became of each line, in order, each batch durable before its lines are told.

    A line that cannot be read is INVALID with its reason and costs the others nothing. Stopped
    half way, the file may be posted again: what stands is ALREADY_POSTED.

    Raises: FileUnreadable; LedgerBusy, LedgerUnavailable, LedgerClosed: what was told stands.
    """
    reader = csv.DictReader(lines)
    missing = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
    if missing:
        raise FileUnreadable(missing)
    rows = _rows(reader)
    while batch := list(islice(rows, BATCH_MAX)):
        transfers = [one for _, one in batch if isinstance(one, Transfer)]
        outcomes = iter(await ledger.post(*transfers))
        for number, one in batch:
            if isinstance(one, Transfer):
                yield Line(number, next(outcomes), one.id)
            else:
                yield Line(number, Outcome.INVALID, reason=one)


def _rows(reader: "csv.DictReader[str]") -> Iterator[tuple[int, Transfer | str]]:
    for row in reader:
        try:
            yield reader.line_num, _transfer(row)
        except (ValueError, KeyError, TypeError) as wrong:
            yield reader.line_num, str(wrong) or type(wrong).__name__


def _transfer(row: Mapping[str, str]) -> Transfer:
    owner_id = UUID(row["owner_id"])
    occurred_at = datetime.fromisoformat(row["occurred_at"])
    if occurred_at.tzinfo is None:
        raise ValueError("occurred_at has no zone")
    return Transfer(
        id=UUID(row["id"]),
        owner_id=owner_id,
        debit_id=_account(owner_id, row["debit"]),
        credit_id=_account(owner_id, row["credit"]),
        amount_vnd=int(row["amount_vnd"]),
        kind=TransferKind[row["kind"].strip().upper()],
        occurred_at=occurred_at,
        subject_id=UUID(row["subject_id"]) if row.get("subject_id") else NO_ID,
        place_id=UUID(row["place_id"]) if row.get("place_id") else NO_ID,
    )


def _account(owner_id: UUID, text: str) -> UUID:
    kind, _, place = text.strip().partition(":")
    if kind in AccountKind.__members__.values():
        return account_id(owner_id, AccountKind(kind), place)
    return UUID(text.strip())
