from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

import pytest
from sqlmodel.ext.asyncio.session import AsyncSession

import catalog
from catalog import channels, sync
from catalog.connector import Failure, FailureCode, ListingState, Ref, RemoteListing
from catalog.connectors.sandbox import SandboxConnector
from market.db import Database

Goods = Callable[..., catalog.Product]
NAMES = ("sandbox",)


async def one_round(
    db: AsyncSession, sandbox: SandboxConnector, now: datetime
) -> list[sync.Answer]:
    """Claim, send and record what is due, as the worker does."""
    claimed = await sync.claim(db, NAMES, now=now)
    await db.commit()
    answers = []
    for one in claimed:
        answer = await sync.send(sandbox, one)
        await sync.record(db, one, answer, now=now, jitter=0.0)
        await db.commit()
        answers.append(answer)
    return answers


async def state_of(db: AsyncSession, product: catalog.Product) -> catalog.Listing:
    (listing,) = await catalog.listings_of(db, [product.id])
    return listing


async def test_new_goods_reach_the_channel_and_the_listing_says_so(
    joined: AsyncSession, goods: Goods, sandbox: SandboxConnector, now: datetime
) -> None:
    stored = await catalog.put_product(joined, goods(), now=now)

    await one_round(joined, sandbox, now)

    assert sandbox.calls == [f"sandbox:{stored.sku}:1:upsert"]
    listing = await state_of(joined, stored)
    assert (listing.state, listing.version_sent) == (ListingState.LIVE, 1)
    assert listing.remote_id == f"S-{stored.sku}"


async def test_the_change_and_the_word_of_it_are_one(
    joined: AsyncSession, goods: Goods, sandbox: SandboxConnector, now: datetime
) -> None:
    product = goods()
    await catalog.put_product(joined, product, now=now)
    await joined.rollback()

    answers = await one_round(joined, sandbox, now)

    assert answers == []
    assert await catalog.products(joined, [product.id]) == {}


async def test_a_newer_version_makes_the_queued_older_one_needless(
    joined: AsyncSession, goods: Goods, sandbox: SandboxConnector, now: datetime
) -> None:
    first = await catalog.put_product(joined, goods(), now=now)
    await catalog.put_product(joined, replace(first, price_vnd=9_000), now=now)

    await one_round(joined, sandbox, now)

    assert sandbox.calls == [f"sandbox:{first.sku}:2:upsert"]
    assert sandbox.goods[first.sku].price_vnd == 9_000


async def test_price_and_stock_travel_light_once_the_goods_are_shown(
    joined: AsyncSession, goods: Goods, sandbox: SandboxConnector, now: datetime, owner_id: UUID
) -> None:
    first = await catalog.put_product(joined, goods(), now=now)
    await one_round(joined, sandbox, now)

    await catalog.set_price(joined, owner_id, first.id, 9_000, version_seen=1, now=now)
    await catalog.set_stock(joined, owner_id, first.id, in_stock=False, now=now)
    await one_round(joined, sandbox, now)
    await one_round(joined, sandbox, now)

    assert [key.split(":")[-1] for key in sandbox.calls] == ["upsert", "set_price", "set_stock"]
    shown = sandbox.goods[first.sku]
    assert (shown.price_vnd, shown.in_stock) == (9_000, False)


async def test_what_is_under_way_is_not_overtaken(
    joined: AsyncSession, goods: Goods, now: datetime
) -> None:
    first = await catalog.put_product(joined, goods(), now=now)
    under_way = await sync.claim(joined, NAMES, now=now)
    await catalog.put_product(joined, replace(first, price_vnd=9_000), now=now)

    meanwhile = await sync.claim(joined, NAMES, now=now)
    await sync.record(joined, under_way[0], Ref("1", "", ListingState.LIVE), now=now, jitter=0.0)
    after = await sync.claim(joined, NAMES, now=now)

    assert meanwhile == []
    assert [one.offer.product.version for one in after] == [2]
    assert (await state_of(joined, first)).state is ListingState.QUEUED


async def test_two_workers_never_claim_the_same(
    database: Database, joined: AsyncSession, goods: Goods, now: datetime
) -> None:
    for _ in range(6):
        await catalog.put_product(joined, goods(), now=now)
    await joined.commit()

    async with database.as_system() as one, database.as_system() as other:
        mine = await sync.claim(one, NAMES, now=now, limit=3)
        theirs = await sync.claim(other, NAMES, now=now, limit=10)

    assert (len(mine), len(theirs)) == (3, 3)
    assert not {one.key for one in mine} & {one.key for one in theirs}


async def test_a_worker_that_died_gives_its_claim_back_after_the_lease(
    joined: AsyncSession, goods: Goods, now: datetime
) -> None:
    await catalog.put_product(joined, goods(), now=now)
    (lost,) = await sync.claim(joined, NAMES, now=now)

    too_soon = await sync.claim(joined, NAMES, now=now + sync.LEASE / 2)
    (again,) = await sync.claim(joined, NAMES, now=now + sync.LEASE)

    assert too_soon == []
    assert (again.key, again.attempts) == (lost.key, 2)


@pytest.mark.parametrize("code", [FailureCode.RATE_LIMITED, FailureCode.REMOTE_DOWN])
async def test_what_passes_is_tried_again_as_late_as_the_channel_asks(
    code: FailureCode,
    joined: AsyncSession,
    goods: Goods,
    sandbox: SandboxConnector,
    now: datetime,
) -> None:
    stored = await catalog.put_product(joined, goods(), now=now)
    sandbox.failures.append(Failure(code, "busy", retry_after_s=60))

    await one_round(joined, sandbox, now)
    failed = await state_of(joined, stored)
    early = await one_round(joined, sandbox, now + timedelta(seconds=59))
    due = await one_round(joined, sandbox, now + timedelta(seconds=60))

    assert (failed.state, failed.reason_code) == (ListingState.ERROR, code)
    assert (len(early), len(due)) == (0, 1)
    assert (await state_of(joined, stored)).state is ListingState.LIVE


async def test_after_a_day_of_trying_a_person_has_to_look(
    joined: AsyncSession, goods: Goods, sandbox: SandboxConnector, now: datetime
) -> None:
    await catalog.put_product(joined, goods(), now=now)
    sandbox.failures.extend([Failure(FailureCode.REMOTE_DOWN)] * 2)

    await one_round(joined, sandbox, now)
    await one_round(joined, sandbox, now + timedelta(hours=24))

    (health,) = await channels.health(joined)
    assert (health.queued_count, health.dead_count) == (0, 1)


async def test_an_unknown_outcome_is_asked_for_before_it_is_tried_again(
    joined: AsyncSession, goods: Goods, sandbox: SandboxConnector, now: datetime
) -> None:
    stored = await catalog.put_product(joined, goods(), now=now)
    sandbox.failures.append(Failure(FailureCode.TIMEOUT_UNKNOWN))

    await one_round(joined, sandbox, now)
    sandbox.failures.append(Failure(FailureCode.VALIDATION, "sent a second time"))
    (answer,) = await one_round(joined, sandbox, now + timedelta(minutes=1))

    assert isinstance(answer, Ref)
    assert len(sandbox.failures) == 1
    assert (await state_of(joined, stored)).state is ListingState.LIVE


async def test_a_refused_field_is_kept_with_the_channels_words_and_not_tried_again(
    joined: AsyncSession, goods: Goods, sandbox: SandboxConnector, now: datetime
) -> None:
    stored = await catalog.put_product(joined, goods(), now=now)
    sandbox.failures.append(Failure(FailureCode.VALIDATION, "Giá quá cao.", "price_vnd"))

    await one_round(joined, sandbox, now)
    later = await one_round(joined, sandbox, now + timedelta(days=1))

    listing = await state_of(joined, stored)
    assert later == []
    assert listing.state is ListingState.REJECTED
    assert (listing.reason_field, listing.reason) == ("price_vnd", "Giá quá cao.")


async def test_refused_goods_are_sent_whole_when_they_were_corrected(
    joined: AsyncSession, goods: Goods, sandbox: SandboxConnector, now: datetime, owner_id: UUID
) -> None:
    stored = await catalog.put_product(joined, goods(), now=now)
    sandbox.failures.append(Failure(FailureCode.VALIDATION, "Giá quá cao.", "price_vnd"))
    await one_round(joined, sandbox, now)

    await catalog.set_price(joined, owner_id, stored.id, 7_000, version_seen=1, now=now)
    await one_round(joined, sandbox, now)

    assert (await state_of(joined, stored)).state is ListingState.LIVE


@pytest.mark.parametrize("code", [FailureCode.AUTH_REVOKED, FailureCode.SCHEMA_CHANGED])
async def test_a_channel_that_must_not_be_used_stops_until_a_person_looked(
    code: FailureCode,
    joined: AsyncSession,
    goods: Goods,
    sandbox: SandboxConnector,
    now: datetime,
) -> None:
    for _ in range(2):
        await catalog.put_product(joined, goods(), now=now)
    sandbox.failures.append(Failure(code))
    (first, *_) = await sync.claim(joined, NAMES, now=now, limit=1)
    await sync.record(joined, first, await sync.send(sandbox, first), now=now, jitter=0.0)

    stopped = await one_round(joined, sandbox, now + timedelta(hours=1))
    (health,) = await channels.health(joined)
    await catalog.resume_channel(joined, "sandbox", now=now)
    resumed = await one_round(joined, sandbox, now)

    assert (stopped, health.paused_for) == ([], code)
    assert len(resumed) == 2


async def test_goods_that_are_not_for_the_channel_are_never_sent(
    joined: AsyncSession, goods: Goods, sandbox: SandboxConnector, now: datetime
) -> None:
    shirt = goods(name_vi="Áo sơ mi", category="quan-ao", unit="chiec")
    stored = await catalog.put_product(joined, shirt, now=now)

    answers = await one_round(joined, sandbox, now)

    listing = await state_of(joined, stored)
    assert answers == []
    assert (listing.state, listing.reason_code) == (ListingState.NONE, "CATEGORY_UNMAPPED")


async def test_archived_goods_are_taken_off(
    joined: AsyncSession, goods: Goods, sandbox: SandboxConnector, now: datetime, owner_id: UUID
) -> None:
    stored = await catalog.put_product(joined, goods(), now=now)
    await one_round(joined, sandbox, now)

    await catalog.archive(joined, owner_id, stored.id, version_seen=1, now=now)
    await one_round(joined, sandbox, now)

    assert sandbox.goods[stored.sku].ref.state is ListingState.DELISTED
    assert (await state_of(joined, stored)).state is ListingState.DELISTED


async def test_goods_withdrawn_before_they_were_sent_count_as_taken_off(
    joined: AsyncSession, goods: Goods, sandbox: SandboxConnector, now: datetime, owner_id: UUID
) -> None:
    stored = await catalog.put_product(joined, goods(), now=now)
    await catalog.archive(joined, owner_id, stored.id, version_seen=1, now=now)

    await one_round(joined, sandbox, now)

    assert sandbox.calls == []
    assert (await state_of(joined, stored)).state is ListingState.DELISTED


async def test_a_vendor_who_leaves_is_taken_off_and_comes_back_whole(
    joined: AsyncSession, goods: Goods, sandbox: SandboxConnector, now: datetime, owner_id: UUID
) -> None:
    stored = await catalog.put_product(joined, goods(), now=now)
    await one_round(joined, sandbox, now)

    gone = await catalog.leave_channel(joined, "sandbox", owner_id, reason="rút", now=now)
    await one_round(joined, sandbox, now)
    left = sandbox.goods[stored.sku].ref.state
    await catalog.join_channel(joined, "sandbox", owner_id, catalog.Seller(name="B"), now=now)
    await catalog.tell_again(joined, owner_id, reason="join:sandbox", now=now)
    await one_round(joined, sandbox, now)

    assert (gone, left) == (1, ListingState.DELISTED)
    assert sandbox.goods[stored.sku].ref.state is ListingState.LIVE


async def test_a_channel_nobody_set_up_cannot_be_joined(
    db: AsyncSession, owner_id: UUID, now: datetime
) -> None:
    with pytest.raises(catalog.UnknownChannel):
        await catalog.join_channel(db, "voso", owner_id, catalog.Seller(name="A"), now=now)


async def test_what_the_channel_changed_on_its_own_is_reported_not_taken(
    joined: AsyncSession, goods: Goods, sandbox: SandboxConnector, now: datetime
) -> None:
    stored = await catalog.put_product(joined, goods(), now=now)
    await one_round(joined, sandbox, now)
    edited = replace(sandbox.goods[stored.sku], price_vnd=1_000)

    await sync.record_state(joined, "sandbox", stored.sku, edited, now=now)

    listing = await state_of(joined, stored)
    assert (listing.state, listing.reason_field) == (ListingState.STALE, "price_vnd")
    assert (await catalog.product_by_id(joined, stored.id)).price_vnd == 8_000


async def test_a_listing_under_review_is_asked_after_until_the_verdict(
    joined: AsyncSession, goods: Goods, sandbox: SandboxConnector, now: datetime
) -> None:
    stored = await catalog.put_product(joined, goods(), now=now)
    (claimed,) = await sync.claim(joined, NAMES, now=now)
    review = Ref("7", "/7", ListingState.IN_REVIEW)
    await sync.record(joined, claimed, review, now=now, jitter=0.0)

    too_soon = await sync.claim_unsure(joined, NAMES, now=now)
    due = await sync.claim_unsure(joined, NAMES, now=now + sync.REVIEW_EVERY)
    verdict = RemoteListing(
        stored.sku,
        replace(review, state=ListingState.REJECTED),
        1,
        *("Rau muống", 8_000, True),
        "Ảnh mờ",
    )
    await sync.record_state(joined, "sandbox", stored.sku, verdict, now=now)

    assert (too_soon, due) == ([], [("sandbox", stored.sku)])
    listing = await state_of(joined, stored)
    assert (listing.state, listing.reason) == (ListingState.REJECTED, "Ảnh mờ")


async def test_one_push_sends_everything_that_is_due(
    database: Database, joined: AsyncSession, goods: Goods, sandbox: SandboxConnector, now: datetime
) -> None:
    for _ in range(3):
        await catalog.put_product(joined, goods(), now=now)
    await joined.commit()
    session: Callable[[], AbstractAsyncContextManager[AsyncSession]] = database.as_system

    sent = await catalog.push(session, {"sandbox": sandbox}, clock=lambda: now, jitter=lambda: 0.5)

    assert sent == 3
    assert len(sandbox.goods) == 3
