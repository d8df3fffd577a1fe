"""Signing from the text is signing from the parsed document, byte for byte."""

from dataclasses import replace

import pytest
from lxml import etree

from einvoice import document, envelope, markup, seal
from einvoice.errors import DocumentInvalid, SealInvalid
from tests.unit.einvoice.conftest import NOW, TAX_ID, food_stall_invoice, vat_invoice

NAMES = ["Bún & Phở “Bà Tư” <38>", "a\"b'c", "x\ry", "x\ny\tz", "&amp;quot;", "]]>", "Z\u0308",
         "\u00a0\u200b\u2028", "🍜", "\ufffd", "\uffc0"]  # fmt: skip


def named(name: str):
    invoice = food_stall_invoice()
    return replace(invoice, lines=(replace(invoice.lines[0], name=name), *invoice.lines[1:]))


@pytest.mark.parametrize("invoice", [food_stall_invoice(), vat_invoice(), *map(named, NAMES)])
def test_both_ways_give_the_same_bytes_and_hold(signer, invoice):
    slow = seal.sign(document.write(invoice), seal.SELLER, signer, NOW)

    assert seal.write_signed(invoice, signer, NOW) == slow
    assert seal.verify(slow, seal.SELLER).tax_id == TAX_ID


def test_markup_of_others_that_was_kept_is_signed_by_a_parser(signer):
    invoice = replace(food_stall_invoice(), unknown=("<Moi a='1'/>",))

    signed = seal.write_signed(invoice, signer, NOW)

    assert document.has_unknown(invoice)
    assert seal.verify(signed, seal.SELLER).elements[0].find("TTChung/Moi") is not None


@pytest.mark.parametrize("letter", ["\x00", "\x08", "\x0b", "\x1f", "\ufffe", "\uffff"])
def test_letters_that_xml_forbids_are_refused_both_ways(signer, letter):
    with pytest.raises(DocumentInvalid):
        seal.write_signed(named(f"Bún{letter}"), signer, NOW)
    with pytest.raises(DocumentInvalid):
        seal.sign(document.write(named(f"Bún{letter}")), seal.SELLER, signer, NOW)


def test_an_id_that_is_no_name_is_refused_both_ways(signer):
    invoice = food_stall_invoice(symbol="C26 AA")

    with pytest.raises(SealInvalid, match="Id"):
        seal.write_signed(invoice, signer, NOW)
    with pytest.raises(SealInvalid, match="Id"):
        seal.sign(document.write(invoice), seal.SELLER, signer, NOW)


@pytest.mark.parametrize("name", ["Bún bò", *NAMES[:7]])
def test_the_text_is_the_canonical_form(name):
    data, _ = document.parts(named(name))
    parsed = etree.fromstring(data)

    assert markup.canonical_text(data) == etree.tostring(parsed, method="c14n")


def test_a_part_without_namespaces_is_canonical_where_it_stands(signer):
    """A message with sealed invoices inside: in its tree, and parsed again as a document alone."""
    sealed = [seal.write_signed(food_stall_invoice(number=n), signer, NOW) for n in (1, 2)]
    header = envelope.Header(version="2.1.0", sender="V0107001729", receiver="TCT", kind=206,
                             code="V0107001729" + "0" * 32, refers_to="", tax_id=TAX_ID,
                             count=2)  # fmt: skip
    root = markup.parsed(envelope.message(header, b"".join(sealed).decode(), "D1"))
    data = root.find("DLieu")
    alone = etree.fromstring(etree.tostring(data, with_tail=False))

    assert not data.nsmap
    assert markup.canonical(data) == etree.tostring(alone, method="c14n")


def test_two_certificates_are_told_apart_after_many(signer):
    from einvoice import keys, sealing

    others = [keys.make_demo_certificate(TAX_ID, f"Hộ {n}", NOW, signer.key) for n in range(3)]
    before = [sealing._said_of(one) for one in others]
    sealing._SAID.clear()

    assert [sealing._said_of(one) for one in others] == before
    assert len(set(before)) == 3
