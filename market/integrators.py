"""Banks and acquirers that confirm credits to us directly: their keys, and whose money they may name."""

import asyncio
import hashlib
import re
import secrets
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from market.errors import MarketError, NotFound
from market.tables import IntegratorRow
from payments import banks

KEY_PREFIX = "cho_"
"""So that scanners of published code recognise a key of ours."""
KEY_BYTES = 32
NAME_LENGTH_MAX = 100
OWN_GATEWAYS = frozenset(
    {"sepay", "casso", "payos", "signed", "vnpay", "stripe", "cash", "sandbox"}
)
"""Names under which this market itself records what it verified; also the first words of such."""
_GATEWAY = re.compile(r"[a-z][a-z0-9_-]{1,31}")

FRESH_SECONDS = 3.0
"""Older than this, the known keys are read again beside the work."""
STALE_SECONDS = 8.0
"""Older than this, nobody is let in by them: a revoked key is dead within ten seconds."""
AGAIN_SECONDS = 1.0
"""How often at most an unknown key makes us look whether it is new."""


class IntegratorInvalid(MarketError):
    """An integrator that cannot be: its name, its gateway's name or its banks are refused."""

    code = "integrator_invalid"

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"The {field} cannot be used: {reason}.")
        self.field = field
        self.reason = reason


class GatewayTaken(MarketError):
    """Another integrator confirms under this name, or this one with other banks."""

    code = "gateway_taken"

    def __init__(self, gateway: str, name: str) -> None:
        super().__init__(f"The gateway {gateway} belongs to {name}; revoke that first.")
        self.gateway = gateway
        self.name = name


@dataclass(frozen=True, slots=True)
class Integrator:
    """Who confirms, and for which banks' accounts."""

    id: UUID
    name: str
    gateway: str
    bank_bins: tuple[str, ...]
    """Empty for an acquirer: it names our payments, never accounts."""
    created_at: datetime
    revoked_at: datetime | None = None


async def add(db: AsyncSession, integrator: Integrator) -> str:
    """Admit an integrator; its key, which is known to nobody after this.

    The same gateway may be added again for the same name and banks: a new key beside the old one,
    until that is revoked.
    Raises: IntegratorInvalid, GatewayTaken, payments.banks.BankUnknown.
    """
    _check(integrator)
    await db.execute(_LOCK)
    for other in await integrators(db):
        differs = (other.name, other.bank_bins) != (integrator.name, integrator.bank_bins)
        if other.gateway == integrator.gateway and other.revoked_at is None and differs:
            raise GatewayTaken(other.gateway, other.name)
    key = KEY_PREFIX + secrets.token_urlsafe(KEY_BYTES)
    db.add(
        IntegratorRow(
            id=integrator.id, name=integrator.name, gateway=integrator.gateway,
            bank_bins=list(integrator.bank_bins), key_hash=key_hash(key.encode()),
            created_at=integrator.created_at,
        )
    )  # fmt: skip
    await db.flush()
    return key


async def integrators(db: AsyncSession) -> list[Integrator]:
    """All there ever were, oldest first."""
    rows = await db.exec(select(IntegratorRow).order_by(col(IntegratorRow.id)))
    return [_integrator(row) for row in rows]


async def revoke(db: AsyncSession, integrator_id: UUID, *, now: datetime) -> None:
    """Its key opens nothing more, at the latest ten seconds after the commit; repeatable.

    Raises: NotFound.
    """
    row = await db.get(IntegratorRow, integrator_id)
    if row is None:
        raise NotFound("integrator", integrator_id)
    if row.revoked_at is None:
        row.revoked_at = now
        await db.flush()


async def by_key_hash(db: AsyncSession) -> dict[bytes, Integrator]:
    """Everyone who may confirm now."""
    rows = await db.exec(select(IntegratorRow).where(col(IntegratorRow.revoked_at).is_(None)))
    return {row.key_hash: _integrator(row) for row in rows}


def key_hash(key: bytes) -> bytes:
    """What is stored and compared: whoever reads the table holds no key."""
    return hashlib.sha256(key).digest()


class Keys:
    """The keys of one process, in memory: the way of a confirmation asks no database who it is.

    `load` reads them; `clock` counts seconds and never goes back.
    """

    def __init__(
        self, load: Callable[[], Awaitable[dict[bytes, Integrator]]], clock: Callable[[], float]
    ) -> None:
        self._load = load
        self._clock = clock
        self._known: dict[bytes, Integrator] = {}
        self._used: dict[bytes, Integrator] = {}
        """By the key itself: those of `_known` that came since it was read."""
        self._fresh_until = 0.0
        self._read_at: float | None = None
        self._reading: asyncio.Task[None] | None = None

    def known(self, key: bytes) -> Integrator | None:
        """Whose key this surely is; None where `find` has to be asked."""
        if self._clock() > self._fresh_until:
            return None
        return self._used.get(key)

    async def find(self, key: bytes) -> Integrator | None:
        """Whose key this is; None for nobody's.

        Raises: whatever `load` raises, where what is known is too old.
        """
        age = self._age()
        if age > STALE_SECONDS:
            await self._read_again()
        elif age > FRESH_SECONDS:
            self._start_reading()
        hashed = key_hash(key)
        found = self._known.get(hashed)
        if found is None and self._age() > AGAIN_SECONDS:
            await self._read_again()
            found = self._known.get(hashed)
        if found is not None:
            self._used[key] = found
        return found

    async def close(self) -> None:
        """Wait for nothing more."""
        if self._reading is not None:
            self._reading.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await self._reading

    def _age(self) -> float:
        return float("inf") if self._read_at is None else self._clock() - self._read_at

    async def _read_again(self) -> None:
        await asyncio.shield(self._start_reading())

    def _start_reading(self) -> "asyncio.Task[None]":
        """One reading at a time, shared by all who wait for it."""
        if self._reading is None or self._reading.done():
            self._reading = asyncio.create_task(self._read(), name="integrators")
            self._reading.add_done_callback(_forget_failure)
        return self._reading

    async def _read(self) -> None:
        begun = self._clock()
        self._known = await self._load()
        self._used = {}
        self._read_at = begun
        self._fresh_until = begun + FRESH_SECONDS


def _forget_failure(reading: "asyncio.Task[None]") -> None:
    """Whoever needed it has heard; nobody did, then the next asks again."""
    if not reading.cancelled():
        reading.exception()


def _check(integrator: Integrator) -> None:
    if not integrator.name.strip() or len(integrator.name) > NAME_LENGTH_MAX:
        raise IntegratorInvalid("name", f"1 to {NAME_LENGTH_MAX} characters")
    if not integrator.name.isprintable():
        raise IntegratorInvalid("name", "it has characters that cannot be shown")
    if _GATEWAY.fullmatch(integrator.gateway) is None:
        raise IntegratorInvalid("gateway", "2 to 32 small letters, digits, - or _")
    if integrator.gateway.partition("-")[0] in OWN_GATEWAYS:
        raise IntegratorInvalid("gateway", "the market uses this name itself")
    for bank_bin in integrator.bank_bins:
        banks.bank(bank_bin)


def sorted_bins(bank_bins: Iterable[str]) -> tuple[str, ...]:
    """Each once, in order, so that two lists of the same banks are equal."""
    return tuple(sorted(set(bank_bins)))


def _integrator(row: IntegratorRow) -> Integrator:
    return Integrator(
        id=row.id, name=row.name, gateway=row.gateway, bank_bins=tuple(row.bank_bins),
        created_at=row.created_at, revoked_at=row.revoked_at,
    )  # fmt: skip


_LOCK = text("LOCK TABLE market.integrator IN SHARE ROW EXCLUSIVE MODE")
