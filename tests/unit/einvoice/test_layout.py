"""The tables of the format, and our XSD made from them."""

import pytest
from lxml import etree

from einvoice import document, layout
from tests.unit.einvoice.conftest import food_stall_invoice, vat_invoice


@pytest.mark.parametrize(
    ("invoice", "wanted"),
    [(food_stall_invoice(), layout.SALES_AT_TILL), (vat_invoice(), layout.VAT)],
)
def test_what_we_write_is_what_our_schema_allows(invoice, wanted):
    schema = etree.XMLSchema(etree.fromstring(layout.schema("HDon", wanted).encode()))

    assert schema.validate(etree.fromstring(document.write(invoice))), schema.error_log


def test_the_schema_refuses_what_the_tables_do_not_allow():
    schema = etree.XMLSchema(etree.fromstring(layout.schema("HDon", layout.SALES_AT_TILL).encode()))
    xml = document.write(food_stall_invoice())
    for old, new in ((b"<PBan>2.1.0</PBan>", b""), (b"<TChat>1<", b"<TChat>7<"),
                     (b"2026-11-23", b"23/11/2026"), (b"<SLuong>2<", b"<SLuong>2.1234567<")):  # fmt: skip
        assert not schema.validate(etree.fromstring(xml.replace(old, new, 1)))


def test_the_schema_says_whose_it_is():
    assert "not a schema of the tax authority" in layout.schema("HDon", layout.VAT)


def test_every_group_that_is_named_is_there_and_no_tag_stands_twice():
    for name, fields in layout.tables().items():
        tags = [field.tag for field in fields]
        assert len(set(tags)) == len(tags), name
        assert all(field.group in layout.tables() for field in fields if field.kind == "group")


@pytest.mark.parametrize(
    ("text", "is_right"),
    [("1234567.89", True), ("-5", True), ("1" * 21, True), ("1" * 22, False), ("1.1234567", False),
     ("1,5", False), ("1e3", False), (".5", False), ("1.", False), ("٣", False), ("+1", False)],
)  # fmt: skip
def test_a_number_has_at_most_21_digits_and_6_decimals(text, is_right):
    node = etree.fromstring("<LTSuat><TSuat>8%</TSuat><ThTien/></LTSuat>")
    node[1].text = text

    found = [one.what for one in layout.problems(node, "LTSuat", layout.VAT)]

    assert (found == []) == is_right
