"""A bank's statement, whatever it was written in: one account, its lines, the days it covers. Pure."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta, timezone

import msgspec

from payments.reconciliation.errors import RecordColumns, RecordEmpty

VIETNAM = timezone(timedelta(hours=7))


class BankLine(msgspec.Struct, frozen=True, kw_only=True):
    """One movement as the bank booked it."""

    line: int
    """Where it stands in the file."""
    occurred_at: datetime
    has_time: bool = False
    """Whether the bank said more than the day."""
    reference: str
    amount_vnd: int
    """Positive: money came in."""
    memo: str = ""
    is_reversal: bool = False

    @property
    def day(self) -> date:
        """The Vietnamese day it was booked on."""
        return self.occurred_at.astimezone(VIETNAM).date()


class Statement(msgspec.Struct, frozen=True, kw_only=True):
    """The lines of one account."""

    format: str
    account_no: str
    lines: tuple[BankLine, ...]
    first_day: date
    last_day: date
    opening_vnd: int | None = None
    closing_vnd: int | None = None

    @classmethod
    def of(
        cls,
        format: str,  # noqa: A002 - the field's own name
        account_no: str,
        lines: Sequence[BankLine],
        *,
        opening_vnd: int | None = None,
        closing_vnd: int | None = None,
    ) -> "Statement":
        """A statement over the days of its lines.

        Raises: RecordEmpty; RecordColumns where nobody says which account it is.
        """
        if not lines:
            raise RecordEmpty("There are no lines.", "Export a period with movements.")
        if not account_no:
            raise RecordColumns(
                "The file does not say which account it is of.", "Give it: --bank ACCOUNT."
            )
        days = [one.day for one in lines]
        return cls(
            format=format,
            account_no=account_no,
            lines=tuple(lines),
            first_day=min(days),
            last_day=max(days),
            opening_vnd=opening_vnd,
            closing_vnd=closing_vnd,
        )

    @property
    def in_vnd(self) -> int:
        """All that came in."""
        return sum(one.amount_vnd for one in self.lines if one.amount_vnd > 0)

    @property
    def out_vnd(self) -> int:
        """All that went out."""
        return -sum(one.amount_vnd for one in self.lines if one.amount_vnd < 0)


def numbered(lines: Iterable[BankLine]) -> list[BankLine]:
    """Lines without a reference get one of their own: day, amount and how many such came before."""
    seen: Counter[tuple[date, int]] = Counter()
    found = []
    for one in lines:
        if not one.reference:
            key = (one.day, one.amount_vnd)
            seen[key] += 1
            own = f"{one.day:%Y%m%d}/{one.amount_vnd}/{seen[key]}"
            found.append(msgspec.structs.replace(one, reference=own))
        else:
            found.append(one)
    return found
