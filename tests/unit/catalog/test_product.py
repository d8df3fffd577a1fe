import unicodedata
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from uuid import UUID

import pytest

from catalog.errors import InvalidProduct
from catalog.product import (
    CATEGORIES,
    Product,
    Status,
    checked,
    content_hash,
    from_payload,
    gtin_is_valid,
    payload,
    price_jumps,
    sku_of,
)

Goods = Callable[..., Product]
NOON = datetime(2026, 11, 23, 5, tzinfo=UTC)


def problems_of(product: Product) -> set[tuple[str, str]]:
    with pytest.raises(InvalidProduct) as caught:
        checked(product)
    return {(one.field, one.code) for one in caught.value.problems}


@pytest.mark.parametrize(
    ("changes", "field", "code"),
    [
        ({"name_vi": "C"}, "name_vi", "too_short"),
        ({"name_vi": "Rau " * 40}, "name_vi", "too_long"),
        ({"name_vi": "12 34"}, "name_vi", "no_letters"),
        ({"name_vi": "RAU MUỐNG NGON"}, "name_vi", "shouting"),
        ({"name_vi": "Rau muống 0912 345 678"}, "name_vi", "phone_number"),
        ({"name_vi": "Rau muống +84912345678"}, "name_vi", "phone_number"),
        ({"name_vi": "Rau muống 🥬"}, "name_vi", "signs"),
        ({"name_vi": "Rau\u200b muống"}, "name_vi", "signs"),
        ({"description": "x" * 5001}, "description", "too_long"),
        ({"description": "\0"}, "description", "signs"),
        ({"description": "\ud800"}, "description", "signs"),
        ({"sku": "có dấu"}, "sku", "form"),
        ({"sku": "A" * 51}, "sku", "form"),
        ({"category": "xe-may"}, "category", "unknown"),
        ({"unit": "pound"}, "unit", "unknown"),
        ({"unit_qty": Decimal(0)}, "unit_qty", "out_of_range"),
        ({"unit_qty": Decimal("NaN")}, "unit_qty", "out_of_range"),
        ({"price_vnd": 0}, "price_vnd", "out_of_range"),
        ({"price_vnd": -5}, "price_vnd", "out_of_range"),
        ({"price_vnd": 500_000_000}, "price_vnd", "out_of_range"),
        ({"sale_price_vnd": 8_000}, "sale_price_vnd", "not_below_price"),
        ({"sale_price_vnd": 5, "price_vnd": None}, "sale_price_vnd", "not_below_price"),
        ({"net_content": 500}, "net_content", "without_unit"),
        ({"net_content": 500, "net_unit": "oz"}, "net_unit", "unknown"),
        ({"stock_qty": Decimal(-1)}, "stock_qty", "out_of_range"),
        ({"gtin": "8931234567890"}, "gtin", "check_digit"),
        ({"icon": "../etc/passwd"}, "icon", "form"),
        ({"photo_ids": (UUID(int=1),) * 9}, "photo_ids", "too_many"),
        ({"available_until": datetime(2026, 11, 23)}, "sale_from", "without_zone"),  # noqa: DTZ001 - the wrong kind is meant
    ],
)
def test_each_broken_rule_is_named_with_its_field(
    goods: Goods, changes: dict[str, object], field: str, code: str
) -> None:
    broken = goods(**changes)

    found = problems_of(broken)

    assert (field, code) in found


def test_all_problems_are_told_at_once(goods: Goods) -> None:
    broken = goods(name_vi="C", unit="pound", price_vnd=0)

    found = problems_of(broken)

    assert {field for field, _ in found} == {"name_vi", "unit", "price_vnd"}


def test_a_name_typed_in_pieces_is_kept_whole(goods: Goods) -> None:
    in_pieces = goods(name_vi="  " + unicodedata.normalize("NFD", "Rau  muống") + "\n")

    kept = checked(in_pieces)

    assert kept.name_vi == "Rau muống"
    assert kept == checked(goods())


def test_short_names_of_the_stall_are_welcome(goods: Goods) -> None:
    kept = checked(goods(name_vi="Me"))

    assert kept.name_vi == "Me"


def test_the_same_goods_hash_alike_whatever_their_version_and_zone(goods: Goods) -> None:
    hanoi = timezone(timedelta(hours=7))
    one = checked(goods(version=1, stock_qty=Decimal("2"), available_until=NOON))
    other = checked(
        goods(version=2, stock_qty=Decimal("2.000"), available_until=NOON.astimezone(hanoi))
    )

    assert content_hash(one) == content_hash(other)
    assert content_hash(one) != content_hash(checked(goods(price_vnd=8_001)))


def test_goods_come_back_from_their_payload_unchanged(goods: Goods) -> None:
    product = checked(
        goods(
            photo_ids=(UUID(int=7),),
            stock_qty=Decimal("1.5"),
            sale_price_vnd=7_000,
            sale_to=NOON,
            status=Status.DRAFT,
        )
    )

    assert from_payload(payload(product)) == product


def test_a_sale_price_holds_only_in_its_time(goods: Goods) -> None:
    product = goods(sale_price_vnd=6_000, sale_from=NOON, sale_to=NOON + timedelta(hours=1))

    prices = [product.price_vnd_at(NOON + timedelta(minutes=m)) for m in (-1, 0, 59, 60)]

    assert prices == [8_000, 6_000, 6_000, 8_000]


@pytest.mark.parametrize(
    "changes",
    [
        {"in_stock": False},
        {"stock_qty": Decimal(0)},
        {"available_until": NOON},
        {"status": Status.ARCHIVED},
    ],
)
def test_what_is_gone_is_not_available(goods: Goods, changes: dict[str, object]) -> None:
    assert goods().is_available(NOON)
    assert not goods(**changes).is_available(NOON)


@pytest.mark.parametrize("gtin", ["96385074", "614141000036", "4006381333931", "10614141000415"])
def test_a_right_check_digit_is_valid_and_any_other_is_not(gtin: str) -> None:
    others = [gtin[:-1] + str((int(gtin[-1]) + step) % 10) for step in range(1, 10)]

    assert gtin_is_valid(gtin)
    assert not any(gtin_is_valid(other) for other in others)


def test_digits_of_other_scripts_are_no_gtin() -> None:
    assert not gtin_is_valid("٩٦٣٨٥٠٧٤")


def test_a_price_jumps_when_it_changes_by_more_than_half() -> None:
    jumps = [price_jumps(10_000, new) for new in (15_000, 15_001, 5_000, 4_999)]

    assert jumps == [False, True, False, True]
    assert not price_jumps(None, 10_000)


def test_a_sku_is_sixteen_letters_made_from_the_id() -> None:
    product_id = UUID("019abf31-4c00-7abc-8def-0123456789ab")

    sku = sku_of(product_id)

    assert len(sku) == 16
    assert sku.isalnum()
    assert sku != sku_of(UUID("019abf31-4c00-7abc-8def-0123456789ac"))


def test_there_is_a_category_for_each_of_the_nineteen_trades() -> None:
    assert len({category.trade for category in CATEGORIES.values()}) == 19
