"""Channels and who sells on them; a change of goods becomes pending operations here."""

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from importlib.resources import files
from uuid import UUID

import msgspec
from sqlalchemy import and_, func, or_, true
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col, delete, select, update
from sqlmodel.ext.asyncio.session import AsyncSession

from catalog.connector import (
    Change,
    FailureCode,
    ListingState,
    Offer,
    Operation,
    operation_for,
)
from catalog.errors import UnknownChannel
from catalog.product import Product, Seller, Status
from catalog.shelf import product_of
from catalog.tables import (
    ChannelCategoryRow,
    ChannelOwnerRow,
    ChannelRow,
    ListingRow,
    PendingRow,
    ProductRow,
)

OFFERS_MAX = 5_000
"""Goods in one export package; a person uploads it by hand."""


@dataclass(frozen=True, slots=True)
class Listing:
    """How one of a vendor's goods stands on one channel."""

    connector: str
    sku: str
    product_id: UUID
    owner_id: UUID
    state: ListingState
    remote_id: str
    remote_url: str
    version_sent: int
    reason_code: str
    reason_field: str
    reason: str
    checked_at: datetime | None
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class ChannelHealth:
    """One channel at a glance."""

    connector: str
    name_vi: str
    is_enabled: bool
    paused_for: str
    """Why nothing is sent; empty while it works."""
    answered_at: datetime | None
    queued_count: int
    dead_count: int
    listing_counts: dict[str, int]


def portal_categories() -> dict[str, str]:
    """What the provincial portal calls our categories; those left out are not for it."""
    text = files("catalog").joinpath("data/portal_categories.csv").read_text("utf-8")
    return {row["category"]: row["remote_category"] for row in csv.DictReader(text.splitlines())}


async def put_channel(
    db: AsyncSession, connector: str, name_vi: str, categories: dict[str, str]
) -> None:
    """Set a channel up, or change its name and its words for our categories; safe to repeat."""
    made = insert(ChannelRow).values(
        connector=connector, name_vi=name_vi, is_enabled=True, paused_for=""
    )
    await db.exec(
        made.on_conflict_do_update(index_elements=["connector"], set_={"name_vi": name_vi})
    )
    await db.exec(delete(ChannelCategoryRow).where(col(ChannelCategoryRow.connector) == connector))
    rows = [
        {"connector": connector, "category": ours, "remote_category": theirs}
        for ours, theirs in categories.items()
    ]
    if rows:
        await db.exec(insert(ChannelCategoryRow).values(rows))


async def join_channel(
    db: AsyncSession, connector: str, owner_id: UUID, seller: Seller, *, now: datetime
) -> None:
    """A vendor sells on a channel from now on, showing `seller` and no more.

    Call `listings.tell_again` after it, so that the channel learns of the goods.

    Raises: UnknownChannel.
    """
    if await db.get(ChannelRow, connector) is None:
        raise UnknownChannel(connector)
    facts = {"seller": msgspec.to_builtins(seller), "is_enabled": True, "changed_at": now}
    made = insert(ChannelOwnerRow).values(connector=connector, owner_id=owner_id, **facts)
    await db.exec(made.on_conflict_do_update(index_elements=["connector", "owner_id"], set_=facts))


async def leave_channel(
    db: AsyncSession, connector: str, owner_id: UUID, *, reason: str, now: datetime
) -> int:
    """A vendor stops selling on a channel: everything is taken off; returns how many goods.

    For a withdrawn consent, a closed stall, an order of the authority.
    """
    stopped = (
        update(ChannelOwnerRow)
        .where(
            col(ChannelOwnerRow.connector) == connector,
            col(ChannelOwnerRow.owner_id) == owner_id,
            col(ChannelOwnerRow.is_enabled),
        )
        .values(is_enabled=False, changed_at=now)
        .returning(col(ChannelOwnerRow.seller))
        .execution_options(synchronize_session=False)
    )
    seller = (await db.exec(stopped)).scalar_one_or_none()
    if seller is None:
        return 0
    shown = (
        select(ProductRow, ListingRow)
        .join(ListingRow, col(ListingRow.product_id) == ProductRow.id)
        .where(ListingRow.connector == connector, ListingRow.owner_id == owner_id)
        .where(col(ListingRow.state).not_in([ListingState.NONE.value, ListingState.DELISTED.value]))
        .order_by(col(ProductRow.id))
    )
    count = 0
    for row, listing in (await db.exec(shown)).all():
        offer = Offer(product_of(row), msgspec.convert(seller, Seller), "")
        state = ListingState(listing.state)
        await _enqueue(db, connector, Operation.DELIST, offer, state, now, reason=reason)
        count += 1
    return count


async def owners_joined(db: AsyncSession, owner_ids: Iterable[UUID]) -> set[UUID]:
    """Those of the vendors who sell on any channel."""
    asked = select(ChannelOwnerRow.owner_id).where(
        col(ChannelOwnerRow.owner_id).in_(list(owner_ids)), col(ChannelOwnerRow.is_enabled)
    )
    return set(await db.exec(asked))


async def resume_channel(db: AsyncSession, connector: str, *, now: datetime) -> None:
    """A person looked: send again, and try at once what waited."""
    await db.exec(
        update(ChannelRow)
        .where(col(ChannelRow.connector) == connector)
        .values(paused_at=None, paused_for="")
        .execution_options(synchronize_session=False)
    )
    await db.exec(
        update(PendingRow)
        .where(col(PendingRow.connector) == connector, col(PendingRow.state) == "queued")
        .values(next_try_at=now)
        .execution_options(synchronize_session=False)
    )


async def tell(db: AsyncSession, product: Product, change: Change, *, now: datetime) -> int:
    """Write what each of the vendor's channels has to be told of a change; returns how many.

    In the caller's transaction, so that the change and the word of it are one.
    """
    asked = (
        select(ChannelOwnerRow, ChannelCategoryRow.remote_category, ListingRow.state)
        .join(ChannelRow, col(ChannelRow.connector) == ChannelOwnerRow.connector)
        .outerjoin(
            ChannelCategoryRow,
            and_(
                col(ChannelCategoryRow.connector) == ChannelOwnerRow.connector,
                col(ChannelCategoryRow.category) == product.category,
            ),
        )
        .outerjoin(
            ListingRow,
            and_(
                col(ListingRow.connector) == ChannelOwnerRow.connector,
                col(ListingRow.sku) == product.sku,
            ),
        )
        .where(ChannelOwnerRow.owner_id == product.owner_id)
        .where(col(ChannelOwnerRow.is_enabled), col(ChannelRow.is_enabled))
        .order_by(col(ChannelOwnerRow.connector))
    )
    told = 0
    for joined, remote_category, state_now in (await db.exec(asked)).all():
        state = ListingState(state_now or "none")
        offer = Offer(product, msgspec.convert(joined.seller, Seller), remote_category or "")
        operation = operation_for(change, state, product.status)
        if not remote_category and product.status is Status.READY:
            # Not for this channel: what it shows already goes, nothing new is sent.
            shown = state not in {ListingState.NONE, ListingState.DELISTED}
            operation = Operation.DELIST if shown else None
            if operation is None:
                await _put_listing(
                    db, joined.connector, offer, ListingState.NONE, now,
                    reason_code=FailureCode.CATEGORY_UNMAPPED.value,
                )  # fmt: skip
        if operation is not None:
            await _enqueue(db, joined.connector, operation, offer, state, now)
            told += 1
    return told


async def listings_of(db: AsyncSession, product_ids: Iterable[UUID]) -> list[Listing]:
    """How goods stand on every channel they were ever told to."""
    asked = select(ListingRow).where(col(ListingRow.product_id).in_(list(product_ids)))
    rows = await db.exec(
        asked.order_by(col(ListingRow.connector), col(ListingRow.sku)).execution_options(
            populate_existing=True
        )
    )
    return [listing_of(row) for row in rows]


async def offers(
    db: AsyncSession, connector: str, owner_ids: Iterable[UUID] | None = None
) -> list[Offer]:
    """What the channel should show now, of some vendors or all: for an export package."""
    asked = (
        select(ProductRow, ChannelOwnerRow.seller, ChannelCategoryRow.remote_category)
        .join(ChannelOwnerRow, col(ChannelOwnerRow.owner_id) == ProductRow.owner_id)
        .join(
            ChannelCategoryRow,
            and_(
                col(ChannelCategoryRow.connector) == ChannelOwnerRow.connector,
                col(ChannelCategoryRow.category) == ProductRow.category,
            ),
        )
        .where(ChannelOwnerRow.connector == connector, col(ChannelOwnerRow.is_enabled))
        .where(ProductRow.status == Status.READY.value)
        .where(true() if owner_ids is None else col(ProductRow.owner_id).in_(list(owner_ids)))
        .order_by(col(ProductRow.sort_key), col(ProductRow.id))
        .limit(OFFERS_MAX)
    )
    return [
        Offer(product_of(row), msgspec.convert(seller, Seller), category)
        for row, seller, category in (await db.exec(asked)).all()
    ]


async def health(db: AsyncSession) -> list[ChannelHealth]:
    """Every channel: does it work, what waits, what needs a person."""
    queued = func.count().filter(col(PendingRow.state) == "queued")
    dead = func.count().filter(col(PendingRow.state) == "dead")
    counts = {
        connector: (waiting, lost)
        for connector, waiting, lost in (
            await db.exec(
                select(PendingRow.connector, queued, dead)
                .where(col(PendingRow.state).in_(["queued", "dead"]))
                .group_by(PendingRow.connector)
            )
        ).all()
    }
    states: dict[str, dict[str, int]] = {}
    grouped = select(ListingRow.connector, ListingRow.state, func.count()).group_by(
        ListingRow.connector, ListingRow.state
    )
    for connector, state, count in (await db.exec(grouped)).all():
        states.setdefault(connector, {})[state] = count
    rows = await db.exec(
        select(ChannelRow)
        .order_by(col(ChannelRow.connector))
        .execution_options(populate_existing=True)
    )
    return [
        ChannelHealth(
            row.connector,
            row.name_vi,
            row.is_enabled,
            row.paused_for,
            row.answered_at,
            *counts.get(row.connector, (0, 0)),
            states.get(row.connector, {}),
        )
        for row in rows
    ]


def listing_of(row: ListingRow) -> Listing:
    """The value a row holds."""
    plain = {field: getattr(row, field) for field in Listing.__dataclass_fields__}
    return Listing(**plain | {"state": ListingState(row.state)})


async def _enqueue(
    db: AsyncSession,
    connector: str,
    operation: Operation,
    offer: Offer,
    state: ListingState,
    now: datetime,
    *,
    reason: str = "",
) -> None:
    product = offer.product
    # What nobody is sending just now and this makes needless.
    await db.exec(
        update(PendingRow)
        .where(
            col(PendingRow.connector) == connector,
            col(PendingRow.sku) == product.sku,
            col(PendingRow.state) == "queued",
            col(PendingRow.operation).in_([one.value for one in operation.supersedes]),
            or_(col(PendingRow.claimed_until).is_(None), col(PendingRow.claimed_until) <= now),
        )
        .values(state="superseded", done_at=now)
        .execution_options(synchronize_session=False)
    )
    values = {
        "key": f"{connector}:{product.sku}:{product.version}:{operation.value}",
        "connector": connector,
        "sku": product.sku,
        "product_id": product.id,
        "owner_id": product.owner_id,
        "version": product.version,
        "operation": operation.value,
        "payload": msgspec.to_builtins(offer) | {"reason": reason},
        "state": "queued",
        "attempts": 0,
        "next_try_at": now,
        "error_code": "",
        "error": "",
        "created_at": now,
    }
    await db.exec(insert(PendingRow).values(values).on_conflict_do_nothing())
    if operation is Operation.UPSERT:
        state = ListingState.QUEUED
    await _put_listing(db, connector, offer, state, now)


async def _put_listing(
    db: AsyncSession,
    connector: str,
    offer: Offer,
    state: ListingState,
    now: datetime,
    *,
    reason_code: str = "",
) -> None:
    told = {
        "state": state.value,
        "reason_code": reason_code,
        "reason_field": "",
        "reason": "",
        "updated_at": now,
    }
    made = insert(ListingRow).values(
        connector=connector,
        sku=offer.product.sku,
        product_id=offer.product.id,
        owner_id=offer.product.owner_id,
        remote_id="",
        remote_url="",
        version_sent=0,
        **told,
    )
    await db.exec(made.on_conflict_do_update(index_elements=["connector", "sku"], set_=told))
