"""Waiting money, and a person who decides about it."""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

import payments
from market import ids
from payments import suspense

PERSON = UUID(int=77)


@pytest.fixture
def resolve(db: AsyncSession, ledger: payments.Ledger, now) -> Callable[..., Awaitable[Any]]:
    """Plans, carries out and finishes, as the platform does."""

    async def resolved(receipt_id: UUID, *parts: suspense.Part, **more: Any) -> suspense.Decision:
        await db.rollback()
        known = await suspense.case(db, receipt_id)
        fields = {"version": known.version if known else 0, "decided_by": PERSON} | more
        decision = await suspense.plan(
            db,
            suspense.Resolve(decision_id=ids.new(), receipt_id=receipt_id, parts=parts, **fields),
            now=now,
        )
        await db.commit()
        outcomes = await suspense.carry_out(ledger, decision)
        finished = await suspense.finish(db, decision.id, outcomes, now=now)
        await db.commit()
        return finished

    return resolved


@pytest.fixture
def undo(db: AsyncSession, ledger: payments.Ledger, now) -> Callable[..., Awaitable[Any]]:
    async def undone(receipt_id: UUID) -> suspense.Decision:
        await db.rollback()
        known = await suspense.case(db, receipt_id)
        command = suspense.Undo(
            decision_id=ids.new(),
            receipt_id=receipt_id,
            version=known.version,
            decided_by=PERSON,
            reason="nhầm",
        )
        decision = await suspense.plan_undo(db, command, now=now)
        await db.commit()
        outcomes = await suspense.carry_out(ledger, decision)
        finished = await suspense.finish(db, decision.id, outcomes, now=now)
        await db.commit()
        return finished

    return undone


@pytest.fixture
def part_of() -> Callable[..., suspense.Part]:
    def part(kind: str, amount_vnd: int = 0, **more: Any) -> suspense.Part:
        return suspense.Part(kind=kind, amount_vnd=amount_vnd, **more)

    return part


@pytest.fixture
def problems(database_url: str):
    """What the audit of the ledger names."""

    async def named() -> list[str]:
        return [str(one) for one in (await payments.audit(database_url)).problems]

    return named


@pytest.fixture
def events_named(db: AsyncSession):
    async def named(kind: str) -> list[dict[str, Any]]:
        rows = await db.execute(
            text("SELECT data FROM payments.event WHERE kind = :kind ORDER BY position"),
            {"kind": kind},
        )
        return [row[0] for row in rows]

    return named
