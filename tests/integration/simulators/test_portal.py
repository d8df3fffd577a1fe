"""The real connector against the simulated portal: one contract, both sides."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
from litestar import Litestar

from catalog.connector import ChannelRefused, Connector, FailureCode, ListingState, Offer
from catalog.connectors.portal import PortalConnector
from catalog.connectors.sandbox import SandboxConnector
from catalog.product import Product, Seller
from market.simulators.portal import API_KEY, PortalConfig, create_app


class Clock:
    """An instant that only the test moves."""

    def __init__(self) -> None:
        self.at = datetime(2026, 11, 23, 1, tzinfo=UTC)

    def now(self) -> datetime:
        return self.at

    def pass_seconds(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def config(tmp_path: Path, clock: Clock) -> PortalConfig:
    return PortalConfig(tmp_path / "portal.sqlite3", url="http://portal", now=clock.now)


@pytest.fixture
async def client(config: PortalConfig) -> AsyncIterator[httpx.AsyncClient]:
    app = create_app(config)
    async with client_of(app) as opened:
        yield opened
    app.state["portal"].state.close()


def client_of(app: Litestar) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://portal")


@pytest.fixture
def portal(client: httpx.AsyncClient) -> PortalConnector:
    return PortalConnector(client, API_KEY, "http://market")


@pytest.fixture(params=["sandbox", "portal"])
def connector(request: pytest.FixtureRequest, portal: PortalConnector) -> Connector:
    return portal if request.param == "portal" else SandboxConnector()


@pytest.fixture
def offer() -> Offer:
    product = Product(
        id=UUID(int=1),
        owner_id=UUID(int=2),
        sku="CA-1",
        version=1,
        name_vi="Cá trắm (khúc)",
        category="thuy-san",
        unit="kg",
        price_vnd=90_000,
        icon="ca",
    )
    return Offer(product, Seller(name="Cô Hoa", stall="A12", hall="Chợ Vườn Hoa"), "THUY-SAN")


def changed(offer: Offer, **changes: Any) -> Offer:
    return replace(offer, product=replace(offer.product, **changes))


async def order_fault(client: httpx.AsyncClient, kind: str, value: str = "") -> None:
    form = {"loai": kind, "so_lan": "1", "gia_tri": value}
    assert (await client.post("/dieu-khien/loi", data=form)).status_code in {200, 302, 303}


# ── The contract, kept by the sandbox and the portal alike ──────────────────────────────────────


async def test_goods_that_were_sent_are_there(connector: Connector, offer: Offer) -> None:
    ref = await connector.upsert(offer, "k1")

    shown = await connector.state("CA-1")

    assert (shown.ref.remote_id, shown.version) == (ref.remote_id, 1)
    assert (shown.name_vi, shown.price_vnd, shown.in_stock) == ("Cá trắm (khúc)", 90_000, True)


async def test_the_same_key_twice_has_no_second_effect(connector: Connector, offer: Offer) -> None:
    await connector.upsert(offer, "k1")
    await connector.set_price(changed(offer, version=2, price_vnd=95_000), "k2")

    await connector.upsert(offer, "k1")

    assert (await connector.state("CA-1")).price_vnd == 95_000


async def test_an_older_version_never_replaces_a_newer_one(
    connector: Connector, offer: Offer
) -> None:
    await connector.upsert(changed(offer, version=5, price_vnd=95_000), "k5")

    await connector.upsert(offer, "k1")

    assert (await connector.state("CA-1")).version == 5


async def test_price_and_stock_change_alone(connector: Connector, offer: Offer) -> None:
    await connector.upsert(offer, "k1")

    await connector.set_price(changed(offer, version=2, price_vnd=95_000), "k2")
    await connector.set_stock(changed(offer, version=3, in_stock=False), "k3")

    shown = await connector.state("CA-1")
    assert (shown.price_vnd, shown.in_stock, shown.version) == (95_000, False, 3)


async def test_goods_are_taken_off_and_come_back_by_an_upsert(
    connector: Connector, offer: Offer
) -> None:
    await connector.upsert(offer, "k1")

    gone = await connector.delist("CA-1", "nghỉ bán", "k2")
    await connector.upsert(changed(offer, version=2), "k3")

    assert gone.state is ListingState.DELISTED
    assert (await connector.state("CA-1")).ref.state is not ListingState.DELISTED


async def test_unknown_goods_are_told_as_unknown(connector: Connector, offer: Offer) -> None:
    for call in (
        connector.state("X"),
        connector.delist("X", "", "k"),
        connector.set_price(offer, "k"),
    ):
        with pytest.raises(ChannelRefused) as caught:
            await call
        assert caught.value.failure.code is FailureCode.UNKNOWN_SKU


async def test_an_answer_can_be_asked_for_by_its_key(connector: Connector, offer: Offer) -> None:
    ref = await connector.upsert(offer, "k1")

    assert await connector.answer_to("k1") == ref
    assert await connector.answer_to("never sent") is None


async def test_everything_listed_can_be_read(connector: Connector, offer: Offer) -> None:
    for number in range(3):
        sent = changed(offer, sku=f"CA-{number}")
        await connector.upsert(sent, f"k{number}")

    listed, cursor = await connector.listed()

    assert [one.sku for one in listed] == ["CA-0", "CA-1", "CA-2"]
    assert cursor == ""


async def test_a_channel_says_that_it_is_well(connector: Connector) -> None:
    await connector.health()

    assert connector.capabilities().orders is False


# ── The portal alone ────────────────────────────────────────────────────────────────────────────


async def test_goods_wait_for_the_moderator_and_are_shown_after_a_while(
    portal: PortalConnector, clock: Clock, offer: Offer
) -> None:
    ref = await portal.upsert(offer, "k1")
    clock.pass_seconds(19)
    waiting = (await portal.state("CA-1")).ref.state
    clock.pass_seconds(1)

    shown = (await portal.state("CA-1")).ref.state

    assert ref.state is ListingState.IN_REVIEW
    assert (waiting, shown) == (ListingState.IN_REVIEW, ListingState.LIVE)


async def test_the_moderator_refuses_with_a_reason(
    client: httpx.AsyncClient, portal: PortalConnector, offer: Offer
) -> None:
    await portal.upsert(offer, "k1")

    form = {"ma_san_pham": "CA-1", "viec": "tu_choi", "ly_do": "Ảnh chưa rõ"}
    await client.post("/dieu-khien/duyet", data=form)

    refused = await portal.state("CA-1")
    assert (refused.ref.state, refused.reason) == (ListingState.REJECTED, "Ảnh chưa rõ")


async def test_buyers_see_the_goods_with_picture_price_and_seller(
    client: httpx.AsyncClient, portal: PortalConnector, clock: Clock, offer: Offer
) -> None:
    ref = await portal.upsert(changed(offer, name_vi="Cá <b>trắm</b>"), "k1")
    hidden = (await client.get("/")).text
    clock.pass_seconds(20)

    page = (await client.get("/")).text
    goods = (await client.get(f"/tin/{ref.remote_id}")).text

    assert "trắm" not in hidden
    assert "Cá &lt;b&gt;trắm&lt;/b&gt;" in page
    assert "http://market/static/goods/ca.svg" in page
    assert "90.000\u00a0₫/kg" in page
    assert "Cô Hoa" in goods
    assert "Chợ Vườn Hoa" in goods


@pytest.mark.parametrize(
    ("kind", "value", "code"),
    [
        ("rate", "17", FailureCode.RATE_LIMITED),
        ("down", "", FailureCode.REMOTE_DOWN),
        ("auth", "", FailureCode.AUTH_REVOKED),
        ("lost", "", FailureCode.TIMEOUT_UNKNOWN),
        ("field", "don_vi_tinh", FailureCode.VALIDATION),
        ("corrupt", "", FailureCode.SCHEMA_CHANGED),
    ],
)
async def test_a_fault_on_demand_happens_once(
    client: httpx.AsyncClient,
    portal: PortalConnector,
    offer: Offer,
    kind: str,
    value: str,
    code: FailureCode,
) -> None:
    await order_fault(client, kind, value)

    with pytest.raises(ChannelRefused) as caught:
        await portal.upsert(offer, "k1")
    await portal.upsert(offer, "k1")

    failure = caught.value.failure
    assert failure.code is code
    assert failure.retry_after_s == (17 if kind == "rate" else 0)
    assert failure.field == ("unit" if kind == "field" else "")


async def test_what_was_lost_on_the_way_back_was_done(
    client: httpx.AsyncClient, portal: PortalConnector, offer: Offer
) -> None:
    await order_fault(client, "lost")
    with pytest.raises(ChannelRefused):
        await portal.upsert(offer, "k1")

    heard = await portal.answer_to("k1")

    assert heard is not None
    assert heard == (await portal.state("CA-1")).ref


async def test_a_wrong_key_is_refused(client: httpx.AsyncClient, offer: Offer) -> None:
    stranger = PortalConnector(client, "wrong", "http://market")

    with pytest.raises(ChannelRefused) as caught:
        await stranger.upsert(offer, "k1")

    assert caught.value.failure.code is FailureCode.AUTH_REVOKED


async def test_a_category_the_portal_does_not_have_is_refused_by_its_field(
    portal: PortalConnector, offer: Offer
) -> None:
    with pytest.raises(ChannelRefused) as caught:
        await portal.upsert(replace(offer, remote_category="XE-MAY"), "k1")

    assert (caught.value.failure.code, caught.value.failure.field) == ("VALIDATION", "category")


async def test_a_price_edited_at_the_portal_shows(
    client: httpx.AsyncClient, portal: PortalConnector, offer: Offer
) -> None:
    await portal.upsert(offer, "k1")

    await client.post("/dieu-khien/sua", data={"ma_san_pham": "CA-1", "gia": "1000"})

    shown = await portal.state("CA-1")
    assert (shown.price_vnd, shown.version) == (1_000, 1)


async def test_the_portal_remembers_over_a_restart(
    config: PortalConfig, portal: PortalConnector, offer: Offer
) -> None:
    await portal.upsert(offer, "k1")
    again = create_app(config)

    async with client_of(again) as client:
        found = await PortalConnector(client, API_KEY, "").state("CA-1")

    again.state["portal"].state.close()
    assert found.name_vi == "Cá trắm (khúc)"


async def test_the_inside_page_shows_what_waits_what_fails_and_what_was_called(
    client: httpx.AsyncClient, portal: PortalConnector, offer: Offer
) -> None:
    await portal.upsert(offer, "k1")
    await order_fault(client, "slow", "3")

    page = (await client.get("/ben-trong")).text

    assert "Cá trắm (khúc)" in page
    assert "trả lời chậm" in page
    assert "PUT /api/v1/san-pham/CA-1" in page


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"ten": 5}', b"\xff\xfe"])
async def test_nonsense_is_refused_and_leaves_nothing(
    client: httpx.AsyncClient, body: bytes
) -> None:
    headers = {"Authorization": f"Bearer {API_KEY}"}

    answer = await client.put("/api/v1/san-pham/X", content=body, headers=headers)

    assert answer.status_code in {400, 422}
    assert (await client.get("/api/v1/san-pham/X", headers=headers)).status_code == 404
