"""Banks by BIN, from a dated table; shapes of account numbers; payee names compared. Pure.

The table begins with the State Bank's list of 31 December 2023; a renamed bank has a row per name.
The key is the BIN, never the letter code: codes collide (BVB is BaoViet Bank here and BVBank in
another list), brands have BINs of their own (Timo, CAKE), and renamed banks keep their BIN.
A wrong BIN with a valid account number can pay a stranger: show the looked-up name first.
"""

import csv
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import cache
from importlib.resources import files

from payments.errors import PaymentError
from payments.text import search_key

ACCOUNT_LENGTH_MAX = 19
USUAL_LENGTH_MIN = 6
_NO_HIT = 9


class BankUnknown(PaymentError):
    """No bank of the table has this BIN on that day."""

    code = "bank_unknown"

    def __init__(self, bank_bin: str) -> None:
        super().__init__(f"No bank has the BIN “{bank_bin}”.")
        self.bank_bin = bank_bin


class BankAmbiguous(PaymentError):
    """A code that several banks use; only the BIN says which."""

    code = "bank_ambiguous"

    def __init__(self, query: str, found: "tuple[Bank, ...]") -> None:
        names = ", ".join(f"{one.short_name} ({one.bin})" for one in found)
        super().__init__(f"“{query}” may be {names}: give the BIN.")
        self.query = query
        self.found = found


class AccountMalformed(PaymentError):
    """An account number is 1 to 19 letters and digits, nothing else."""

    code = "account_malformed"

    def __init__(self, account_no: str) -> None:
        super().__init__("An account number has 1 to 19 letters and digits.")
        self.account_no = account_no


class AccountDoubt(StrEnum):
    """Why a legal account number deserves a second look."""

    HAS_LETTERS = "has_letters"
    """A virtual account or a nickname."""
    UNUSUALLY_SHORT = "unusually_short"
    LIKE_A_PHONE = "like_a_phone"
    """Ten digits that start with 0: common, and personal data."""


class Transfers(StrEnum):
    """What a bank can do over NAPAS 247 by VietQR."""

    BOTH = "both"
    RECEIVE = "receive"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Bank:
    """One row of the table: what is printed, and what people call it."""

    bin: str
    code: str
    short_name: str
    name: str
    swift: str
    transfers: Transfers
    granted_by_sbv: bool
    other_codes: tuple[str, ...]
    former_names: tuple[str, ...]
    use_instead: str
    """Another BIN of the same bank that transfers really use; empty where this one is right."""
    valid_from: date
    valid_to: date | None
    source: str
    note: str

    def is_valid(self, on: date) -> bool:
        """Whether the row holds on that local day (from inclusive, to exclusive)."""
        return self.valid_from <= on and (self.valid_to is None or on < self.valid_to)


def banks(on: date | None = None) -> tuple[Bank, ...]:
    """Every bank, by BIN; of that local day, or those without an end if no day is given."""
    if on is None:
        return tuple(bank for bank in _table() if bank.valid_to is None)
    return tuple(bank for bank in _table() if bank.is_valid(on))


def bank(bank_bin: str, on: date | None = None) -> Bank:
    """The bank with this BIN.

    Raises: BankUnknown.
    """
    found = _by_bin().get(bank_bin) if on is None else _of_day(bank_bin, on)
    if found is None:
        raise BankUnknown(bank_bin)
    return found


def is_known(bank_bin: str) -> bool:
    """Whether a bank of today's table has this BIN."""
    return bank_bin in _by_bin()


def meant(query: str, on: date | None = None) -> Bank:
    """The one bank that a BIN, a code or a whole name means, for who must not guess.

    Raises: BankUnknown; BankAmbiguous where a code or name belongs to several.
    """
    wanted = search_key(query)
    named = [one for one in find(query, on=on) if wanted in _keys(one)]
    used = [one for one in named if one.bin == wanted or not one.use_instead]
    if len(used) > 1:
        raise BankAmbiguous(query, tuple(used))
    if not used:
        raise BankUnknown(query)
    return used[0]


def find(query: str, limit: int = 20, on: date | None = None) -> list[Bank]:
    """Banks that the typed words may mean, best first; codes and names with or without accents.

    Of that local day, or of today's table if no day is given.

    An exact code comes before a name that starts so, and that before a name that contains it.
    More than one bank may answer to one code: a person chooses.
    """
    wanted = search_key(query)
    if not wanted:
        return []
    ranked = [(_rank(one, wanted), one) for one in banks(on)]
    hits = [(rank, one) for rank, one in ranked if rank < _NO_HIT]
    hits.sort(key=lambda hit: (hit[0], search_key(hit[1].name).find(wanted), hit[1].bin))
    return [one for _, one in hits][:limit]


def clean_account(text: str) -> str:
    """What a person typed as an account number, without spaces, dots and dashes; zeros kept.

    Raises: AccountMalformed.
    """
    bare = "".join(letter for letter in text if not letter.isspace() and letter not in ".-")
    check_account(bare)
    return bare


def check_account(account_no: str) -> tuple[AccountDoubt, ...]:
    """What is unusual about a legal account number; nothing for most.

    Raises: AccountMalformed where no bank could have it.
    """
    if not (1 <= len(account_no) <= ACCOUNT_LENGTH_MAX):
        raise AccountMalformed(account_no)
    if not (account_no.isascii() and account_no.isalnum()):
        raise AccountMalformed(account_no)
    doubts = []
    if not account_no.isdigit():
        doubts.append(AccountDoubt.HAS_LETTERS)
    if len(account_no) < USUAL_LENGTH_MIN:
        doubts.append(AccountDoubt.UNUSUALLY_SHORT)
    if len(account_no) == 10 and account_no.isdigit() and account_no.startswith("0"):
        doubts.append(AccountDoubt.LIKE_A_PHONE)
    return tuple(doubts)


def name_matches(one: str, other: str) -> bool:
    """Whether two spellings are one person's name: banks write unaccented capitals.

    Empty names match nothing.
    """
    key = search_key(one)
    return bool(key) and key == search_key(other)


def _rank(one: Bank, wanted: str) -> int:
    codes = [search_key(code) for code in (one.code, *one.other_codes)]
    names = [search_key(name) for name in (one.short_name, *one.former_names)]
    tests = (
        one.bin == wanted,
        codes[0] == wanted,
        wanted in codes or wanted in names or search_key(one.swift) == wanted,
        any(known.startswith(wanted) for known in codes + names),
        any(wanted in known for known in names),
        wanted in search_key(one.name),
    )
    return next((rank for rank, hit in enumerate(tests) if hit), _NO_HIT)


def _keys(one: Bank) -> set[str]:
    named = (one.code, *one.other_codes, one.short_name, *one.former_names, one.name, one.swift)
    return {one.bin, *map(search_key, filter(None, named))}


def _of_day(bank_bin: str, on: date) -> Bank | None:
    return next((one for one in banks(on) if one.bin == bank_bin), None)


@cache
def _table() -> tuple[Bank, ...]:
    text = files("payments").joinpath("data/banks.csv").read_text("utf-8")
    return tuple(_row(row) for row in csv.DictReader(text.splitlines()))


@cache
def _by_bin() -> dict[str, Bank]:
    return {one.bin: one for one in banks()}


def _row(row: dict[str, str]) -> Bank:
    return Bank(
        bin=row["bin"],
        code=row["code"],
        short_name=row["short_name"],
        name=row["name"],
        swift=row["swift"],
        transfers=Transfers(row["transfers"]),
        granted_by_sbv=row["sbv"] == "yes",
        other_codes=tuple(filter(None, row["also"].split(";"))),
        former_names=tuple(filter(None, row["former"].split(";"))),
        use_instead=row["use_instead"],
        valid_from=date.fromisoformat(row["valid_from"]),
        valid_to=date.fromisoformat(row["valid_to"]) if row["valid_to"] else None,
        source=row["source"],
        note=row["note"],
    )
