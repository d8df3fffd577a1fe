"""Onboarding of a stall: which step follows which, what was answered, whom to visit next.

Six inputs in all: the stall is tapped, name and phone are typed, the bank is chosen, the account
number is typed; the PIN comes last, on the vendor's own phone. Consents are switches.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from market.errors import NotFound, StaleVersion, StepNotNow
from market.tables import OnboardingRow

TEST_AMOUNT_VND = 1_000
STEPS = ("stall", "person", "consent", "account", "test", "stand", "done")


class Move(StrEnum):
    """What an answer to a step means now."""

    APPLY = "apply"
    ALREADY = "already"
    """The same answer came before; its request came twice."""


@dataclass(frozen=True, slots=True)
class Onboarding:
    """One onboarding at a stall, as far as it is."""

    id: UUID
    stall_id: UUID
    started_by: UUID
    step: str
    """What is asked next."""
    version: int
    started_at: datetime
    updated_at: datetime
    answers: dict[str, Any] = field(default_factory=dict)
    """By step; never an id number, a PIN or a photo."""
    person_id: UUID | None = None
    vendor_id: UUID | None = None
    payee_account_id: UUID | None = None
    test_payment_id: UUID | None = None
    stand_id: UUID | None = None

    @property
    def is_done(self) -> bool:
        """Whether nothing is left to ask."""
        return self.step == "done"


def judge(present: Onboarding, step: str, version: int, answer: dict[str, Any]) -> Move:
    """Say what an answer to `step`, made while looking at `version`, would do. Changes nothing.

    Raises: StaleVersion where somebody went on meanwhile; StepNotNow where another step is due.
    """
    assert step in STEPS
    is_past = STEPS.index(step) < STEPS.index(present.step)
    if is_past and present.answers.get(step) == answer:
        return Move.ALREADY
    if version != present.version:
        raise StaleVersion("onboarding", version, present.version)
    if step != present.step:
        raise StepNotNow(step, present.step)
    return Move.APPLY


def after(step: str) -> str:
    """The step that follows."""
    return STEPS[STEPS.index(step) + 1]


# ── Rows ────────────────────────────────────────────────────────────────────────────────────────


async def start(
    db: AsyncSession, onboarding_id: UUID, stall_id: UUID, started_by: UUID, *, now: datetime
) -> Onboarding:
    """Begin at a stall, or go on with what was begun there: by this id, or by a colleague."""
    row = await db.get(OnboardingRow, onboarding_id)
    if row is not None and row.stall_id == stall_id:
        return _value(row)
    # Two who begin at one stall take turns: the second goes on with what the first began.
    await db.execute(text("SELECT pg_advisory_xact_lock(hashtext(:id))"), {"id": str(stall_id)})
    begun = await unfinished_at(db, stall_id)
    if begun is not None:
        return begun
    if row is not None:
        raise NotFound("onboarding", onboarding_id)
    row = OnboardingRow(
        id=onboarding_id, stall_id=stall_id, started_by=started_by, step="person",
        answers={"stall": {"stall_id": str(stall_id)}}, started_at=now, updated_at=now,
    )  # fmt: skip
    db.add(row)
    await db.flush()
    return _value(row)


async def unfinished_at(db: AsyncSession, stall_id: UUID) -> Onboarding | None:
    """What was begun at a stall and is not done, the newest."""
    rows = await db.exec(
        select(OnboardingRow)
        .where(OnboardingRow.stall_id == stall_id, OnboardingRow.step != "done")
        .order_by(col(OnboardingRow.started_at).desc())
        .limit(1)
    )
    row = rows.one_or_none()
    return None if row is None else _value(row)


async def onboarding(
    db: AsyncSession, onboarding_id: UUID, *, is_locked: bool = False
) -> Onboarding:
    """One onboarding; locked until the transaction ends if asked for.

    Raises: NotFound, also where the viewer may not see it.
    """
    query = select(OnboardingRow).where(OnboardingRow.id == onboarding_id)
    rows = await db.exec(query.with_for_update() if is_locked else query)
    row = rows.one_or_none()
    if row is None:
        raise NotFound("onboarding", onboarding_id)
    return _value(row)


async def of_test_payment(db: AsyncSession, payment_id: UUID) -> Onboarding | None:
    """The onboarding that waits for this test payment, locked."""
    rows = await db.exec(
        select(OnboardingRow).where(OnboardingRow.test_payment_id == payment_id).with_for_update()
    )
    row = rows.one_or_none()
    return None if row is None else _value(row)


async def move(
    db: AsyncSession, present: Onboarding, step: str, answer: dict[str, Any], *, now: datetime,
    to: str | None = None, **facts: UUID | None,
) -> Onboarding:  # fmt: skip
    """Write an answer that `judge` let through, and the ids that came of it."""
    row = await db.get(OnboardingRow, present.id, populate_existing=True)
    assert row is not None
    assert row.version == present.version
    row.answers = {**row.answers, step: answer}
    row.step = to or after(step)
    for name, value in facts.items():
        setattr(row, name, value)
    row.version += 1
    row.updated_at = now
    db.add(row)
    await db.flush()
    return _value(row)


def _value(row: OnboardingRow) -> Onboarding:
    return Onboarding(**{name: getattr(row, name) for name in Onboarding.__dataclass_fields__})


# ── Whom to visit ───────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Visit:
    """A stall on the team's round."""

    stall_id: UUID
    hall_id: UUID
    hall_name: str
    code: str
    trade: str
    vendor_name: str
    state: str
    """“begun”, “new” (nobody yet), “no_stand” (a vendor, no code) or “done”."""
    step: str
    """Of one that was begun: what is asked next."""
    onboarding_id: UUID | None


_VISITS = text(
    """
SELECT s.id, s.hall_id, h.name, s.code, s.trade, coalesce(v.name, ''),
    CASE WHEN o.id IS NOT NULL THEN 'begun' WHEN t.id IS NOT NULL THEN 'done'
         WHEN s.vendor_id IS NULL THEN 'new' ELSE 'no_stand' END,
    coalesce(o.step, ''), o.id
FROM market.stall s
JOIN market.hall h ON h.id = s.hall_id
LEFT JOIN market.zone z ON z.id = s.zone_id
LEFT JOIN market.vendor_name v ON v.id = s.vendor_id
LEFT JOIN LATERAL (SELECT id, step FROM market.onboarding WHERE stall_id = s.id AND step <> 'done'
                   ORDER BY started_at DESC LIMIT 1) o ON true
LEFT JOIN LATERAL (SELECT id FROM market.stand WHERE stall_id = s.id AND retired_at IS NULL
                   LIMIT 1) t ON true
WHERE s.hall_id = ANY (:hall_ids) AND s.status <> 'ended'
ORDER BY h.name, z.position NULLS LAST, length(s.code), s.code
"""
)


async def visits(db: AsyncSession, hall_ids: Sequence[UUID]) -> list[Visit]:
    """Every stall of these halls in walking order, with what is to be done there."""
    rows = await db.execute(_VISITS, {"hall_ids": list(hall_ids)})
    return [Visit(*row) for row in rows]
