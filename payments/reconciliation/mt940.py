"""SWIFT MT940, a bank's customer statement, as Vietnamese banks send it over host-to-host. Pure.

Fields `:20:` `:25:` `:28C:` `:60F:` `:61:` `:86:` `:62F:`; a line that does not begin a field goes on
with the one before. Amounts have a decimal comma, which for đồng is followed by nothing or zeros.
"""

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, time

import msgspec

from payments.ledger.transfer import TRANSFER_VND_MAX
from payments.reconciliation.errors import (
    RecordAmount,
    RecordCell,
    RecordCurrency,
    RecordCut,
    RecordSum,
)
from payments.reconciliation.statement import VIETNAM, BankLine, Statement, numbered

_TAG = re.compile(r":(\d\d[A-Z]?):(.*)", re.DOTALL)
_AMOUNT = r"([0-9]+(?:[.,][0-9]{0,2})?)"
"""The standard has a comma always; some banks write a point, or nothing at all."""
_BALANCE = re.compile(rf"([CD])(\d{{6}})([A-Z]{{3}}){_AMOUNT}", re.ASCII)
_LINE = re.compile(
    rf"(\d{{6}})(\d{{4}})?(R?[CD])([A-Z])?{_AMOUNT}([A-Z][A-Z0-9]{{3}})"
    r"([^\n]{0,35}?)(?://([^\n]{1,35}))?(?:\n(.*))?",
    re.ASCII | re.DOTALL,
)


def is_mt940(text: str) -> bool:
    """Whether a text is such a statement."""
    head = text[:4_000]
    return ":20:" in head and (":25:" in head or ":25P:" in head) and ":60" in head


def read(text: str) -> Statement:
    """The statement; several of one account that follow each other are one.

    Raises: RecordUnreadable, of the kind that fits.
    """
    account_no, lines = "", list[BankLine]()
    opening: int | None = None
    closing: int | None = None
    running = 0
    before = ""
    for tag, value, number in _fields(text):
        if tag in ("25", "25P"):
            found = _account(value)
            if account_no and found != account_no:
                raise RecordCell(
                    f"A second account {found}.", "One file has one account: split it.", line=number
                )
            account_no = found
        elif tag in ("60F", "60M"):
            running = _balance(value, number)
            told = f"A page closes with {closing} đ, the next opens with {running} đ."
            _require_equal(running, running if closing is None else closing, told, number)
            opening = running if opening is None else opening
        elif tag == "61":
            lines.append(_line(value, number))
            running += lines[-1].amount_vnd
        elif tag == "86" and before == "61":  # behind a balance it is about the whole statement
            lines[-1] = _with_memo(lines[-1], value)
        elif tag in ("62F", "62M"):
            closing = _balance(value, number)
            told = f"The lines lead to {running} đ, the closing balance is {closing} đ."
            _require_equal(running, closing, told, number)
        before = tag
    if opening is not None and closing is None:
        raise RecordCut(
            "There is no closing balance.", "The file was cut: ask the bank for it again.",
            line=text.count("\n") + 1,
        )  # fmt: skip
    return Statement.of(
        "mt940", account_no, numbered(lines), opening_vnd=opening, closing_vnd=closing
    )


def _fields(text: str) -> Iterator[tuple[str, str, int]]:
    """Tag, value and line of each field; the envelope's blocks are passed over."""
    tag, value, start = "", "", 0
    for number, line in enumerate(text.replace("\r\n", "\n").split("\n"), 1):
        bare = line.rpartition("{4:")[2] if "{4:" in line else line
        found = _TAG.fullmatch(bare)
        if found or bare.startswith(("-}", "{")) or bare == "-":
            if tag:
                yield tag, value, start
            tag, value, start = (found[1], found[2], number) if found else ("", "", number)
        elif tag:
            value += "\n" + bare
    if tag:
        yield tag, value.rstrip("\n"), start


def _require_equal(one: int, other: int, told: str, number: int) -> None:
    if one != other:
        raise RecordSum(
            told, "Lines are missing: ask the bank for the statement again.", line=number
        )


def _account(value: str) -> str:
    """The number alone: banks write their own code in front of it, and the currency behind it."""
    first = value.split()[0] if value.strip() else ""
    number = first.rpartition("/")[2]
    return number.removesuffix("VND") or number


def _balance(value: str, number: int) -> int:
    found = _BALANCE.match(value.strip())
    if found is None:
        raise RecordCell("The balance cannot be read.", "Ask the bank for it again.", line=number)
    if found[3] != "VND":
        raise RecordCurrency(f"The currency is {found[3]}.", "Only VND is known here.", line=number)
    amount_vnd = _vnd(found[4], number)
    return amount_vnd if found[1] == "C" else -amount_vnd


def _line(value: str, number: int) -> BankLine:
    found = _LINE.fullmatch(value.strip("\n"))
    if found is None:
        raise RecordCell("The line cannot be read.", "Ask the bank for it again.", line=number)
    booked, _, sign, _, amount, _, customer, bank, more = found.groups()
    amount_vnd = _vnd(amount, number)
    comes_in = sign in ("C", "RD")
    own = "" if (customer or "").strip() == "NONREF" else (customer or "").strip()
    return BankLine(
        line=number,
        occurred_at=datetime.combine(_day(booked, number), time.min, VIETNAM).astimezone(UTC),
        reference=(bank or own).strip(),
        amount_vnd=amount_vnd if comes_in else -amount_vnd,
        memo=" ".join((more or "").split()),
        is_reversal=sign.startswith("R"),
    )


def _with_memo(line: BankLine, value: str) -> BankLine:
    # Subfields ?20 to ?29 and ?60 to ?63 are the text, in pieces of 27 letters.
    pieces = re.split(r"\?(\d\d)", value.replace("\n", ""))
    if len(pieces) > 1:
        kept = (
            text
            for code, text in zip(pieces[1::2], pieces[2::2], strict=False)
            if "20" <= code <= "29" or "60" <= code <= "63"
        )
        value = "".join(kept)
    return msgspec.structs.replace(line, memo=" ".join(value.split()) or line.memo)


def _day(text: str, number: int) -> date:
    try:
        return date(2000 + int(text[:2]), int(text[2:4]), int(text[4:6]))
    except ValueError:
        raise RecordCell(
            f"“{text}” is no day.", "Ask the bank for it again.", line=number
        ) from None


def _vnd(text: str, number: int) -> int:
    whole, _, part = text.replace(".", ",").partition(",")
    if part.strip("0") or int(whole) > TRANSFER_VND_MAX:
        raise RecordAmount(
            f"“{text}” is no amount in whole đồng.", "Ask the bank for it again.", line=number
        )
    return int(whole)
