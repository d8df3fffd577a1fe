from collections.abc import Callable
from datetime import timedelta

import pytest

from catalog.connector import (
    BACKOFF_FIRST,
    BACKOFF_MAX,
    Change,
    ListingState,
    Operation,
    Ref,
    RemoteListing,
    backoff,
    drift,
    operation_for,
)
from catalog.product import Product, Status
from catalog.sync import compare

Goods = Callable[..., Product]


@pytest.mark.parametrize(
    ("change", "state", "status", "told"),
    [
        (Change.CONTENT, "none", Status.READY, Operation.UPSERT),
        (Change.PRICE, "live", Status.READY, Operation.SET_PRICE),
        (Change.STOCK, "in_review", Status.READY, Operation.SET_STOCK),
        (Change.PRICE, "queued", Status.READY, Operation.UPSERT),
        (Change.PRICE, "rejected", Status.READY, Operation.UPSERT),
        (Change.STOCK, "delisted", Status.READY, Operation.UPSERT),
        (Change.PRICE, "stale", Status.READY, Operation.UPSERT),
        (Change.CONTENT, "live", Status.ARCHIVED, Operation.DELIST),
        (Change.CONTENT, "queued", Status.DRAFT, Operation.DELIST),
        (Change.CONTENT, "none", Status.DRAFT, None),
        (Change.CONTENT, "delisted", Status.ARCHIVED, None),
    ],
)
def test_a_channel_is_told_as_little_as_it_needs(
    change: Change, state: str, status: Status, told: Operation | None
) -> None:
    assert operation_for(change, ListingState(state), status) is told


def test_waiting_doubles_up_to_an_hour() -> None:
    waits = [backoff(n, retry_after_s=0, jitter=0.999_999) for n in (1, 2, 3, 50)]

    assert waits[0] < BACKOFF_FIRST
    assert waits[1] > waits[0] * 1.9
    assert waits[3] <= BACKOFF_MAX


def test_what_the_channel_asks_for_is_never_undercut() -> None:
    assert backoff(1, retry_after_s=120, jitter=0.0) == timedelta(seconds=120)


def test_half_of_the_wait_is_left_to_chance() -> None:
    assert backoff(1, retry_after_s=0, jitter=0.0) == BACKOFF_FIRST / 2


def remote(sku: str, state: str = "live", **changes: object) -> RemoteListing:
    plain: dict[str, object] = {
        "version": 3,
        "name_vi": "Rau muống",
        "price_vnd": 8_000,
        "in_stock": True,
    }
    return RemoteListing(sku, Ref("1", "", ListingState(state)), **plain | changes)  # type: ignore[arg-type]  # fields by name


def test_only_what_the_channel_changed_is_drift(goods: Goods) -> None:
    ours = goods(version=3)

    assert drift(ours, remote("RAU-1")) == ()
    assert drift(ours, remote("RAU-1", price_vnd=9_000)) == ("price_vnd",)
    assert drift(ours, remote("RAU-1", price_vnd=9_000, version=2)) == ()


def test_the_nightly_comparison_sorts_every_sku_into_one_class(goods: Goods) -> None:
    ours = {sku: goods(sku=sku, version=3) for sku in ("A", "B", "C", "D")}
    theirs = {
        "A": remote("A"),
        "B": remote("B", price_vnd=1),
        "C": remote("C", state="delisted"),
        "E": remote("E"),
    }

    found = compare(ours, theirs)

    assert (found.ok, found.drift) == (("A",), ("B",))
    assert (found.missing, found.extra) == (("C", "D"), ("E",))
