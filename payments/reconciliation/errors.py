"""Files that cannot be trusted: what is wrong, in which line, and what to do about it."""

from typing import Any

from payments.errors import PaymentError


class RecordUnreadable(PaymentError):
    """A file of somebody else's records cannot be taken; nothing of it was. `line` counts from 1."""

    code = "record_unreadable"

    def __init__(self, reason: str, what_to_do: str, *, line: int = 0) -> None:
        where = f"Line {line}: " if line else ""
        super().__init__(f"{where}{reason} {what_to_do}")
        self.reason = reason
        self.what_to_do = what_to_do
        self.line = line

    def facts(self) -> dict[str, Any]:
        """For programs."""
        return {
            "code": self.code,
            "line": self.line,
            "reason": self.reason,
            "what_to_do": self.what_to_do,
        }


class RecordEncoding(RecordUnreadable):
    """The bytes are not UTF-8 text."""

    code = "record_encoding"


class RecordColumns(RecordUnreadable):
    """The first line does not name the columns."""

    code = "record_columns"


class RecordCell(RecordUnreadable):
    """A cell is not what its column says."""

    code = "record_cell"


class RecordAmount(RecordCell):
    """An amount is not whole đồng as digits, has the wrong sign, or cannot be."""

    code = "record_amount"


class RecordCurrency(RecordCell):
    """Another currency than đồng."""

    code = "record_currency"


class RecordSum(RecordCell):
    """The net of a row is not its amount less fee and VAT."""

    code = "record_sum"


class RecordDay(RecordCell):
    """A row of another session than the first one, or than was asked for."""

    code = "record_day"


class RecordDoubled(RecordCell):
    """The same row number stands twice."""

    code = "record_doubled"


class RecordCut(RecordUnreadable):
    """The end is missing: no trailer, or a line that stops half way."""

    code = "record_cut"


class RecordTrailer(RecordUnreadable):
    """The trailer does not fit the rows."""

    code = "record_trailer"


class RecordEmpty(RecordUnreadable):
    """No rows."""

    code = "record_empty"


class RecordTooLarge(RecordUnreadable):
    """More than any such file has."""

    code = "record_too_large"


class RecordUnlike(RecordUnreadable):
    """So many differences that it must be another acquirer's, another day's or another account's."""

    code = "record_unlike"


class FormatUnknown(RecordUnreadable):
    """No known bank writes statements like this."""

    code = "format_unknown"


class ReconciliationBusy(PaymentError):
    """Another file is being compared this moment; try again when it is done."""

    code = "reconciliation_busy"

    def __init__(self) -> None:
        super().__init__("Another file is being compared; try again in a moment.")
