"""One contract for whoever signs: memory, file, folder, service, token. And what others make of it."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from shutil import which

import pytest
import xmlsec
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.serialization import pkcs12
from lxml import etree
from signxml import CanonicalizationMethod, XMLSigner

from einvoice import document, keys, seal, tokens
from einvoice.errors import SealInvalid, SignerFailed
from einvoice.page import pades
from tests.unit.einvoice.conftest import NOW, TAX_ID, food_stall_invoice

SOFTHSM = next(
    (one for one in map(Path, ("/usr/lib/softhsm/libsofthsm2.so",
                               "/usr/lib64/softhsm/libsofthsm2.so",
                               "/usr/local/lib/softhsm/libsofthsm2.so",
                               "/opt/homebrew/lib/softhsm/libsofthsm2.so")) if one.exists()),
    None,
)  # fmt: skip
needs_softhsm = pytest.mark.skipif(
    SOFTHSM is None or which("softhsm2-util") is None, reason="softhsm2 is not installed"
)
LABEL, PIN = "ho-vi-du", "246810"


@pytest.fixture(scope="session")
def token(signer, tmp_path_factory) -> Iterator[tokens.Token]:
    """A soft token that holds the stall's key and certificate."""
    import pkcs11
    from pkcs11.util.rsa import decode_rsa_private_key
    from pkcs11.util.x509 import decode_x509_certificate

    folder = tmp_path_factory.mktemp("softhsm")
    (folder / "tokens").mkdir()
    (folder / "softhsm2.conf").write_text(f"directories.tokendir = {folder}/tokens\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOFTHSM2_CONF", str(folder / "softhsm2.conf"))
        subprocess.run(["softhsm2-util", "--init-token", "--free", "--label", "sap-12", "--pin", PIN,
                        "--so-pin", "13579"], check=True, capture_output=True)  # fmt: skip
        found = pkcs11.lib(str(SOFTHSM)).get_token(token_label="sap-12")
        private = signer.key.private_bytes(
            serialization.Encoding.DER,
            serialization.PrivateFormat.TraditionalOpenSSL,
            serialization.NoEncryption(),
        )
        certificate = signer.certificate.public_bytes(serialization.Encoding.DER)
        stays = {pkcs11.Attribute.TOKEN: True, pkcs11.Attribute.LABEL: LABEL}
        with found.open(rw=True, user_pin=PIN) as session:
            session.create_object(decode_rsa_private_key(private) | stays)
            session.create_object(decode_x509_certificate(certificate) | stays)
        yield tokens.Token(library=str(SOFTHSM), token="sap-12", key=LABEL, pin=PIN)


def pkcs12_signer(signer: keys.KeySigner) -> keys.Signer:
    content = pkcs12.serialize_key_and_certificates(
        b"ho", signer.key, signer.certificate, None, serialization.BestAvailableEncryption(b"x")
    )
    return keys.signer_from_pkcs12(content, "x")


def remote_signer(signer: keys.KeySigner) -> keys.Signer:
    def service(digest: bytes) -> bytes:
        return signer.key.sign(digest, padding.PKCS1v15(), Prehashed(hashes.SHA256()))

    return keys.RemoteSigner(service, signer.certificate)


@pytest.fixture(
    params=["memory", "pkcs12", "folder", "remote", pytest.param("token", marks=needs_softhsm)]
)
def any_signer(request, signer, tmp_path) -> Iterator[keys.Signer]:
    if request.param == "token":
        with tokens.open_token(request.getfixturevalue("token")) as opened:
            yield opened
    elif request.param == "folder":
        yield keys.KeyFolder(tmp_path).signer(TAX_ID, "Hộ Ví Dụ", NOW)
    else:
        make = {"memory": lambda one: one, "pkcs12": pkcs12_signer, "remote": remote_signer}
        yield make[request.param](signer)


# ── The contract ────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("data", [b"", b"x", b"\x00" * 100_000])
def test_the_certificate_confirms_what_was_signed(any_signer, data):
    value = any_signer.sign(data)

    assert len(value) == 256
    any_signer.certificate.public_key().verify(value, data, padding.PKCS1v15(), hashes.SHA256())


def test_the_certificate_names_the_holder(any_signer):
    assert keys.holder_of(any_signer.certificate) == TAX_ID


def test_the_same_data_is_signed_in_the_same_bytes(any_signer):
    assert any_signer.sign(b"x") == any_signer.sign(b"x") != any_signer.sign(b"y")


def test_an_invoice_is_sealed_and_holds_until_a_byte_changes(any_signer):
    xml = seal.write_signed(food_stall_invoice(), any_signer, NOW)

    assert seal.verify(xml, seal.SELLER).tax_id == TAX_ID
    with pytest.raises(SealInvalid):
        seal.verify(xml.replace(b">110750<", b">110751<"), seal.SELLER)


def test_xmlsec_confirms_the_seal(any_signer):
    root = etree.fromstring(seal.write_signed(food_stall_invoice(), any_signer, NOW))
    xmlsec.tree.add_ids(root, ["Id"])
    context = xmlsec.SignatureContext()
    context.key = xmlsec.Key.from_memory(
        any_signer.certificate.public_bytes(serialization.Encoding.PEM),
        xmlsec.constants.KeyDataFormatCertPem,
    )

    context.verify(root.find("DSCKS/NBan/{*}Signature"))  # raises if it does not hold


def test_a_page_is_signed_with_the_same_key(any_signer):
    from einvoice import pdf
    from einvoice.page.contents import Printed

    invoice = food_stall_invoice()
    shown = Printed(invoice=invoice, xml=seal.write_signed(invoice, any_signer, NOW))
    page = pdf.archive_page(shown, pdf.ROLL_80, signer=any_signer, signed_at=NOW)

    assert [(one.tax_id, one.holds) for one in pades.page_seals(page)] == [(TAX_ID, True)]


def test_no_secret_shows_in_its_description(any_signer):
    said = repr(any_signer)

    assert "PrivateKey" not in said
    assert PIN not in said


# ── Tokens that do not work ─────────────────────────────────────────────────────────────────────


@needs_softhsm
@pytest.mark.parametrize(
    "change", [{"pin": "000000"}, {"token": "none"}, {"key": "none"}, {"library": "/none.so"}]
)
def test_a_token_that_does_not_open_is_said_in_words(token, change):
    from dataclasses import replace

    with pytest.raises(SignerFailed), tokens.open_token(replace(token, **change)):
        pass


@needs_softhsm
def test_a_session_that_is_closed_does_not_sign(token):
    with tokens.open_token(token) as opened:
        pass

    with pytest.raises(SignerFailed):
        opened.sign(b"x")


def test_a_pin_does_not_show():
    assert PIN not in repr(tokens.Token(library="l", token="t", key="k", pin=PIN))


# ── signxml, and curves ─────────────────────────────────────────────────────────────────────────


def signed_by_signxml(key, certificate, method: str) -> bytes:
    """Its own profile: no signing time, so that ours refuses it, but not before the value held."""
    root = etree.fromstring(document.write(food_stall_invoice()))
    holder = etree.SubElement(root.find("DSCKS"), "NBan")
    etree.SubElement(holder, f"{{{seal.DSIG}}}Signature", Id="placeholder")
    maker = XMLSigner(
        signature_algorithm=method, c14n_algorithm=CanonicalizationMethod.CANONICAL_XML_1_0
    )
    data_id = food_stall_invoice().data_id
    return etree.tostring(
        maker.sign(
            root, key=key, cert=[certificate], reference_uri=f"#{data_id}", id_attribute="Id"
        )
    )


def reason_of(xml: bytes) -> str:
    with pytest.raises(SealInvalid) as refused:
        seal.verify(xml, seal.SELLER, curves=True)
    return refused.value.reason


@pytest.fixture(scope="session")
def curve_signer() -> keys.CurveSigner:
    key = ec.generate_private_key(ec.SECP256R1())
    return keys.CurveSigner(key, keys.make_demo_certificate(TAX_ID, "Hộ Ví Dụ", NOW, key))


@pytest.mark.parametrize("kind", ["signer", "curve_signer"])
def test_digest_and_value_of_signxml_hold_for_us_and_only_the_signing_time_is_missing(
    request, kind
):
    made = request.getfixturevalue(kind)
    method = "rsa-sha256" if kind == "signer" else "ecdsa-sha256"
    xml = signed_by_signxml(made.key, made.certificate, method)

    assert reason_of(xml) == "signing_time"
    assert reason_of(xml.replace(b">110750<", b">110751<")) == "digest"
    value = re.search(rb"SignatureValue>(.*?)<", xml, re.DOTALL)[1]
    assert reason_of(
        xml.replace(value, value[::-1] if value[-1:] != b"=" else b"AA" + value[2:])
    ) == ("signature")


def test_a_curve_seals_only_where_it_was_agreed_on(curve_signer):
    xml = seal.write_signed(food_stall_invoice(), curve_signer, NOW)

    assert seal.verify(xml, seal.SELLER, curves=True).tax_id == TAX_ID
    with pytest.raises(SealInvalid, match="algorithm"):
        seal.verify(xml, seal.SELLER)
    assert reason_of(xml.replace(b">110750<", b">110751<")) == "digest"


def test_xmlsec_confirms_a_curve(curve_signer):
    root = etree.fromstring(seal.write_signed(food_stall_invoice(), curve_signer, NOW))
    xmlsec.tree.add_ids(root, ["Id"])
    context = xmlsec.SignatureContext()
    context.key = xmlsec.Key.from_memory(
        curve_signer.certificate.public_bytes(serialization.Encoding.PEM),
        xmlsec.constants.KeyDataFormatCertPem,
    )

    context.verify(root.find("DSCKS/NBan/{*}Signature"))  # raises if it does not hold


@pytest.mark.parametrize("value", [b"", b"x" * 63, b"x" * 64, b"\x00" * 64, b"x" * 65])
def test_a_wrong_value_on_a_curve_does_not_hold(curve_signer, value):
    class Wrong:
        certificate = curve_signer.certificate

        def sign(self, data: bytes) -> bytes:
            return value

    assert reason_of(seal.write_signed(food_stall_invoice(), Wrong(), NOW)) == "signature"
