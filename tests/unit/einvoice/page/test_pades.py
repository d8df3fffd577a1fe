"""A page signed as a file."""

import io
import subprocess
from shutil import which

import pytest
from cryptography.hazmat.primitives import serialization
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation import validate_pdf_signature
from pyhanko.sign.validation.settings import KeyUsageConstraints
from pyhanko_certvalidator import ValidationContext

from einvoice import keys, pdf
from einvoice.errors import DocumentInvalid, SignerFailed
from einvoice.page import archive, contents, pades
from tests.unit.einvoice.conftest import NOW, TAX_ID, food_stall_invoice


@pytest.fixture(scope="session")
def signed(signer, xml) -> bytes:
    shown = contents.Printed(invoice=food_stall_invoice(), xml=xml)
    return pdf.archive_page(shown, pdf.A4, signer=signer, signed_at=NOW)


def test_the_signature_says_who_when_and_that_it_covers_everything(signed):
    [found] = pades.page_seals(signed)

    assert (found.tax_id, found.name, found.signed_at) == (TAX_ID, "Hộ Ví Dụ", NOW)
    assert found.holds
    assert found.is_whole


def test_the_validator_of_another_hand_trusts_it(signed, signer):
    """pyhanko's own judgement, with our certificate as the root of trust."""
    embedded = PdfFileReader(io.BytesIO(signed)).embedded_regular_signatures[0]
    trusting = ValidationContext(trust_roots=[embedded.signer_cert], allow_fetching=False)

    status = validate_pdf_signature(
        embedded, trusting, key_usage_settings=KeyUsageConstraints(key_usage=set())
    )

    assert embedded.sig_object["/SubFilter"] == "/ETSI.CAdES.detached"
    assert status.bottom_line
    assert embedded.signer_cert.dump() == signer.certificate.public_bytes(
        serialization.Encoding.DER
    )


def test_the_xml_inside_is_still_the_original(signed, xml):
    assert archive.xml_in(signed) == xml


@pytest.mark.parametrize("share", [0.1, 0.3, 0.5, 0.7])
def test_a_flipped_bit_is_caught(signed, share):
    begin, length = signed.index(b"%PDF"), signed.index(b"/ByteRange")
    place = begin + 20 + int((length - 20) * share)
    changed = signed[:place] + bytes([signed[place] ^ 1]) + signed[place + 1 :]

    try:
        found = pades.page_seals(changed)
    except DocumentInvalid:
        return
    assert not any(one.holds and one.is_whole for one in found)


def test_what_is_added_afterwards_is_said(signed):
    from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter

    writer = IncrementalPdfFileWriter(io.BytesIO(signed))
    writer.root["/Lang"] = writer.root["/Lang"]
    writer.update_root()
    changed = io.BytesIO()
    writer.write(changed)

    [found] = pades.page_seals(changed.getvalue())

    assert not found.is_whole


def test_an_unsigned_page_has_no_seal(xml):
    shown = contents.Printed(invoice=food_stall_invoice(), xml=xml)

    assert pades.page_seals(pdf.archive_page(shown, pdf.A4)) == []


@pytest.mark.parametrize("content", [b"", b"nonsense", b"%PDF-1.7\n%%EOF"])
def test_what_is_no_pdf_is_neither_signed_nor_read(content, signer):
    with pytest.raises(DocumentInvalid):
        pades.signed(content, signer, NOW)
    with pytest.raises(DocumentInvalid):
        pades.page_seals(content)


def test_a_service_that_signs_wrongly_spoils_no_page(signer, xml):
    remote = keys.RemoteSigner(lambda digest: b"\x00" * 256, signer.certificate)
    shown = contents.Printed(invoice=food_stall_invoice(), xml=xml)

    with pytest.raises(SignerFailed):
        pdf.archive_page(shown, pdf.A4, signer=remote, signed_at=NOW)


@pytest.mark.skipif(which("pdfsig") is None, reason="poppler's pdfsig is not installed")
def test_pdfsig_agrees(signed, tmp_path):
    file = tmp_path / "page.pdf"
    file.write_bytes(signed)

    done = subprocess.run(["pdfsig", "-nocert", str(file)], capture_output=True, text=True,
                          check=False)  # fmt: skip

    assert "Signature is Valid" in done.stdout
    assert "Total document signed" in done.stdout
