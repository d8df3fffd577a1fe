import random
from importlib.resources import files
from xml.etree import ElementTree

import pytest

import catalog
from catalog.product import checked
from market import ids
from market.demo.goods import DemoGood, demo_goods, goods_of

REFERENCE = """
Rau muống, Rau cải ngọt, Mồng tơi, Rau ngót, Bắp cải, Su hào, Cà chua, Dưa chuột, Bí xanh, Khoai tây,
Cà rốt, Tỏi khô, Chanh, Ớt tươi, Chuối tiêu, Bưởi Luận Văn, Cam, Dưa hấu, Đậu phụ, Bún tươi, Gạo tám,
Gạo nếp cái hoa vàng, Lạc nhân, Miến dong, Dầu ăn, Thịt lợn ba chỉ, Thịt nạc vai, Sườn non,
Thịt bò thăn, Gà ta (làm sẵn), Vịt (làm sẵn), Trứng gà ta, Trứng vịt, Cá trắm (khúc), Cá chép,
Cá rô phi, Cá thu (khúc), Tôm thẻ, Ngao, Mực tươi, Mực khô Sầm Sơn, Nước mắm Ba Làng,
Mắm tôm (OCOP), Nem chua, Chả tôm, Bánh gai Tứ Trụ, Bánh răng bừa, Chè lam Phủ Quảng,
Chiếu cói Nga Sơn, Hoa cúc lễ, Giò lụa
"""


def test_there_are_enough_goods_and_all_of_the_reference() -> None:
    names = {good.name_vi for good in demo_goods()}

    wanted = {name.strip() for name in REFERENCE.replace("\n", " ").split(",")}
    assert len(names) == len(demo_goods()) >= 160
    assert wanted | {"Rau thơm, hành hoa"} <= names


@pytest.mark.parametrize("category", catalog.CATEGORIES.values(), ids=lambda one: one.code)
def test_every_line_of_goods_has_something_to_sell(category: catalog.Category) -> None:
    assert len(goods_of(category.trade)) >= 8


@pytest.mark.parametrize("good", demo_goods(), ids=lambda good: good.name_vi)
def test_goods_of_the_demo_keep_every_rule(good: DemoGood) -> None:
    price_vnd = good.price_vnd(random.Random(good.name_vi))

    product = checked(good.product(ids.new(), ids.new(), price_vnd=price_vnd))

    assert good.price_min_vnd <= price_vnd <= good.price_max_vnd
    assert price_vnd % 500 == 0
    assert product.unit_qty == (10 if good.unit == "chuc" else 2 if good.unit == "doi" else 1)


def test_every_picture_is_there_and_is_plain_svg() -> None:
    folder = files("market").joinpath("web/static/goods")

    for good in demo_goods():
        drawn = ElementTree.fromstring(folder.joinpath(f"{good.icon}.svg").read_text("utf-8"))  # noqa: S314 - our own file
        assert drawn.attrib["viewBox"] == "0 0 64 64"
        tags = {element.tag.rpartition("}")[2] for element in drawn.iter()}
        assert tags <= {"svg", "g", "path", "rect", "circle", "ellipse"}


def test_an_unknown_line_of_goods_has_nothing() -> None:
    assert goods_of("xe máy") == ()
