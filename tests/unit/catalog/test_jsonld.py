import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from catalog.jsonld import product_jsonld, script_text
from catalog.product import Origin, Product, Seller

Goods = Callable[..., Product]
NOON = datetime(2026, 11, 23, 5, tzinfo=UTC)
SELLER = Seller(name="Cô Hoa", stall="A12", hall="Chợ Vườn Hoa", ward="Hạc Thành")


def test_the_offer_states_price_currency_unit_and_seller(goods: Goods) -> None:
    product = goods(unit="kg", origin=Origin(province="Thanh Hóa", producer="HTX Quảng Thắng"))

    told = product_jsonld(product, seller=SELLER, url="/sp/1", image_urls=["/a.svg"], now=NOON)

    offer = told["offers"]
    assert (offer["price"], offer["priceCurrency"]) == ("8000", "VND")
    assert offer["availability"] == "https://schema.org/InStock"
    assert offer["priceSpecification"]["referenceQuantity"]["unitCode"] == "KGM"
    assert offer["seller"]["address"]["streetAddress"] == "A12, Chợ Vườn Hoa, Hạc Thành"
    assert told["manufacturer"]["name"] == "HTX Quảng Thắng"


def test_a_price_on_request_is_not_made_up(goods: Goods) -> None:
    told = product_jsonld(
        goods(price_vnd=None), seller=SELLER, url="/sp/1", image_urls=[], now=NOON
    )

    assert "price" not in told["offers"]


def test_a_sale_price_says_until_when(goods: Goods) -> None:
    product = goods(sale_price_vnd=6_000, sale_to=NOON + timedelta(days=1))

    told = product_jsonld(product, seller=SELLER, url="/sp/1", image_urls=[], now=NOON)

    assert told["offers"]["price"] == "6000"
    assert told["offers"]["priceValidUntil"].startswith("2026-11-24")


def test_nothing_in_a_text_can_close_the_script_element(goods: Goods) -> None:
    product = goods(description="</script><script>alert(1)</script>")
    told = product_jsonld(product, seller=SELLER, url="/sp/1", image_urls=[], now=NOON)

    text = script_text(told)

    assert "<" not in text
    assert json.loads(text) == told
