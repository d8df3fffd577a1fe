"""Signatures of other makers, and of forgers: what is not signed is never passed over in silence."""

import base64
import hashlib
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from shutil import which

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import NameOID
from lxml import etree

from einvoice import document, keys
from einvoice.inspection import Trust, Verdict
from tests.unit.einvoice.conftest import TAX_ID, food_stall_invoice
from tests.unit.einvoice.inspection.conftest import findings, spoiled

DS = "http://www.w3.org/2000/09/xmldsig#"
UID = x509.ObjectIdentifier("0.9.2342.19200300.100.1.1")
OPEN = "</SignatureProperties></Object>"
OLD_TIME = (
    '<Object><SignatureProperties><SignatureProperty Target="#NBan"><SigningTime>2020-01-01T00:00:00'
    "</SigningTime></SignatureProperty></SignatureProperties></Object>"
)


def issued(subject, key, issuer, issuer_key, years=(2026, 2028), authority=None):
    """A certificate of another maker."""
    begun = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer)
    begun = begun.public_key(key.public_key()).serial_number(x509.random_serial_number())
    begun = begun.not_valid_before(datetime(years[0], 1, 1, tzinfo=UTC)).not_valid_after(
        datetime(years[1], 1, 1, tzinfo=UTC)
    )
    if authority is not None:
        begun = begun.add_extension(x509.BasicConstraints(authority, None), critical=True)
    return begun.sign(issuer_key, hashes.SHA256())


def named(name: str, uid: str = "") -> x509.Name:
    found = [x509.NameAttribute(NameOID.COMMON_NAME, name)]
    return x509.Name(found + ([x509.NameAttribute(UID, uid)] if uid else []))


class Chain:
    """The national root, a provider's authority, a seller; and an authority that forges."""

    def __init__(self) -> None:
        self.root_key, self.middle_key, self.key = (keys.make_key() for _ in range(3))
        root, middle = named("Root"), named("Provider CA")
        self.root = issued(root, self.root_key, root, self.root_key, (2020, 2040), True)
        self.old_root = issued(root, self.root_key, root, self.root_key, (2020, 2022), True)
        self.middle = issued(middle, self.middle_key, root, self.root_key, (2025, 2035), True)
        self.no_authority = issued(
            middle, self.middle_key, root, self.root_key, (2025, 2035), False
        )
        self.seller = issued(named("HO", f"MST:{TAX_ID}"), self.key, middle, self.middle_key)
        self.direct = issued(named("HO", f"MST:{TAX_ID}"), self.key, root, self.root_key)


@pytest.fixture(scope="module")
def chain() -> Chain:
    return Chain()


def by_hand(
    chain, *certificates, root="<HDon>", time="2026-11-23T09:15:00", target="#NBan"
) -> bytes:
    """The food stall's invoice signed without our own code, with this root tag."""
    text = document.write(food_stall_invoice()).decode().replace("<HDon>", root, 1)
    node = etree.fromstring(text.encode())[0]
    for name, value in node.getparent().attrib.items():
        node.set(name, value)
    data = etree.tostring(node, method="c14n", with_tail=False)
    said = f' Target="{target}"' if target else ""
    box = (
        f' Id="T"><SignatureProperties><SignatureProperty{said}><SigningTime>{time}</SigningTime>'
        "</SignatureProperty></SignatureProperties></Object>"
    )
    references = "".join(
        f'<Reference URI="#{identifier}"><DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256">'
        f"</DigestMethod><DigestValue>{base64.b64encode(hashlib.sha256(content).digest()).decode()}"
        "</DigestValue></Reference>"
        for identifier, content in (
            (node.get("Id"), data), ("T", f'<Object xmlns="{DS}"{box}'.encode()),
        )
    )  # fmt: skip
    inner = (
        '><CanonicalizationMethod Algorithm="http://www.w3.org/TR/2001/REC-xml-c14n-20010315">'
        "</CanonicalizationMethod><SignatureMethod "
        'Algorithm="http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"></SignatureMethod>'
        f"{references}</SignedInfo>"
    )
    if root != "<HDon>":
        inherited = root.removeprefix("<HDon").removesuffix(">")
        boxed = f'<Object xmlns="{DS}" Id="T"{inherited}>{box.partition(">")[2]}'.encode()
        old = base64.b64encode(hashlib.sha256(f'<Object xmlns="{DS}"{box}'.encode()).digest())
        inner = inner.replace(
            old.decode(), base64.b64encode(hashlib.sha256(boxed).digest()).decode()
        )
        content = f'<SignedInfo xmlns="{DS}"{inherited}{inner}'
    else:
        content = f'<SignedInfo xmlns="{DS}"{inner}'
    value = keys.KeySigner(chain.key, chain.seller).sign(content.encode())
    listed = "".join(
        f"<X509Certificate>{base64.b64encode(one.public_bytes(serialization.Encoding.DER)).decode()}"
        "</X509Certificate>"
        for one in certificates
    )
    name = certificates[0].subject.rfc4514_string()
    if len(certificates) > 1:
        name = chain.seller.subject.rfc4514_string()
    signature = (
        f'<Signature xmlns="{DS}" Id="NBan"><SignedInfo{inner}<SignatureValue>'
        f"{base64.b64encode(value).decode()}</SignatureValue><KeyInfo><X509Data><X509SubjectName>{name}"
        f"</X509SubjectName>{listed}</X509Data></KeyInfo><Object{box}</Signature>"
    )
    assert "<DSCKS/>" in text
    return text.replace("<DSCKS/>", f"<DSCKS><NBan>{signature}</NBan></DSCKS>").encode()


def test_another_maker_s_signature_is_right(chain):
    xml = by_hand(chain, chain.direct)

    assert findings(xml, trust=Trust(issuers=(chain.root,))) == []
    assert findings(xml, Verdict.DOUBT, trust=Trust(issuers=(chain.root,))) == []


def test_xml_attributes_of_the_root_are_inherited_by_what_is_signed(chain):
    xml = by_hand(chain, chain.direct, root='<HDon xml:space="preserve">')

    assert findings(xml, trust=Trust(issuers=(chain.root,))) == []
    assert "signature.NBan.digest" in findings(spoiled(xml, "preserve", "default"))


@pytest.mark.skipif(which("xmlsec1") is None, reason="xmlsec1 is not installed here")
@pytest.mark.parametrize("root", ["<HDon>", '<HDon xml:space="preserve">'])
def test_xmlsec_agrees_about_it(chain, tmp_path: Path, root):
    files = {"root.pem": chain.root, "middle.pem": chain.middle}
    for name, one in files.items():
        (tmp_path / name).write_bytes(one.public_bytes(serialization.Encoding.PEM))
    (tmp_path / "x.xml").write_bytes(by_hand(chain, chain.direct, root=root))
    command = [
        "xmlsec1", "--verify", "--id-attr:Id", "DLHDon", "--id-attr:Id", "Object",
        "--trusted-pem", "root.pem", "--verification-gmt-time", "2026-11-23 02:15:00", "x.xml",
    ]  # fmt: skip

    found = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    assert found.returncode == 0, found.stderr


def test_a_chain_may_come_along_in_any_order(chain):
    """XML Signature, section 4.4.4: no order is implied."""
    for certificates in ((chain.seller, chain.middle), (chain.middle, chain.seller)):
        xml = by_hand(chain, *certificates)
        assert findings(xml, trust=Trust(issuers=(chain.root,))) == []
        assert findings(xml, Verdict.DOUBT, trust=Trust(issuers=(chain.root,))) == []


def test_who_is_no_authority_vouches_for_nobody(chain):
    xml = by_hand(chain, chain.seller, chain.no_authority)

    assert "signature.issuer" in findings(xml, trust=Trust(issuers=(chain.root,)))
    assert "signature.issuer" in findings(xml, trust=Trust(issuers=(chain.no_authority,)))


def test_an_issuer_that_had_expired_at_the_signing_time_is_doubted(chain):
    xml = by_hand(chain, chain.direct)

    assert "signature.issuer_expired" in findings(
        xml, Verdict.DOUBT, trust=Trust(issuers=(chain.old_root,))
    )


@pytest.mark.parametrize(
    "time",
    ["2026-11-23T02:15:00Z", "2026-11-23T09:15:00+07:00", "2026-11-23", "2026-13-01T00:00:00"],
)
def test_a_signing_time_has_no_zone(chain, time):
    """Decision 1450, part I: GMT+7 with no zone suffix."""
    assert "signature.NBan.signing_time" in findings(by_hand(chain, chain.direct, time=time))


def test_the_property_that_says_the_time_has_a_target(chain):
    """Decision 1510: SignatureProperty must have Target."""
    assert "signature.target" in findings(by_hand(chain, chain.direct, target=""), Verdict.DOUBT)


def test_a_time_nobody_signed_is_told_wherever_it_stands(chain):
    xml = by_hand(chain, chain.direct).decode()

    for forged in (
        xml.replace(OPEN, OPEN + OLD_TIME),
        xml.replace("<Object Id", OLD_TIME + "<Object Id"),
    ):
        assert "signature.loose" in findings(forged)


def test_a_key_beside_the_certificate_is_the_certificate_s(chain):
    xml = by_hand(chain, chain.direct).decode()

    for key, expected in ((chain.key, False), (chain.root_key, True)):
        numbers = key.public_key().public_numbers()
        modulus = base64.b64encode(numbers.n.to_bytes(256, "big")).decode()
        beside = xml.replace(
            "<KeyInfo>",
            f"<KeyInfo><KeyValue><RSAKeyValue><Modulus>{modulus}</Modulus><Exponent>AQAB</Exponent>"
            "</RSAKeyValue></KeyValue>",
        )
        assert ("signature.key_value" in findings(beside)) is expected


def test_what_stands_beside_the_signed_parts_is_doubted(company):
    added = spoiled(company, "</DLHDon>", "</DLHDon><TTKhac><TTin/></TTKhac>")

    assert "signature.uncovered" in findings(added, Verdict.DOUBT)
    assert "signature.uncovered" not in findings(company, Verdict.DOUBT)
