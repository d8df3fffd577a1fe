"""What an inspection finds: remarks with a stable code, a place, a sentence, a remedy, the law. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from einvoice import instruments
from einvoice.sentences import SOURCE, said_in


class Verdict(StrEnum):
    """How a remark is meant."""

    RIGHT = "right"
    NOTE = "note"
    """Allowed, and worth knowing."""
    DOUBT = "doubt"
    """Could not be checked, or looks unusual: a person should look."""
    WRONG = "wrong"


@dataclass(frozen=True, kw_only=True)
class Remark:
    """One finding. `code` is stable; `text` and `remedy` are Vietnamese, `said_in` has the English."""

    verdict: Verdict
    code: str
    where: str
    text: str
    remedy: str = ""
    source: str = ""

    def plain(self, language: str = SOURCE) -> dict[str, Any]:
        """As JSON wants it, without what is empty."""
        said = {
            "verdict": self.verdict.value,
            "code": self.code,
            "where": self.where,
            "text": said_in(self.text, language),
            "remedy": said_in(self.remedy, language),
            "source": instruments.spelled(self.source, language),
        }
        return {key: value for key, value in said.items() if value}


@dataclass(frozen=True, kw_only=True)
class SignatureView:
    """One signature of a document."""

    place: str
    holds: bool
    reason: str = ""
    """Why it does not hold: a word of SealInvalid."""
    tax_id: str = ""
    name: str = ""
    issuer: str = ""
    signed_at: datetime | None = None

    def plain(self) -> dict[str, Any]:
        """As JSON wants it."""
        at = self.signed_at.isoformat() if self.signed_at else None
        return {
            "place": self.place,
            "holds": self.holds,
            "reason": self.reason or None,
            "tax_id": self.tax_id or None,
            "name": self.name or None,
            "issuer": self.issuer or None,
            "signed_at": at,
        }


@dataclass
class Sheet:
    """Where the remarks on one document, or one part of it, are gathered."""

    where: str
    remarks: list[Remark] = field(default_factory=list)
    signatures: list[SignatureView] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)
    parts: list["Sheet"] = field(default_factory=list)

    def right(self, code: str, text: str, where: str = "", source: str = "") -> None:
        """Something was checked and is right."""
        self._add(Verdict.RIGHT, code, text, where, "", source)

    def note(self, code: str, text: str, where: str = "", source: str = "") -> None:
        """Something worth knowing."""
        self._add(Verdict.NOTE, code, text, where, "", source)

    def doubt(
        self, code: str, text: str, where: str = "", remedy: str = "", source: str = ""
    ) -> None:
        """Something a person should look at."""
        self._add(Verdict.DOUBT, code, text, where, remedy, source)

    def wrong(
        self, code: str, text: str, where: str = "", remedy: str = "", source: str = ""
    ) -> None:
        """Something that is not as it must be."""
        self._add(Verdict.WRONG, code, text, where, remedy, source)

    def wrong_in(self, *prefixes: str) -> bool:
        """Whether anything with one of these codes is wrong."""
        return any(
            one.verdict is Verdict.WRONG and one.code.startswith(prefixes) for one in self.remarks
        )

    def _add(
        self, verdict: Verdict, code: str, text: str, where: str, remedy: str, source: str
    ) -> None:
        self.remarks.append(
            Remark(
                verdict=verdict,
                code=code,
                where=where or self.where,
                text=text,
                remedy=remedy,
                source=source,
            )
        )


@dataclass(frozen=True)
class Report:
    """The whole answer about one document."""

    kind: str
    """invoice, message, notice, registration, summary or unknown."""
    sheet: Sheet

    @property
    def is_right(self) -> bool:
        """Whether nothing is wrong; doubts may remain."""
        return not any(one.verdict is Verdict.WRONG for one in self.remarks())

    def remarks(self, *verdicts: Verdict) -> Iterator[Remark]:
        """Every remark, of the parts too; of these verdicts, or of all."""
        for sheet in _sheets(self.sheet):
            for one in sheet.remarks:
                if not verdicts or one.verdict in verdicts:
                    yield one

    def codes(self, verdict: Verdict = Verdict.WRONG) -> list[str]:
        """The codes of one verdict."""
        return [one.code for one in self.remarks(verdict)]

    def plain(self, language: str = SOURCE) -> dict[str, Any]:
        """As JSON wants it."""
        counts = {one.value: len(list(self.remarks(one))) for one in Verdict}
        return {
            "kind": self.kind,
            "is_right": self.is_right,
            "counts": counts,
            **_plain(self.sheet, language),
        }


def _sheets(sheet: Sheet) -> Iterator[Sheet]:
    yield sheet
    for part in sheet.parts:
        yield from _sheets(part)


def _plain(sheet: Sheet, language: str) -> dict[str, Any]:
    said: dict[str, Any] = {
        "where": sheet.where,
        "facts": {key: _value(value, language) for key, value in sheet.facts.items()},
        "signatures": [one.plain() for one in sheet.signatures],
        "remarks": [one.plain(language) for one in sheet.remarks],
    }
    if sheet.parts:
        said["parts"] = [_plain(part, language) for part in sheet.parts]
    return said


def _value(value: Any, language: str) -> Any:
    if isinstance(value, str | list):
        return (
            [said_in(one, language) for one in value]
            if isinstance(value, list)
            else said_in(value, language)
        )
    return value.isoformat() if isinstance(value, date | datetime) else value
