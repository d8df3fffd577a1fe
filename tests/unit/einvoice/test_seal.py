"""Signatures: made in the observed profile, and every trap of the reference."""

import base64
import re
import subprocess
from dataclasses import replace
from datetime import timedelta
from shutil import which

import pytest
from cryptography.hazmat.primitives import serialization
from lxml import etree

from einvoice import document, keys, seal
from einvoice.errors import SealInvalid
from tests.unit.einvoice.conftest import NOW, TAX_ID, food_stall_invoice


@pytest.fixture(scope="session")
def sealed(signer) -> bytes:
    return seal.sign(document.write(food_stall_invoice()), seal.SELLER, signer, NOW)


def reason_of(changed: bytes, place: seal.Place = seal.SELLER) -> str:
    with pytest.raises(SealInvalid) as refused:
        seal.verify(changed, place)
    return refused.value.reason


def test_a_sealed_invoice_says_who_signed_when_and_what(sealed):
    found = seal.verify(sealed, seal.SELLER)

    assert (found.tax_id, found.signed_at) == (TAX_ID, NOW)
    assert found.elements[0].tag == "DLHDon"
    assert document.read(sealed) == food_stall_invoice()


def test_the_signature_has_the_parts_of_the_profile(sealed):
    for part in (
        b'<Signature xmlns="http://www.w3.org/2000/09/xmldsig#" Id="NBan-HD2C26MAA123">',
        b'Algorithm="http://www.w3.org/TR/2001/REC-xml-c14n-20010315"',
        b'<Reference URI="#HD2C26MAA123"><Transforms><Transform Algorithm="http://www.w3.org/2000/09/xmldsig#enveloped-signature">',
        b'<Reference URI="#NBan-HD2C26MAA123-time">',
        b"<X509SubjectName>",
        b'<SignatureProperty Target="#NBan-HD2C26MAA123"><SigningTime>2026-11-23T09:15:00',
    ):
        assert part in sealed


def test_xmlsec_verifies_what_we_sign(sealed, signer):
    xmlsec = pytest.importorskip("xmlsec", reason="python xmlsec is not installed")
    root = etree.fromstring(sealed)
    xmlsec.tree.add_ids(root, ["Id"])
    context = xmlsec.SignatureContext()
    context.key = xmlsec.Key.from_memory(
        signer.certificate.public_bytes(serialization.Encoding.PEM),
        xmlsec.constants.KeyDataFormatCertPem,
    )

    context.verify(root.find("DSCKS/NBan/{*}Signature"))  # raises if it does not hold


def test_we_verify_what_xmlsec_signs(signer):
    xmlsec = pytest.importorskip("xmlsec", reason="python xmlsec is not installed")
    ours = seal.sign(document.write(food_stall_invoice()), seal.SELLER, signer, NOW)
    root = etree.fromstring(ours)
    signature = root.find("DSCKS/NBan/{*}Signature")
    for name in ("DigestValue", "SignatureValue"):
        for node in signature.iter(f"{{{seal.DSIG}}}{name}"):
            node.text = ""
    xmlsec.tree.add_ids(root, ["Id"])
    context = xmlsec.SignatureContext()
    pem = signer.key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    context.key = xmlsec.Key.from_memory(pem, xmlsec.constants.KeyDataFormatPem)
    context.sign(signature)

    assert seal.verify(etree.tostring(root), seal.SELLER).tax_id == TAX_ID


# ── The six traps ───────────────────────────────────────────────────────────────────────────────


def test_trap_1_embedded_verbatim_the_seal_holds_and_under_a_declaration_it_breaks(sealed):
    embedded = b"<TDiep><DLieu>" + sealed + b"</DLieu></TDiep>"
    declared = embedded.replace(b"<TDiep>", b'<TDiep xmlns:inv="urn:x">')
    place = seal.Place("DLieu/HDon/DSCKS/NBan", ("DLieu/HDon/DLHDon",))

    assert seal.verify(embedded, place).tax_id == TAX_ID
    assert reason_of(declared, place) == "digest"


def test_trap_1_nothing_is_signed_inside_a_namespace_declaration(signer):
    xml = document.write(food_stall_invoice()).replace(b"<HDon>", b'<HDon xmlns:inv="urn:x">')

    with pytest.raises(SealInvalid, match="namespace"):
        seal.sign(xml, seal.SELLER, signer, NOW)


def test_trap_2_the_signed_info_is_canonical_under_its_inherited_namespace(sealed):
    info = etree.fromstring(sealed).find("DSCKS/NBan/{*}Signature/{*}SignedInfo")

    assert seal.canonical(info).startswith(
        b'<SignedInfo xmlns="http://www.w3.org/2000/09/xmldsig#"><CanonicalizationMethod'
    )
    assert b'xmlns=""' not in seal.canonical(info)


def test_trap_3_the_signing_time_in_the_signature_namespace_is_accepted(sealed):
    time = etree.fromstring(sealed).find(".//{http://www.w3.org/2000/09/xmldsig#}SigningTime")

    assert time is not None
    assert seal.verify(sealed, seal.SELLER).signed_at == NOW


def test_trap_4_a_certificate_counts_as_of_the_signing_time(signer):
    xml = document.write(food_stall_invoice())
    in_time = seal.sign(xml, seal.SELLER, signer, NOW + timedelta(days=3 * 365 - 1))
    too_late = seal.sign(xml, seal.SELLER, signer, NOW + timedelta(days=3 * 365 + 1))
    too_early = seal.sign(xml, seal.SELLER, signer, NOW - timedelta(days=2))

    assert seal.verify(in_time, seal.SELLER).tax_id == TAX_ID
    assert reason_of(too_late) == "certificate_expired"
    assert reason_of(too_early) == "certificate_expired"


def test_trap_5_two_elements_with_one_id_are_refused(sealed):
    doubled = sealed.replace(b"<MCCQT>", b'<MCCQT Id="HD2C26MAA123">')

    assert reason_of(doubled) == "duplicate_id"


def test_trap_5_the_signed_data_moved_aside_is_refused(sealed):
    data = re.search(rb"<DLHDon .*?</DLHDon>", sealed)[0]
    forged = data.replace(b"HD2C26MAA123", b"FORGED").replace(b"110750", b"999999")
    wrapped = sealed.replace(data, forged + b"<Khac>" + data + b"</Khac>")

    assert reason_of(wrapped) == "not_covered"
    assert reason_of(sealed.replace(data, forged + data)) == "not_covered"
    assert reason_of(sealed.replace(data, data + forged)) == "not_covered"


def test_trap_6_a_line_feed_between_tags_breaks_the_seal(sealed):
    assert reason_of(sealed.replace(b"</PBan><THDon>", b"</PBan>\n<THDon>")) == "digest"


def test_trap_6_ids_are_xml_names(signer):
    xml = document.write(food_stall_invoice()).replace(b'Id="HD2', b'Id="2')

    with pytest.raises(SealInvalid, match="Id"):
        seal.sign(xml, seal.SELLER, signer, NOW)


# ── What else must not pass ─────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        (b">110750<", b">110751<", "digest"),
        (b"T09:15:00", b"T09:15:01", "digest"),
        (b"REC-xml-c14n-20010315", b"REC-xml-c14n-20010315#WithComments", "algorithm"),
        (b"xmldsig-more#rsa-sha256", b"xmldsig-more#rsa-md5", "algorithm"),
        (b"2000/09/xmldsig#enveloped-signature", b"TR/1999/REC-xslt-19991116", "algorithm"),
        (b'URI="#HD2C26MAA123"', b'URI=""', "reference"),
        (b'URI="#HD2C26MAA123"', b'URI="http://a.b/c"', "reference"),
        (b"<NBan><Signature", b"<NMua><Signature", None),
        (b"<X509Certificate>MII", b"<X509Certificate>AAA", "certificate"),
        (b"<SignatureValue>", b"<SignatureValue>*", "base64"),
        (b"</KeyInfo>", b"</KeyInfo><KeyInfo></KeyInfo>", "structure"),
    ],
)
def test_a_changed_signature_does_not_hold(sealed, old, new, reason):
    assert old in sealed
    if reason is None:
        new_end = b"</Signature></NMua>"
        assert reason_of(sealed.replace(old, new).replace(b"</Signature></NBan>", new_end)) == (
            "unsigned"
        )
    else:
        assert reason_of(sealed.replace(old, new, 1)) == reason


def test_without_the_reference_to_the_time_there_is_no_signing_time(sealed, signer):
    info = re.search(rb"<SignedInfo>.*?</SignedInfo>", sealed)[0]
    shorter = re.sub(rb'<Reference URI="#NBan-HD2C26MAA123-time">.*?</Reference>', b"", info)
    declared = shorter.replace(b"<SignedInfo>", b'<SignedInfo xmlns="%b">' % seal.DSIG.encode())
    value = base64.b64encode(signer.sign(declared))
    changed = re.sub(
        rb"<SignatureValue>.*?</SignatureValue>",
        b"<SignatureValue>" + value + b"</SignatureValue>",
        sealed.replace(info, shorter),
    )

    assert reason_of(changed) == "signing_time"


def test_a_signature_made_with_another_key_does_not_hold(sealed):
    key = keys.make_key()
    stranger = keys.make_demo_certificate(TAX_ID, "Kẻ lạ", NOW, key)
    der = base64.b64encode(stranger.public_bytes(serialization.Encoding.DER))
    changed = re.sub(rb"(<X509Certificate>)[^<]*", rb"\g<1>" + der, sealed)

    assert reason_of(changed) == "signature"


def test_an_unsigned_invoice_is_said_to_be():
    assert reason_of(document.write(food_stall_invoice())) == "unsigned"


def test_two_signatures_in_one_place_are_refused(sealed):
    signature = re.search(rb"<Signature .*</Signature>", sealed)[0]
    second = signature.replace(b"NBan-HD2C26MAA123", b"NBan-2")

    assert reason_of(sealed.replace(signature, signature + second)) == "two_signatures"


def test_the_authority_signs_beside_the_seller_and_covers_the_code(sealed, signer):
    coded = document.write(replace(food_stall_invoice(), code="M2-26-A1B2C-00000000123"))
    coded = coded.replace(b"<MCCQT>", b'<MCCQT Id="Ma">')
    both = seal.sign(
        seal.sign(coded, seal.SELLER, signer, NOW), seal.AUTHORITY_ON_INVOICE, signer, NOW
    )

    assert seal.verify(both, seal.SELLER).tax_id == TAX_ID
    assert len(seal.verify(both, seal.AUTHORITY_ON_INVOICE).elements) == 2
    changed = both.replace(b"-00000000123</MCCQT>", b"-00000000124</MCCQT>")
    assert reason_of(changed, seal.AUTHORITY_ON_INVOICE) == "digest"


@pytest.mark.skipif(which("xmlsec1") is None, reason="the xmlsec1 command is not installed")
def test_the_xmlsec1_command_verifies_what_we_sign(sealed, signer, tmp_path):
    document_, certificate = tmp_path / "invoice.xml", tmp_path / "holder.pem"
    document_.write_bytes(sealed)
    certificate.write_bytes(signer.certificate.public_bytes(serialization.Encoding.PEM))
    version = subprocess.run(["xmlsec1", "--version"], capture_output=True, check=True, text=True)
    lax = [] if " 1.2." in version.stdout else ["--lax-key-search"]  # since 1.3 keys are strict
    command = ["xmlsec1", "--verify", *lax, "--pubkey-cert-pem", str(certificate),
               "--id-attr:Id", "DLHDon", "--id-attr:Id", "Object", str(document_)]  # fmt: skip

    right = subprocess.run(command, capture_output=True, check=False)
    document_.write_bytes(sealed.replace(b">110750<", b">110751<", 1))
    changed = subprocess.run(command, capture_output=True, check=False)

    assert right.returncode == 0, right.stderr
    assert changed.returncode != 0


def test_a_signing_time_in_two_places_or_said_of_another_signature_is_refused(sealed):
    time = re.search(rb"<SignatureProperty Target.*?</SignatureProperty>", sealed)[0]

    assert reason_of(sealed.replace(time, time + time)) == "digest"
    assert (
        reason_of(sealed.replace(b' Id="NBan-HD2C26MAA123">', b' Id="NBan-X">')) == "signing_time"
    )


@pytest.mark.parametrize("junk", [b"MIIB", b"MIIDAA==", base64.b64encode(b"\x30\x03\x02\x01\x01")])
def test_a_certificate_that_is_none_is_said_to_be(sealed, junk):
    changed = re.sub(rb"(<X509Certificate>)[^<]*", rb"\g<1>" + junk, sealed)

    assert reason_of(changed) == "certificate"


def test_base64_has_one_spelling_only(sealed):
    """The last letter before “==” has four idle bits: other letters decode to the same bytes."""
    value = re.search(rb"<SignatureValue>([^<=]*)==", sealed)[1]
    other = value[:-1] + bytes([value[-1] + 1])

    assert base64.b64decode(other + b"==") == base64.b64decode(value + b"==")
    assert reason_of(sealed.replace(value, other)) == "base64"
    assert reason_of(sealed.replace(value + b"==", value)) == "base64"
