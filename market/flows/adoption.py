"""Takings per stall and hour, kept from the ledger's events, and computed anew from its journal."""

from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

import payments
from market import adoption
from market.adoption import Scope
from market.flows.context import Event, Together
from market.periods import Period

DIFFERENCES_MAX = 100

_ADD = text(
    "INSERT INTO market.takings_hour (stall_id, hour, method, sale_count, sale_vnd)"
    " SELECT * FROM unnest(CAST(:stalls AS uuid[]), CAST(:hours AS timestamptz[]),"
    " CAST(:methods AS text[]), CAST(:counts AS bigint[]), CAST(:vnd AS bigint[]))"
    " ON CONFLICT (stall_id, hour, method) DO UPDATE SET"
    " sale_count = takings_hour.sale_count + excluded.sale_count,"
    " sale_vnd = takings_hour.sale_vnd + excluded.sale_vnd"
)
_GIVE_BACK = text(
    "INSERT INTO market.refund_hour"
    " (stall_id, hour, method, refund_count, refund_vnd, reversed_count)"
    " VALUES (:stall_id, :hour, :method, 1, :vnd, :reversed)"
    " ON CONFLICT (stall_id, hour, method) DO UPDATE SET"
    " refund_count = refund_hour.refund_count + 1,"
    " refund_vnd = refund_hour.refund_vnd + excluded.refund_vnd,"
    " reversed_count = refund_hour.reversed_count + excluded.reversed_count"
)


@dataclass(frozen=True)
class Sums:
    """Counts and đồng of one stall in one hour, or of many."""

    cashless_count: int = 0
    cashless_vnd: int = 0
    cash_count: int = 0
    cash_vnd: int = 0
    refund_count: int = 0
    refund_vnd: int = 0
    reversed_count: int = 0
    """Sales that went back whole."""


Hours = dict[tuple[UUID, datetime], Sums]
"""By stall and hour."""


@dataclass(frozen=True)
class Difference:
    """One stall and hour on which roll-up and ledger do not say the same."""

    stall_id: UUID
    hour: datetime
    rolled: Sums
    ledger: Sums


@dataclass(frozen=True)
class Recomputed:
    """The takings of a scope by both ways."""

    rolled: Sums
    ledger: Sums
    differences: tuple[Difference, ...]
    """The first hundred; empty where every stall and hour agrees to 0 đồng."""


@Together
async def takings_rolled_up(db: AsyncSession, events: Sequence[Event], now: datetime) -> None:
    """Reaction to `receipt.recorded`: what became takings is added to its stall and hour.

    Test payments, charges and money in suspense book nothing; what is too much is no takings.
    """
    sums: dict[tuple[UUID, datetime, str], list[int]] = {}
    for event in events:
        data = event.data
        if data.get("booked_vnd") and data.get("place_id"):
            hour = hour_of(datetime.fromisoformat(data["occurred_at"]))
            one = sums.setdefault((UUID(data["place_id"]), hour, method_of(data)), [0, 0])
            one[0] += 1
            one[1] += data["booked_vnd"]
    if not sums:
        return
    keys = sorted(sums)  # rows are locked in one order by whoever adds
    stalls, hours, methods = zip(*keys, strict=True)
    counts, vnd = zip(*(sums[key] for key in keys), strict=True)
    await db.execute(
        _ADD,
        {
            "stalls": list(stalls), "hours": list(hours), "methods": list(methods),
            "counts": list(counts), "vnd": list(vnd),
        },
    )  # fmt: skip


async def refund_rolled_up(db: AsyncSession, event: Event, now: datetime) -> None:
    """Reaction to `refund.done`: what went back of takings is of the hour in which it went back.

    The hours it was sold in stay as they were told.
    """
    data = event.data
    done = await payments.given_back_by(db, UUID(data["owner_id"]), UUID(data["refund_id"]))
    if done is None:
        return
    await db.execute(
        _GIVE_BACK,
        {
            "stall_id": done.place_id,
            "hour": hour_of(done.occurred_at),
            "method": _method_of_refund(done),
            "vnd": done.amount_vnd,
            "reversed": int(done.is_last),
        },
    )


def _method_of_refund(done: payments.GivenBack) -> str:
    return method_of({"outcome": done.outcome, "gateway": done.gateway})


def method_of(data: dict[str, Any]) -> str:
    """How the money came: cash, a printed code, a dynamic one, or an acquirer's name."""
    if data["outcome"] in {"cash", "stand"}:
        return str(data["outcome"])
    gateway = str(data.get("gateway", ""))
    return gateway if gateway in {"vnpay", "stripe"} else "vietqr"


def hour_of(instant: datetime) -> datetime:
    """The hour an instant lies in; Vietnamese and UTC hours begin together."""
    return instant.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


_ROLLED = text(
    "SELECT stall_id, hour,"
    " coalesce(sum(sale_count) FILTER (WHERE method <> 'cash'), 0)::bigint,"
    " coalesce(sum(sale_vnd) FILTER (WHERE method <> 'cash'), 0)::bigint,"
    " coalesce(sum(sale_count) FILTER (WHERE method = 'cash'), 0)::bigint,"
    " coalesce(sum(sale_vnd) FILTER (WHERE method = 'cash'), 0)::bigint, 0, 0, 0"
    " FROM market.takings_hour"
    " WHERE stall_id = ANY (:stalls) AND hour >= :start AND hour < :end GROUP BY 1, 2"
)
_ROLLED_BACK = text(
    "SELECT stall_id, hour, 0, 0, 0, 0, sum(refund_count)::bigint, sum(refund_vnd)::bigint,"
    " sum(reversed_count)::bigint FROM market.refund_hour"
    " WHERE stall_id = ANY (:stalls) AND hour >= :start AND hour < :end GROUP BY 1, 2"
)


async def recompute(db: AsyncSession, scope: Scope, period: Period) -> Recomputed:
    """The takings and refunds behind every figure of a scope, from the journal alone, against the
    roll-up.

    Both are read in the caller's transaction; run it as the system role, which sees the journal.
    """
    stalls = [one.stall_id for one in await adoption.stalls_of(db, scope, period)]
    within = {"stalls": stalls, "start": period.start, "end": period.end}
    rolled: Hours = {}
    for statement in (_ROLLED, _ROLLED_BACK):
        for row in await db.execute(statement, within):
            _add(rolled, row[0], row[1], Sums(*row[2:]))
    ledger = await _by_ledger(db, stalls, period)
    wrong = [
        Difference(key[0], key[1], rolled.get(key, Sums()), ledger.get(key, Sums()))
        for key in sorted(rolled.keys() | ledger.keys())
        if rolled.get(key, Sums()) != ledger.get(key, Sums())
    ]
    return Recomputed(
        _total(rolled.values()), _total(ledger.values()), tuple(wrong[:DIFFERENCES_MAX])
    )


async def _by_ledger(db: AsyncSession, stalls: list[UUID], period: Period) -> Hours:
    found: Hours = {}
    for one in await payments.takings(db, stalls, period.start, period.end):
        sums = Sums(one.cashless_count, one.cashless_vnd, one.cash_count, one.cash_vnd)
        _add(found, one.place_id, one.hour, sums)
    for back in await payments.given_back(db, stalls, period.start, period.end):
        sums = Sums(0, 0, 0, 0, 1, back.amount_vnd, int(back.is_last))
        _add(found, back.place_id, hour_of(back.occurred_at), sums)
    return found


def _add(hours: Hours, stall_id: UUID, hour: datetime, more: Sums) -> None:
    hours[stall_id, hour] = _total((hours.get((stall_id, hour), Sums()), more))


def _total(many: Iterable[Sums]) -> Sums:
    """Every field is a sum of its own."""
    return Sums(*(sum(column) for column in zip(*map(astuple, many), strict=True)))
