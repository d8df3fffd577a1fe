"""Consent: one purpose, one switch, the words as shown; withdrawn as easily as given."""

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from importlib.resources import files
from uuid import UUID

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from market import ids
from market.errors import ConsentMissing, NotFound
from market.tables import ConsentRow


@dataclass(frozen=True, slots=True)
class Purpose:
    """What data are used for, in the words of one version."""

    code: str
    version: str
    valid_from: date
    is_required: bool
    """Without it the thing itself cannot be done; everything else may be refused."""
    title: str
    words: str


@dataclass(frozen=True, slots=True)
class Consent:
    """A consent as it stands."""

    id: UUID
    purpose: str
    text_version: str
    given_at: datetime
    withdrawn_at: datetime | None


@cache
def _all() -> tuple[Purpose, ...]:
    text = files("market").joinpath("data/consents.csv").read_text("utf-8")
    return tuple(
        Purpose(
            code=row["code"],
            version=row["version"],
            valid_from=date.fromisoformat(row["valid_from"]),
            is_required=row["required"] == "1",
            title=row["title"],
            words=row["words"],
        )
        for row in csv.DictReader(text.splitlines())
    )


def purposes(day: date) -> tuple[Purpose, ...]:
    """What is asked on that day, each in its newest words."""
    newest: dict[str, Purpose] = {}
    for one in sorted(_all(), key=lambda purpose: purpose.valid_from):
        if one.valid_from <= day:
            newest[one.code] = one
    return tuple(newest.values())


def purpose(code: str, version: str) -> Purpose:
    """The words somebody agreed to.

    Raises: NotFound.
    """
    for one in _all():
        if (one.code, one.version) == (code, version):
            return one
    raise NotFound("purpose", f"{code} {version}")


def check_given(codes: Iterable[str], day: date) -> None:
    """Whether what is needed was agreed to; silence is not consent.

    Raises: ConsentMissing with the first purpose that lacks.
    """
    given = set(codes)
    for one in purposes(day):
        if one.is_required and one.code not in given:
            raise ConsentMissing(one.code)


async def give(
    db: AsyncSession, person_id: UUID, codes: Iterable[str], *, day: date, now: datetime,
    channel: str, assisted_by: UUID | None,
) -> None:  # fmt: skip
    """Record consent to each purpose in today's words; one that stands already stays as it is."""
    asked = {one.code: one for one in purposes(day)}
    standing = {one.purpose for one in await consents_of(db, person_id) if not one.withdrawn_at}
    for code in codes:
        if code in asked and code not in standing:
            db.add(
                ConsentRow(
                    id=ids.new(), person_id=person_id, purpose=code,
                    text_version=asked[code].version, channel=channel, given_at=now,
                    assisted_by=assisted_by,
                )
            )  # fmt: skip
    await db.flush()


async def consents_of(db: AsyncSession, person_id: UUID) -> Sequence[Consent]:
    """All consents of a person, newest first, withdrawn ones too."""
    rows = await db.exec(
        select(ConsentRow)
        .where(ConsentRow.person_id == person_id)
        .order_by(col(ConsentRow.given_at).desc())
    )
    return [
        Consent(row.id, row.purpose, row.text_version, row.given_at, row.withdrawn_at)
        for row in rows
    ]


async def withdraw(db: AsyncSession, person_id: UUID, consent_id: UUID, *, now: datetime) -> str:
    """Withdraw a consent of one's own; its purpose. Twice is once.

    Raises: NotFound.
    """
    rows = await db.exec(
        select(ConsentRow)
        .where(ConsentRow.id == consent_id, ConsentRow.person_id == person_id)
        .with_for_update()
    )
    row = rows.one_or_none()
    if row is None:
        raise NotFound("consent", consent_id)
    if row.withdrawn_at is None:
        row.withdrawn_at = now
        db.add(row)
        await db.flush()
    return row.purpose
