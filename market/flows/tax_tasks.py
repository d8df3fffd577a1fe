"""What somebody has to do with the tax office, with its last day, for the stalls an operator issues for.

What is late or soon due stands in `invoice_deadlines.banner`; here is only what waits for a person.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from typing import Literal
from uuid import UUID

from sqlmodel.ext.asyncio.session import AsyncSession

import einvoice
from einvoice.envelope import REVIEW
from market import corrections

TaskKind = Literal["review", "service", "agreement", "goods"]
TASKS_MAX = 50
"""Shown at once; those with the nearest day first."""


@dataclass(frozen=True)
class Task:
    """One thing to do, whose, and until when."""

    kind: TaskKind
    vendor_id: UUID
    due_on: date | None
    said: str = ""

    def is_late(self, today: date) -> bool:
        """Whether its last day is over."""
        return self.due_on is not None and self.due_on < today


async def tasks_of(db: AsyncSession, vendor_ids: Collection[UUID]) -> list[Task]:
    """What the authority asked of these sellers and what of their corrections waits, nearest day first."""
    found: list[Task] = []
    for vendor_id in vendor_ids:
        for demand in await einvoice.demands_of(db, vendor_id):
            kind: TaskKind = "review" if demand.kind == REVIEW else "service"
            found.append(Task(kind, vendor_id, demand.answer_by, demand.number))
        for row in await corrections.to_do(db, vendor_id):
            what: TaskKind = "agreement" if row.state == "agreeing" else "goods"
            found.append(Task(what, vendor_id, None, row.said))
    return sorted(found, key=lambda one: (one.due_on or date.max, one.kind))[:TASKS_MAX]
