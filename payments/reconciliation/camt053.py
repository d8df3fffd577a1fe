"""ISO 20022 camt.053, a bank's statement in XML, of any version. Read with entities off. Pure."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec
from lxml import etree

from payments.ledger.transfer import TRANSFER_VND_MAX
from payments.reconciliation.errors import (
    RecordAmount,
    RecordCell,
    RecordCurrency,
    RecordSum,
    RecordUnreadable,
)
from payments.reconciliation.statement import VIETNAM, BankLine, Statement, numbered

_AMOUNT = re.compile(r"([0-9]{1,18})(\.0+)?", re.ASCII)
_BOOKED = ("BOOK", "")
_REFERENCES = (
    ("AcctSvcrRef",),
    ("NtryDtls", "TxDtls", "Refs", "AcctSvcrRef"),
    ("NtryDtls", "TxDtls", "Refs", "TxId"),
    ("NtryDtls", "TxDtls", "Refs", "EndToEndId"),
    ("NtryRef",),
)
_WORTH = ((), ("AmtDtls", "TxAmt"))
"""Which part of a transaction holds its amount, by the version of the form."""


def is_camt053(text: str) -> bool:
    """Whether a text is such a statement."""
    return text.lstrip("\ufeff \r\n\t").startswith("<") and "BkToCstmrStmt" in text[:4_000]


def read(raw: bytes) -> Statement:
    """The statement; entries that are only expected are left out.

    Raises: RecordUnreadable, of the kind that fits.
    """
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, dtd_validation=False,
        huge_tree=False, remove_comments=True, remove_pis=True,
    )  # fmt: skip
    try:
        root = etree.fromstring(raw, parser)
    except (etree.XMLSyntaxError, ValueError) as wrong:
        line = getattr(wrong, "lineno", 0) or 0
        raise RecordUnreadable(
            f"The file is not well-formed XML ({str(wrong)[:80]}).",
            "Ask the bank for it again.",
            line=line,
        ) from wrong
    if root.getroottree().docinfo.internalDTD is not None:
        raise RecordUnreadable(
            "The file declares a document type.",
            "No bank's statement does: it is not taken.",
            line=1,
        )
    statements = list(_all(root, "Stmt"))
    accounts = {_account(one) for one in statements}
    if len(accounts) != 1:
        raise RecordCell(
            f"The file has {len(accounts)} accounts.", "One file has one account: split it.", line=1
        )
    lines = [line for one in statements for entry in _children(one, "Ntry")
             for line in _entry(entry)]  # fmt: skip
    opening, closing = _balance(statements[0], "OPBD"), _balance(statements[-1], "CLBD")
    if opening is not None and closing is not None:
        moved = sum(line.amount_vnd for line in lines)
        if opening + moved != closing:
            raise RecordSum(
                f"The entries lead to {opening + moved} đ, the closing balance is {closing} đ.",
                "Entries are missing: ask the bank for the statement again.",
            )
    return Statement.of(
        "camt.053", accounts.pop(), numbered(lines), opening_vnd=opening, closing_vnd=closing
    )


def _entry(entry: Any) -> Iterator[BankLine]:
    """The movement of an entry, or those of a batch that tells of each; none if it is not booked."""
    status = _text(entry, "Sts", "Cd") or _text(entry, "Sts")
    if status not in _BOOKED:
        return
    amount_vnd = _vnd(entry)
    sign = _text(entry, "CdtDbtInd")
    if sign not in ("CRDT", "DBIT"):
        raise RecordCell(
            "An entry is neither credit nor debit.", "Ask the bank for it again.",
            line=entry.sourceline,
        )  # fmt: skip
    days = (("BookgDt", "DtTm"), ("BookgDt", "Dt"), ("ValDt", "DtTm"), ("ValDt", "Dt"))
    instant = next((found for path in days if (found := _text(entry, *path))), "")
    whole = BankLine(
        line=entry.sourceline,
        occurred_at=_instant(instant, entry.sourceline),
        has_time="T" in instant,
        reference=_reference(entry, *_REFERENCES),
        amount_vnd=amount_vnd if sign == "CRDT" else -amount_vnd,
        memo=_memo(entry) or " ".join(_text(entry, "AddtlNtryInf").split()),
        is_reversal=_text(entry, "RvslInd") in ("true", "1"),
    )
    parts = list(_parts(entry, whole))
    yield from parts if sum(one.amount_vnd for one in parts) == whole.amount_vnd else (whole,)


def _parts(entry: Any, whole: BankLine) -> Iterator[BankLine]:
    """The movements of a batch; none where it does not say what each is worth."""
    told = [one for details in _children(entry, "NtryDtls") for one in _children(details, "TxDtls")]
    worth = [_worth(one) for one in told]
    if len(told) < 2 or None in worth:
        return
    for one, priced in zip(told, worth, strict=True):
        amount_vnd = _vnd(priced)
        yield msgspec.structs.replace(
            whole,
            line=one.sourceline,
            reference=_reference(one, *(path[2:] for path in _REFERENCES if len(path) > 2)),
            amount_vnd=amount_vnd if whole.amount_vnd > 0 else -amount_vnd,
            memo=_memo(one),
        )


def _worth(transaction: Any) -> Any:
    """The part of a transaction that holds its amount; None where it says none."""
    places = (_at(transaction, *path) for path in _WORTH)
    return next((one for one in places if one is not None and _at(one, "Amt") is not None), None)


def _reference(owner: Any, *paths: tuple[str, ...]) -> str:
    found = (_text(owner, *path) for path in paths)
    return next((one for one in found if one and one != "NOTPROVIDED"), "")


def _memo(owner: Any) -> str:
    return " ".join(" ".join(one.text or "" for one in _all(owner, "Ustrd")).split())


def _vnd(owner: Any) -> int:
    amount = next(_children(owner, "Amt"), None)
    text = "" if amount is None else (amount.text or "").strip()
    found = _AMOUNT.fullmatch(text)
    if amount is None or found is None or int(found[1]) > TRANSFER_VND_MAX:
        raise RecordAmount(
            f"“{text[:25]}” is no amount in whole đồng.", "Ask the bank for it again.",
            line=owner.sourceline,
        )  # fmt: skip
    if amount.get("Ccy") != "VND":
        raise RecordCurrency(
            f"The currency is {amount.get('Ccy')}.",
            "Only VND is known here.",
            line=amount.sourceline,
        )
    return int(found[1])


def _balance(statement: Any, kind: str) -> int | None:
    for one in _children(statement, "Bal"):
        if _text(one, "Tp", "CdOrPrtry", "Cd") == kind:
            amount_vnd = _vnd(one)
            return amount_vnd if _text(one, "CdtDbtInd") == "CRDT" else -amount_vnd
    return None


def _account(statement: Any) -> str:
    return _text(statement, "Acct", "Id", "Othr", "Id") or _text(statement, "Acct", "Id", "IBAN")


def _instant(text: str, line: int) -> datetime:
    try:
        at = datetime.fromisoformat(text if "T" in text else text[:10])  # a day may carry a zone
    except ValueError:
        raise RecordCell(
            f"“{text[:25]}” is no date.", "Ask the bank for it again.", line=line
        ) from None
    return (at if at.tzinfo else at.replace(tzinfo=VIETNAM)).astimezone(UTC)


def _children(element: Any, name: str) -> Iterator[Any]:
    return (one for one in element if _name(one) == name)


def _all(element: Any, name: str) -> Iterator[Any]:
    return (one for one in element.iter() if _name(one) == name)


def _name(element: Any) -> str:
    return str(element.tag).rpartition("}")[2]


def _text(element: Any, *path: str) -> str:
    found = _at(element, *path)
    return "" if found is None else (found.text or "").strip()


def _at(element: Any, *path: str) -> Any:
    for name in path:
        element = next(_children(element, name), None)
        if element is None:
            return None
    return element
