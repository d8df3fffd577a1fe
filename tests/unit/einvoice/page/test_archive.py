"""The page to keep: its shape, and the XML that comes out of it."""

import io
import tracemalloc
import zlib

import pikepdf
import pytest

from einvoice import pdf, seal
from einvoice.errors import DocumentInvalid
from einvoice.page import archive, contents
from tests.unit.einvoice.conftest import NOW, food_stall_invoice


@pytest.fixture(scope="session", params=list(pdf.Size))
def kept(request, xml) -> bytes:
    shown = contents.Printed(invoice=food_stall_invoice(), xml=xml, lookup_code="7K3MZ9QW2XCVB5N8")
    return pdf.archive_page(shown, request.param)


def test_the_xml_comes_out_byte_for_byte_and_its_seal_holds(kept, xml):
    found = archive.xml_in(kept)

    assert found == xml
    assert seal.verify(found, seal.SELLER).signed_at == NOW


def test_the_file_says_what_an_archive_file_must(kept):
    with pikepdf.open(io.BytesIO(kept)) as opened:
        root, info = opened.Root, opened.docinfo
        packet = root.Metadata.read_bytes().decode()
        intent = root.OutputIntents[0]

        assert opened.pdf_version == "1.7"
        assert not opened.is_encrypted
        assert root.Lang == "vi-VN"
        assert "/ID" in opened.trailer
        assert "<pdfaid:part>3</pdfaid:part><pdfaid:conformance>B</pdfaid:conformance>" in packet
        assert f">{info['/Title']}<" in packet
        assert f">{info['/Author']}<" in packet
        assert "/Filter" not in root.Metadata
        assert intent.S == "/GTS_PDFA1"
        assert intent.DestOutputProfile.read_bytes()[36:40] == b"acsp"
        assert intent.DestOutputProfile.N == 3


def test_the_xml_is_an_associated_file_and_listed_among_the_attachments(kept, xml):
    with pikepdf.open(io.BytesIO(kept)) as opened:
        spec = opened.Root.AF[0]

        assert list(opened.attachments) == ["2C26MAA-00000123.xml"]
        assert spec.AFRelationship == "/Source"
        assert spec.UF == "2C26MAA-00000123.xml"
        assert spec.EF.F.Subtype == "/text/xml"
        assert spec.EF.F.Params.Size == len(xml)


def test_nothing_in_it_is_a_script_an_action_or_a_link_outwards(kept):
    for word in (b"/JavaScript", b"/JS", b"/OpenAction", b"/Launch", b"/URI", b"/Encrypt"):
        assert word not in kept


def test_the_same_invoice_is_kept_in_the_same_bytes(xml):
    shown = contents.Printed(invoice=food_stall_invoice(), xml=xml)

    assert pdf.archive_page(shown, pdf.A4) == pdf.archive_page(shown, pdf.A4)


# ── Files of others ─────────────────────────────────────────────────────────────────────────────


def pdf_with(*files: tuple[str, bytes], **changes: object) -> bytes:
    made = pikepdf.new()
    made.add_blank_page()
    for name, content in files:
        made.attachments[name] = pikepdf.AttachedFileSpec(made, content, filename=name)
    out = io.BytesIO()
    made.save(out, **changes)
    return out.getvalue()


def test_the_xml_in_a_file_of_another_tool_is_found_among_other_attachments(xml):
    made = pdf_with(("anh.png", b"\x89PNG"), ("hoa-don.XML", xml))

    assert archive.xml_in(made) == xml


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"%PDF-1.7",
        b"%PDF-1.7\n" + b"\x00" * 1000,
        pdf_with(),
        pdf_with(("a.txt", b"<HDon/>")),
        pdf_with(("a.xml", b"<HDon/>"), ("b.xml", b"<HDon/>")),
        pdf_with(("a.xml", b"<HDon/>"), encryption=pikepdf.Encryption(user="x", owner="y")),
    ],
)
def test_a_file_without_one_readable_xml_is_refused(content):
    with pytest.raises(DocumentInvalid):
        archive.xml_in(content)


def test_a_bomb_inside_is_not_unpacked():
    bomb = pdf_with(("a.xml", b"<HDon>" + b" " * 60_000_000 + b"</HDon>"))
    assert len(bomb) < 200_000

    tracemalloc.start()
    with pytest.raises(DocumentInvalid, match="more than 2000000 bytes"):
        archive.xml_in(bomb)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak < 10_000_000


def test_a_flipped_byte_of_the_packed_xml_is_noticed(xml):
    shown = contents.Printed(invoice=food_stall_invoice(), xml=xml)
    kept = pdf.archive_page(shown, pdf.A4)
    place = kept.index(zlib.compress(xml)) + 900
    changed = kept[:place] + bytes([kept[place] ^ 1]) + kept[place + 1 :]

    with pytest.raises(DocumentInvalid):
        seal.verify(archive.xml_in(changed), seal.SELLER)
