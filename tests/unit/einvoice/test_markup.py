"""Canonical XML: the vectors of the reference."""

import base64
import hashlib

import pytest

from einvoice import errors, markup

FIRST = (
    '<HDon><DLHDon Id="D1"><TTChung><PBan>2.1.0</PBan><THDon>Hóa đơn bán hàng</THDon></TTChung>'
    "</DLHDon></HDon>"
)
VECTORS = {
    FIRST: "nV13RPmXedNyX/fw9D+pe/OfKwUxLnHProic3Pfh1/Q=",
    FIRST.replace("<HDon>", '<HDon xmlns:inv="urn:x">'): (
        "FrIDc8MuGu32GLKV6S13gNSZ/nZ/BgefPPxqglxQm0M="
    ),
    FIRST.replace("</PBan><THDon>", "</PBan>\n<THDon>"): (
        "KwilbOg1dgNommOuM1w2PAtQelhyzH31NREmIPiWjDM="
    ),
    '<DLHDon Id="D1"><Ten>Bún &amp; Phở "Bà Tư" &lt;38&gt;</Ten><MKHang/></DLHDon>': (
        "QY+yhFzree4MDm9OiulKt7BmgNkAunhn24SZhKLvj+g="
    ),
}


@pytest.mark.parametrize(("document", "digest"), VECTORS.items())
def test_inclusive_c14n_gives_the_digests_of_the_reference(document, digest):
    root = markup.parsed(document.encode())
    data = root if root.tag == "DLHDon" else root.find("DLHDon")

    found = hashlib.sha256(markup.canonical(data)).digest()

    assert base64.b64encode(found).decode() == digest


def test_a_default_namespace_further_up_does_not_leave_empty_declarations():
    root = markup.parsed(b'<a xmlns="urn:n"><b><c><d/></c></b></a>')

    assert markup.canonical(root[0]) == b'<b xmlns="urn:n"><c><d></d></c></b>'


def test_the_tail_of_an_element_is_no_part_of_it():
    root = markup.parsed(b"<a><b>x</b>tail</a>")

    assert markup.canonical(root[0]) == b"<b>x</b>"


def test_xml_attributes_are_inherited_and_the_nearest_one_counts():
    """C14N 1.0, section 2.4."""
    root = markup.parsed(
        b'<a xml:lang="vi" xml:space="preserve"><b xml:lang="en"><c k="1"/></b></a>'
    )

    assert markup.canonical(root[0][0]) == b'<c k="1" xml:lang="en" xml:space="preserve"></c>'
    assert root[0][0].attrib == {"k": "1"}


@pytest.mark.parametrize(
    "document",
    [
        b'<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>',
        b"<a>&undeclared;</a>",
        b'<?xml version="1.0" encoding="windows-1258"?><a/>',
        "<a/>".encode("utf-16"),
        "<a/>".encode("utf-32"),
        b"<a><?pi x?></a>",
        b"<a>\x00</a>",
        b"<a>" * 100_000,
    ],
)
def test_what_could_hurt_is_refused(document):
    with pytest.raises(errors.DocumentInvalid):
        markup.parsed(document)
