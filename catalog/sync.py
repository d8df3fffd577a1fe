"""Tell the channels what waits: claim, call with no transaction open, record the answer."""

from collections.abc import Callable, Collection, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import case, exists, literal
from sqlalchemy.orm import aliased
from sqlmodel import col, select, update
from sqlmodel.ext.asyncio.session import AsyncSession

from catalog.connector import (
    STOPS_CHANNEL,
    TRANSIENT,
    TRY_FOR,
    ChannelRefused,
    Connector,
    Failure,
    FailureCode,
    ListingState,
    Offer,
    Operation,
    Ref,
    RemoteListing,
    backoff,
    drift,
)
from catalog.product import Product
from catalog.shelf import product_of
from catalog.tables import ChannelRow, ListingRow, PendingRow, ProductRow

CLAIM_MAX = 20
"""Operations one worker takes at a time: they are sent one after the other."""
LEASE = timedelta(minutes=5)
"""For CLAIM_MAX calls of at most 10 s each; a worker that died gives its claim back by it."""
REVIEW_EVERY = timedelta(seconds=20)
"""How often a listing under review is asked after."""

_UNSURE = (ListingState.SUBMITTED.value, ListingState.IN_REVIEW.value)


@dataclass(frozen=True, slots=True)
class Claimed:
    """One operation that this worker alone may send until its lease ends."""

    key: str
    connector: str
    sku: str
    operation: Operation
    offer: Offer
    reason: str
    attempts: int
    """This one included."""
    error_code: str
    """What the last attempt ended with."""
    created_at: datetime


Answer = Ref | Failure


async def push(
    session: Callable[[], AbstractAsyncContextManager[AsyncSession]],
    connectors: Mapping[str, Connector],
    *,
    clock: Callable[[], datetime],
    jitter: Callable[[], float],
) -> int:
    """One round: send what is due, then ask after what is under review; returns how many.

    `session` opens a transaction that commits when it is left; none is open during a call.
    """
    async with session() as db:
        claimed = await claim(db, tuple(connectors), now=clock())
    for one in claimed:
        answer = await send(connectors[one.connector], one)
        async with session() as db:
            await record(db, one, answer, now=clock(), jitter=jitter())
    async with session() as db:
        unsure = await claim_unsure(db, tuple(connectors), now=clock())
    for connector, sku in unsure:
        remote = await ask(connectors[connector], sku)
        async with session() as db:
            await record_state(db, connector, sku, remote, now=clock())
    return len(claimed) + len(unsure)


async def claim(
    db: AsyncSession, connectors: Collection[str], *, now: datetime, limit: int = CLAIM_MAX
) -> list[Claimed]:
    """Take what is due and first in its line, for LEASE; commit before sending.

    Rows another worker is claiming are skipped; a line whose first operation waits or is under
    way is not overtaken; paused channels get nothing.
    """
    earlier = aliased(PendingRow)
    overtakes = exists().where(
        col(earlier.connector) == PendingRow.connector,
        col(earlier.sku) == PendingRow.sku,
        col(earlier.state) == "queued",
        col(earlier.position) < PendingRow.position,
    )
    due = (
        select(PendingRow)
        .join(ChannelRow, col(ChannelRow.connector) == PendingRow.connector)
        .where(PendingRow.state == "queued", PendingRow.next_try_at <= now, ~overtakes)
        .where(col(PendingRow.connector).in_(connectors))
        .where(ChannelRow.is_enabled, ChannelRow.paused_for == "")
        .order_by(col(PendingRow.next_try_at), col(PendingRow.position))
        .limit(limit)
        .with_for_update(of=PendingRow, skip_locked=True)
        .execution_options(populate_existing=True)
    )
    rows = (await db.exec(due)).all()
    until = now + LEASE
    await db.exec(
        update(PendingRow)
        .where(col(PendingRow.key).in_([row.key for row in rows]))
        .values(attempts=PendingRow.attempts + 1, next_try_at=until, claimed_until=until)
        .execution_options(synchronize_session=False)
    )
    return [
        Claimed(
            key=row.key,
            connector=row.connector,
            sku=row.sku,
            operation=Operation(row.operation),
            offer=msgspec.convert(row.payload, Offer),
            reason=row.payload["reason"],
            attempts=row.attempts + 1,
            error_code=row.error_code,
            created_at=row.created_at,
        )
        for row in rows
    ]


async def send(connector: Connector, claimed: Claimed) -> Answer:
    """Call the channel once, outside any transaction. What the world may do is an answer."""
    try:
        if claimed.error_code == FailureCode.TIMEOUT_UNKNOWN:
            heard = await connector.answer_to(claimed.key)
            if heard is not None:
                return heard
        if claimed.operation is Operation.DELIST:
            return await _delist(connector, claimed)
        problems = connector.problems(claimed.offer)
        if problems:
            return problems[0]
        call = {
            Operation.UPSERT: connector.upsert,
            Operation.SET_PRICE: connector.set_price,
            Operation.SET_STOCK: connector.set_stock,
        }[claimed.operation]
        return await call(claimed.offer, claimed.key)
    except ChannelRefused as refused:
        return refused.failure


async def _delist(connector: Connector, claimed: Claimed) -> Ref:
    try:
        return await connector.delist(claimed.sku, claimed.reason, claimed.key)
    except ChannelRefused as refused:
        if refused.failure.code is not FailureCode.UNKNOWN_SKU:
            raise
        return Ref("", "", ListingState.DELISTED)  # it never arrived there: as good as gone


async def record(
    db: AsyncSession, claimed: Claimed, answer: Answer, *, now: datetime, jitter: float
) -> None:
    """Keep what came of a call: done, tried again later, refused, or given to a person."""
    if isinstance(answer, Ref):
        await _record_taken(db, claimed, answer, now)
        return
    if answer.code in TRANSIENT and now - claimed.created_at < TRY_FOR:
        wait = backoff(claimed.attempts, retry_after_s=answer.retry_after_s, jitter=jitter)
        await _close(db, claimed, answer, {"next_try_at": now + wait})
        await _tell_listing(db, claimed, answer, ListingState.ERROR, now)
        return
    if answer.code in STOPS_CHANNEL:
        await _pause_channel(db, claimed.connector, answer.code, now)
        await _close(db, claimed, answer, {"next_try_at": now})
        await _tell_listing(db, claimed, answer, ListingState.ERROR, now)
        return
    await _close(db, claimed, answer, {"state": "dead", "done_at": now})
    lost = answer.code in TRANSIENT or answer.code is FailureCode.UNKNOWN_SKU
    state = ListingState.ERROR if lost else ListingState.REJECTED
    await _tell_listing(db, claimed, answer, state, now)


async def claim_unsure(
    db: AsyncSession, connectors: Collection[str], *, now: datetime, limit: int = CLAIM_MAX
) -> list[tuple[str, str]]:
    """Listings under review that were not asked after for REVIEW_EVERY, as (connector, sku)."""
    due = (
        select(ListingRow.connector, ListingRow.sku)
        .join(ChannelRow, col(ChannelRow.connector) == ListingRow.connector)
        .where(col(ListingRow.state).in_(_UNSURE), col(ListingRow.connector).in_(connectors))
        .where(col(ListingRow.checked_at) <= now - REVIEW_EVERY)
        .where(ChannelRow.is_enabled, ChannelRow.paused_for == "")
        .order_by(col(ListingRow.checked_at))
        .limit(limit)
        .with_for_update(of=ListingRow, skip_locked=True)
    )
    found = [(connector, sku) for connector, sku in (await db.exec(due)).all()]
    for connector, sku in found:
        await db.exec(_listing(connector, sku).values(checked_at=now))
    return found


async def ask(connector: Connector, sku: str) -> RemoteListing | Failure:
    """Ask a channel how goods stand there, outside any transaction."""
    try:
        return await connector.state(sku)
    except ChannelRefused as refused:
        return refused.failure


async def record_state(
    db: AsyncSession,
    connector: str,
    sku: str,
    remote: RemoteListing | Failure,
    *,
    now: datetime,
) -> None:
    """Keep how goods stand on a channel: its verdict, and where it shows other facts than ours."""
    if isinstance(remote, Failure):
        if remote.code in STOPS_CHANNEL:
            await _pause_channel(db, connector, remote.code, now)
        return
    row = await db.get(ListingRow, (connector, sku), populate_existing=True)
    if row is None or row.state == ListingState.QUEUED.value:
        return  # something newer is on its way
    product = await db.get(ProductRow, row.product_id)
    assert product is not None
    fields = drift(product_of(product), remote)
    rejected = remote.ref.state is ListingState.REJECTED
    told: dict[str, Any] = {
        "state": remote.ref.state.value,
        "remote_id": remote.ref.remote_id,
        "remote_url": remote.ref.url,
        "reason_code": FailureCode.MODERATION_REJECTED.value if rejected else "",
        "reason_field": "",
        "reason": remote.reason,
    }
    if fields and not rejected:
        told |= {"state": ListingState.STALE.value, "reason_field": ",".join(fields)}
    await db.exec(_listing(connector, sku).values(**told, checked_at=now, updated_at=now))


@dataclass(frozen=True, slots=True)
class Comparison:
    """How a channel's whole list agrees with ours, as SKUs."""

    ok: tuple[str, ...]
    missing: tuple[str, ...]
    """We think it is there, the channel does not show it."""
    extra: tuple[str, ...]
    drift: tuple[str, ...]


def compare(ours: Mapping[str, Product], remote: Mapping[str, RemoteListing]) -> Comparison:
    """The nightly comparison of what should be shown with what is (pure)."""
    gone = {ListingState.DELISTED, ListingState.REJECTED}
    shown = {sku for sku, one in remote.items() if one.ref.state not in gone}
    both = sorted(shown & ours.keys())
    drifted = tuple(sku for sku in both if drift(ours[sku], remote[sku]))
    return Comparison(
        ok=tuple(sku for sku in both if sku not in drifted),
        missing=tuple(sorted(ours.keys() - shown)),
        extra=tuple(sorted(shown - ours.keys())),
        drift=drifted,
    )


async def owner_ids_waiting(db: AsyncSession, connector: str) -> list[UUID]:
    """Vendors with goods that need a person: refused, given up, or shown otherwise."""
    states = [ListingState.REJECTED.value, ListingState.ERROR.value, ListingState.STALE.value]
    asked = select(ListingRow.owner_id).where(
        ListingRow.connector == connector, col(ListingRow.state).in_(states)
    )
    return list((await db.exec(asked.distinct().order_by(col(ListingRow.owner_id)))).all())


async def _record_taken(db: AsyncSession, claimed: Claimed, ref: Ref, now: datetime) -> None:
    await db.exec(
        update(PendingRow)
        .where(col(PendingRow.key) == claimed.key, col(PendingRow.state) == "queued")
        .values(state="done", done_at=now, claimed_until=None, error_code="", error="")
        .execution_options(synchronize_session=False)
    )
    newer = exists().where(
        col(PendingRow.connector) == claimed.connector,
        col(PendingRow.sku) == claimed.sku,
        col(PendingRow.state) == "queued",
        col(PendingRow.operation) == Operation.UPSERT.value,
    )
    queued = case((newer, literal(ListingState.QUEUED.value)), else_=literal(ref.state.value))
    told: dict[str, Any] = {"state": queued, "checked_at": now, "updated_at": now}
    told |= {"reason_code": "", "reason_field": "", "reason": ""}
    if claimed.operation is not Operation.DELIST:
        told["version_sent"] = claimed.offer.product.version
    if ref.remote_id:
        told |= {"remote_id": ref.remote_id, "remote_url": ref.url}
    await db.exec(_listing(claimed.connector, claimed.sku).values(**told))
    await db.exec(
        update(ChannelRow)
        .where(col(ChannelRow.connector) == claimed.connector)
        .values(answered_at=now)
        .execution_options(synchronize_session=False)
    )


async def _close(
    db: AsyncSession, claimed: Claimed, failure: Failure, values: dict[str, Any]
) -> None:
    await db.exec(
        update(PendingRow)
        .where(col(PendingRow.key) == claimed.key, col(PendingRow.state) == "queued")
        .values(**values, claimed_until=None, error_code=failure.code.value, error=failure.reason)
        .execution_options(synchronize_session=False)
    )


async def _tell_listing(
    db: AsyncSession, claimed: Claimed, failure: Failure, state: ListingState, now: datetime
) -> None:
    # A price or a withdrawal that has to wait does not hide that the goods are shown.
    told: dict[str, Any] = {
        "reason_code": failure.code.value,
        "reason_field": failure.field,
        "reason": failure.reason,
        "updated_at": now,
    }
    if claimed.operation is Operation.UPSERT or state is ListingState.REJECTED:
        told["state"] = state.value
    if failure.code is FailureCode.UNKNOWN_SKU:
        told["state"] = ListingState.ERROR.value  # the next change sends the goods whole
    await db.exec(_listing(claimed.connector, claimed.sku).values(**told))


async def _pause_channel(
    db: AsyncSession, connector: str, code: FailureCode, now: datetime
) -> None:
    await db.exec(
        update(ChannelRow)
        .where(col(ChannelRow.connector) == connector)
        .values(paused_at=now, paused_for=code.value)
        .execution_options(synchronize_session=False)
    )


def _listing(connector: str, sku: str) -> Any:
    return (
        update(ListingRow)
        .where(col(ListingRow.connector) == connector, col(ListingRow.sku) == sku)
        .execution_options(synchronize_session=False)
    )
