import csv
import io
import json
import zipfile
from collections.abc import Callable
from uuid import UUID

from catalog.connector import Offer
from catalog.connectors.file import package
from catalog.product import Product, Seller

Goods = Callable[..., Product]


def rows_of(archive: bytes) -> list[dict[str, str]]:
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        text = opened.read("hang-hoa.csv").decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text)))


def test_a_package_holds_a_table_the_same_as_json_and_the_photos(goods: Goods) -> None:
    photo_id = UUID(int=5)
    offer = Offer(goods(photo_ids=(photo_id, UUID(int=6))), Seller(name="Cô Hoa"), "RAU-CU-QUA")

    archive = package([offer], {photo_id: b"jpeg"})

    (row,) = rows_of(archive)
    assert (row["ten"], row["don_vi_tinh"], row["gia_vnd"]) == ("Rau muống", "mớ", "8000")
    assert row["anh"] == f"anh/{photo_id}.jpg"
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        assert json.loads(opened.read("hang-hoa.json"))[0]["sku"] == "RAU-1"
        assert opened.read(f"anh/{photo_id}.jpg") == b"jpeg"


def test_no_cell_is_run_by_a_spreadsheet(goods: Goods) -> None:
    offer = Offer(goods(description="=HYPERLINK(1)"), Seller(name="+84"), "X")

    (row,) = rows_of(package([offer], {}))

    assert row["mo_ta"] == "'=HYPERLINK(1)"
    assert row["nha_cung_cap"] == "'+84"


def test_the_same_goods_make_the_same_bytes(goods: Goods) -> None:
    offer = Offer(goods(), Seller(name="Cô Hoa"), "X")

    assert package([offer], {}) == package([offer], {})
