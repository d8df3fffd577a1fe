from collections.abc import Callable
from uuid import UUID

import httpx
import pytest

from catalog.connector import ChannelRefused, FailureCode, Offer
from catalog.connectors.portal import PortalConnector, picture_urls, wire_name, wire_product
from catalog.product import Product, Seller

Goods = Callable[..., Product]
SELLER = Seller(name="Cô Hoa", stall="A12", hall="Chợ Vườn Hoa")


def connector_answering(answer: Callable[[httpx.Request], httpx.Response]) -> PortalConnector:
    client = httpx.AsyncClient(transport=httpx.MockTransport(answer), base_url="http://portal")
    return PortalConnector(client, "key", "http://market")


def test_a_unit_the_portal_does_not_know_is_sold_there_by_weight(goods: Goods) -> None:
    offer = Offer(goods(weight_g=400, icon="rau-muong"), SELLER, "RAU-CU-QUA")

    body = wire_product(offer, "http://market")

    assert (body["don_vi_tinh"], body["gia"]) == ("kg", 20_000)
    assert body["mo_ta"] == "1 mớ ≈ 400 g."
    assert body["anh"] == ["http://market/static/goods/rau-muong.svg"]


def test_photos_go_before_the_drawn_picture(goods: Goods) -> None:
    shown = goods(photo_ids=(UUID(int=5),), icon="rau-muong")

    urls = picture_urls(shown, "http://market")

    assert urls == ["http://market/hang/00000000-0000-0000-0000-000000000005.jpg"]


def test_units_of_weight_become_kilograms_exactly(goods: Goods) -> None:
    offer = Offer(goods(unit="lang", price_vnd=8_000), SELLER, "RAU-CU-QUA")

    body = wire_product(offer, "http://market")

    assert (body["don_vi_tinh"], body["gia"]) == ("kg", 80_000)
    assert body["mo_ta"] == "1 lạng = 100 g."


def test_without_a_weight_such_goods_are_held_back(goods: Goods) -> None:
    connector = connector_answering(lambda _: httpx.Response(500))

    (problem,) = connector.problems(Offer(goods(), SELLER, "RAU-CU-QUA"))

    assert problem.code is FailureCode.UNIT_UNSUPPORTED


def test_a_name_too_short_for_the_portal_gets_its_unit(goods: Goods) -> None:
    assert wire_name(goods(name_vi="Me", unit="kg")) == "Me (kg)"
    assert wire_name(goods()) == "Rau muống"


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (401, FailureCode.AUTH_REVOKED),
        (403, FailureCode.AUTH_REVOKED),
        (404, FailureCode.UNKNOWN_SKU),
        (422, FailureCode.VALIDATION),
        (429, FailureCode.RATE_LIMITED),
        (500, FailureCode.REMOTE_DOWN),
        (503, FailureCode.REMOTE_DOWN),
        (504, FailureCode.TIMEOUT_UNKNOWN),
    ],
)
async def test_every_status_has_one_meaning(status: int, code: FailureCode, goods: Goods) -> None:
    headers = {"Retry-After": "17"}
    connector = connector_answering(lambda _: httpx.Response(status, headers=headers, text="<p>"))

    with pytest.raises(ChannelRefused) as caught:
        await connector.upsert(Offer(goods(unit="kg"), SELLER, "X"), "key")

    assert caught.value.failure.code is code
    assert caught.value.failure.retry_after_s == 17


async def test_a_refused_field_is_told_by_our_name_with_the_portals_words(goods: Goods) -> None:
    told = {"ma_loi": "VALIDATION", "truong": "gia", "thong_bao": "Giá quá cao."}
    connector = connector_answering(lambda _: httpx.Response(422, json=told))

    with pytest.raises(ChannelRefused) as caught:
        await connector.upsert(Offer(goods(unit="kg"), SELLER, "X"), "key")

    failure = caught.value.failure
    assert (failure.field, failure.reason) == ("price_vnd", "Giá quá cao.")


@pytest.mark.parametrize(
    ("lost", "code"),
    [
        (httpx.ConnectError("refused"), FailureCode.REMOTE_DOWN),
        (httpx.ConnectTimeout("slow"), FailureCode.REMOTE_DOWN),
        (httpx.ReadTimeout("slow"), FailureCode.TIMEOUT_UNKNOWN),
        (httpx.ReadError("cut"), FailureCode.TIMEOUT_UNKNOWN),
        (httpx.RemoteProtocolError("cut"), FailureCode.TIMEOUT_UNKNOWN),
    ],
)
async def test_a_call_that_left_us_has_an_unknown_outcome(
    lost: httpx.TransportError, code: FailureCode, goods: Goods
) -> None:
    def break_off(_: httpx.Request) -> httpx.Response:
        raise lost

    connector = connector_answering(break_off)

    with pytest.raises(ChannelRefused) as caught:
        await connector.upsert(Offer(goods(unit="kg"), SELLER, "X"), "key")

    assert caught.value.failure.code is code


@pytest.mark.parametrize("body", ["", "<html>", "[]", '{"ma_tin": 5}'])
async def test_an_unexpected_answer_stops_the_channel_and_is_kept(body: str, goods: Goods) -> None:
    connector = connector_answering(lambda _: httpx.Response(200, text=body))

    with pytest.raises(ChannelRefused) as caught:
        await connector.upsert(Offer(goods(unit="kg"), SELLER, "X"), "key")

    assert caught.value.failure.code is FailureCode.SCHEMA_CHANGED
    assert body in caught.value.failure.reason
