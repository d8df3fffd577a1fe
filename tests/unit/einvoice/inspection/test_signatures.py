"""Forged and mutated seals, certificates and their holders, archives."""

import base64
import hashlib
import re
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.x509.oid import NameOID

from einvoice import document, inspection, keys, markup, seal
from einvoice.inspection import Trust, Verdict
from tests.unit.einvoice.conftest import NOW, food_stall_invoice
from tests.unit.einvoice.inspection.conftest import (
    COMPANY,
    coded,
    company_invoice,
    findings,
    spoiled,
)


@pytest.fixture(scope="session")
def sealed(signer) -> bytes:
    return seal.sign(document.write(food_stall_invoice()), seal.SELLER, signer, NOW)


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("<THHDVu>Nước mắm", "<THHDVu>Nước tương", "signature.NBan.digest"),
        ("T09:15:00", "T09:15:01", "signature.NBan.digest"),
        ("0ABCDEF0123</MCCQT>", "0ABCDEF0124</MCCQT>", "signature.CQT.digest"),
        ('<MCCQT Id="Ma">', '<MCCQT Id="HD1C26TAA123">', "signature.duplicate_id"),
        ("xmldsig-more#rsa-sha256", "xmldsig-more#hmac-sha256", "signature.NBan.algorithm"),
        ("</PBan><THDon>", "</PBan>\n<THDon>", "signature.NBan.digest"),
        ('<HDon><DLHDon Id=', '<HDon xmlns:inv="urn:x"><DLHDon Id=', "signature.NBan.digest"),
        ('URI="#HD1C26TAA123"', 'URI=""', "signature.NBan.reference"),
    ],
)  # fmt: skip
def test_a_changed_document_is_not_believed(company, old, new, code):
    assert code in findings(spoiled(company, old, new))


def test_the_signed_data_moved_aside_and_a_forgery_in_its_place_is_caught(company):
    data = re.search(rb"<DLHDon .*?</DLHDon>", company)[0]
    forged = data.replace(b'Id="HD1C26TAA123"', b'Id="X1"').replace(b"179600", b"979600")
    for wrapped in (
        company.replace(data, forged + b"<Boc>" + data + b"</Boc>"),
        company.replace(data, forged).replace(b"</Signature>", b"<Object>" + data + b"</Object></Signature>", 1),
        company.replace(data, forged + data),
    ):  # fmt: skip
        assert any(code.startswith("signature.") for code in findings(wrapped))


def test_a_signature_in_a_place_where_none_belongs_is_caught(company):
    signature = re.search(rb"<NBan>(<Signature.*?</Signature>)", company)[1]
    copy = re.sub(rb' Id="[^"]*"', b"", signature)

    assert "signature.stray" in findings(company.replace(b"</HDon>", copy + b"</HDon>"))


def test_taking_the_signatures_away_is_noticed(company):
    bare = re.sub(rb"<DSCKS>.*</DSCKS>", b"<DSCKS></DSCKS>", company)

    assert {"signature.NBan.unsigned", "signature.CQT.unsigned"} <= set(findings(bare))


def test_another_company_s_certificate_is_not_the_seller_s(signer, office_signer):
    assert "signature.NBan.holder" in findings(coded(company_invoice(), signer, office_signer))


def test_the_authority_s_seal_made_by_the_seller_is_a_forgery(company_signer):
    forged = coded(company_invoice(), company_signer, company_signer)

    assert "signature.CQT.holder" in findings(forged)


def test_an_authority_that_is_known_is_told_from_one_that_is_not(company, office_signer, signer):
    known = Trust(authorities=(office_signer.certificate,))
    other = Trust(authorities=(signer.certificate,))

    assert findings(company, trust=known) == []
    assert "signature.CQT.holder" in findings(company, trust=other)


def test_a_delegate_signs_for_the_seller(signer, office_signer):
    """D254 Annex 9.m."""
    both = (
        "<MSTDVNUNLHDon>038190000123</MSTDVNUNLHDon><TDVNUNLHDon>Ban quản lý</TDVNUNLHDon>"
        "<DCDVNUNLHDon>Chợ</DCDVNUNLHDon></TTChung>"
    )
    xml = document.write(company_invoice()).replace(b"</TTChung>", both.encode())
    xml = xml.replace(b"<MCCQT>", b'<MCCQT Id="Ma">')
    xml = seal.sign(xml, seal.SELLER, signer, NOW)

    assert findings(seal.sign(xml, seal.AUTHORITY_ON_INVOICE, office_signer, NOW)) == []


def test_signed_later_than_the_next_working_day_is_a_doubt(signer):
    """D254 Annex 7. The 23rd is a Monday."""
    xml = document.write(food_stall_invoice())
    late = seal.sign(xml, seal.SELLER, signer, NOW + timedelta(days=2))
    early = seal.sign(xml, seal.SELLER, signer, NOW - timedelta(hours=10))
    report = inspection.inspect(late, now=NOW + timedelta(days=3))

    assert "signature.NBan.late" in report.codes(Verdict.DOUBT)
    assert "signature.NBan.early" in findings(early, Verdict.DOUBT)
    assert "signature.NBan.future" in findings(late)


# ── Certificates ────────────────────────────────────────────────────────────────────────────────


def issued_by(issuer: keys.KeySigner, key: keys.rsa.RSAPrivateKey, uid: str) -> x509.Certificate:
    subject = x509.Name(
        [x509.NameAttribute(NameOID.COMMON_NAME, "Hộ Ví Dụ"), x509.NameAttribute(NameOID.USER_ID, uid)]
    )  # fmt: skip
    return (
        x509.CertificateBuilder().subject_name(subject).issuer_name(issuer.certificate.subject)
        .public_key(key.public_key()).serial_number(7).not_valid_before(NOW - timedelta(days=1))
        .not_valid_after(NOW + timedelta(days=365)).sign(issuer.key, hashes.SHA256())
    )  # fmt: skip


def test_who_is_trusted_is_said_by_the_caller(signer, office_signer):
    key = keys.make_key()
    certificate = issued_by(office_signer, key, "MST:038190000123")
    xml = seal.sign(
        document.write(food_stall_invoice()), seal.SELLER, keys.KeySigner(key, certificate), NOW
    )

    assert findings(xml) == []
    assert "signature.issuer" in findings(xml, Verdict.DOUBT)
    trusted = Trust(issuers=(office_signer.certificate,))
    assert "signature.issuer" in findings(xml, Verdict.RIGHT, trust=trusted)
    assert "signature.issuer" in findings(xml, trust=Trust(issuers=(signer.certificate,)))


@pytest.mark.parametrize("uid", ["CCCD:038190000123", "MST: 038190000123"])
def test_a_personal_certificate_names_its_holder_too(office_signer, uid):
    key = keys.make_key()

    assert keys.holder_of(issued_by(office_signer, key, uid)) == "038190000123"


@pytest.mark.parametrize(
    "written",
    [
        "UID=MST:038190000123,CN=Hộ Ví Dụ,C=VN",
        "C=VN, CN=Hộ Ví Dụ, OID.0.9.2342.19200300.100.1.1=MST:038190000123",
        "0.9.2342.19200300.100.1.1=#0c104d53543a303338313930303030313233, CN=Hộ Ví Dụ, C=VN",
    ],
)
def test_the_subject_may_be_written_as_other_tools_write_it(sealed, written):
    changed = re.sub(rb"(<X509SubjectName>)[^<]*", rb"\g<1>" + written.encode(), sealed)

    assert findings(changed) == []


def test_a_subject_that_is_another_name_is_wrong(sealed):
    changed = sealed.replace("CN=Hộ Ví Dụ".encode(), "CN=Hộ Khác".encode())

    assert "signature.subject" in findings(changed)


# ── Archives ────────────────────────────────────────────────────────────────────────────────────


def with_sha1(xml: bytes, signer: keys.KeySigner) -> bytes:
    """The same seal made again with SHA-1, as documents of the first years have it."""
    xml = xml.replace(seal.SHA256.encode(), seal.SHA1.encode())
    xml = xml.replace(seal.RSA_SHA256.encode(), seal.RSA_SHA1.encode())
    root = markup.parsed(xml)
    by_id = seal.ids(root)
    for reference in root.iter(f"{{{seal.DSIG}}}Reference"):
        digest = hashlib.sha1(markup.canonical(by_id[reference.get("URI")[1:]])).digest()  # noqa: S324 - archives have it
        reference.find(f"{{{seal.DSIG}}}DigestValue").text = base64.b64encode(digest).decode()
    info = root.find(f".//{{{seal.DSIG}}}SignedInfo")
    value = signer.key.sign(markup.canonical(info), padding.PKCS1v15(), hashes.SHA1())  # noqa: S303 - archives have it
    root.find(f".//{{{seal.DSIG}}}SignatureValue").text = base64.b64encode(value).decode()
    return markup.etree.tostring(root)


def test_sha1_is_read_in_archives_and_refused_today(signer):
    then = NOW.replace(year=2021, month=11, day=20)
    old_key = keys.make_key()
    old = keys.KeySigner(old_key, keys.make_demo_certificate("038190000123", "Hộ", then, old_key))
    invoice = food_stall_invoice(
        version="2.0.0", symbol="C21MAA", issued_on=then.date(), code="M2-21-A1B2C-00000000123",
        lookup="",
    )  # fmt: skip
    archive = with_sha1(seal.sign(document.write(invoice), seal.SELLER, old, then), old)
    today = with_sha1(
        seal.sign(document.write(food_stall_invoice()), seal.SELLER, signer, NOW), signer
    )

    assert findings(archive) == []
    assert "signature.sha1" in findings(archive, Verdict.DOUBT)
    assert "signature.sha1" in findings(today)
    with pytest.raises(seal.SealInvalid):
        seal.verify(archive, seal.SELLER)


def test_the_report_names_who_signed_and_when_in_local_time(company):
    view = inspection.inspect(company, now=NOW).sheet.signatures[0].plain()

    assert (view["tax_id"], view["name"]) == (COMPANY, "Công ty Ví Dụ")
    assert view["signed_at"] == "2026-11-23T09:15:00+07:00"


# ── Seals made by other tools ───────────────────────────────────────────────────────────────────

FOREIGN = """<ds:Signature xmlns:ds="http://www.w3.org/2000/09/xmldsig#" Id="seller">
  <ds:SignedInfo>
    <ds:CanonicalizationMethod Algorithm="http://www.w3.org/TR/2001/REC-xml-c14n-20010315"/>
    <ds:SignatureMethod Algorithm="http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"/>
    <ds:Reference URI="#data"><ds:Transforms>
      <ds:Transform Algorithm="http://www.w3.org/2000/09/xmldsig#enveloped-signature"/>
      <ds:Transform Algorithm="http://www.w3.org/TR/2001/REC-xml-c14n-20010315"/></ds:Transforms>
      <ds:DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"/><ds:DigestValue/></ds:Reference>
    <ds:Reference URI="#{signed}" Type="http://www.w3.org/2000/09/xmldsig#SignatureProperties">
      <ds:DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"/><ds:DigestValue/></ds:Reference>
  </ds:SignedInfo>
  <ds:SignatureValue/>
  <ds:KeyInfo><ds:X509Data><ds:X509SubjectName>{subject}</ds:X509SubjectName>
    <ds:X509Certificate>{certificate}</ds:X509Certificate></ds:X509Data></ds:KeyInfo>
  <ds:Object Id="box"><ds:SignatureProperties Id="properties">
    <ds:SignatureProperty Target="{target}"><ds:SigningTime>2026-11-23T09:15:00</ds:SigningTime>
    </ds:SignatureProperty></ds:SignatureProperties></ds:Object>
</ds:Signature>"""


def sealed_by_xmlsec(signer: keys.KeySigner, signed: str, target: str) -> bytes:
    """Another tool's habits: a prefix, line feeds, .NET's order of names, its own Ids."""
    xmlsec = pytest.importorskip("xmlsec", reason="python xmlsec is not installed")
    der = signer.certificate.public_bytes(serialization.Encoding.DER)
    signature = FOREIGN.format(
        signed=signed, target=target, certificate=base64.encodebytes(der).decode(),
        subject="C=VN, CN=Hộ Ví Dụ, OID.0.9.2342.19200300.100.1.1=MST:038190000123",
    )  # fmt: skip
    xml = document.write(food_stall_invoice()).decode().replace("HD2C26MAA123", "data")
    xml = xml.replace("<DSCKS/>", f"<DSCKS><NBan>{signature}</NBan></DSCKS>")
    root = markup.etree.fromstring(xml.encode())
    xmlsec.tree.add_ids(root, ["Id"])
    context = xmlsec.SignatureContext()
    pem = signer.key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    context.key = xmlsec.Key.from_memory(pem, xmlsec.constants.KeyDataFormatPem)
    context.sign(root.find(".//{*}Signature"))
    return markup.etree.tostring(root, xml_declaration=True, encoding="UTF-8")


@pytest.mark.parametrize("signed", ["box", "properties"])
@pytest.mark.parametrize("target", ["#seller", "signatureProperties", ""])
def test_seals_of_other_tools_hold(signer, signed, target):
    report = inspection.inspect(sealed_by_xmlsec(signer, signed, target), now=NOW)

    assert report.codes() == []
    assert report.sheet.signatures[0].signed_at.isoformat() == "2026-11-23T09:15:00+07:00"


def test_a_signing_time_outside_what_is_signed_does_not_count(signer):
    xml = sealed_by_xmlsec(signer, "properties", "#seller")
    changed = xml.replace(b'Id="properties"', b'Id="other"').replace(
        b'Id="box"', b'Id="properties"'
    )

    assert any(code.startswith("signature.NBan") for code in findings(changed))
