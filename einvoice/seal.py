"""Signing and verifying in the profile that the tax authority's documents show. Pure.

XML Signature with inclusive C14N 1.0, RSA-SHA256, one reference to the data and one to the
signature's own Object with the signing time. Anything outside this profile is refused. What
`verify` returns are the elements that were signed: read data from these alone.
"""

import base64
import binascii
import hashlib
import re
import warnings
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from lxml import etree

from einvoice.errors import DocumentInvalid, SealInvalid
from einvoice.keys import Signer, holder_of
from einvoice.markup import BYTES_MAX, canonical, escaped, parsed

VIETNAM = timezone(timedelta(hours=7))
"""Times in the format carry no zone and mean this one."""
DSIG = "http://www.w3.org/2000/09/xmldsig#"
C14N = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"
ENVELOPED = f"{DSIG}enveloped-signature"
RSA_SHA256 = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
SHA256 = "http://www.w3.org/2001/04/xmlenc#sha256"
RSA_SHA1 = f"{DSIG}rsa-sha1"
SHA1 = f"{DSIG}sha1"
"""Both only in archives: read where asked to, never written."""
_NS = f"{{{DSIG}}}"
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}")
_XML_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
KEY_BITS_MIN = 2048


@dataclass(frozen=True)
class Place:
    """Where a signature stands and what it signs, as paths from the root."""

    holder: str
    """The element around the signature, e.g. DSCKS/NBan."""
    data: tuple[str, ...]
    """The elements it must cover, e.g. DLHDon."""


SELLER = Place("DSCKS/NBan", ("DLHDon",))
BUYER = Place("DSCKS/NMua", ("DLHDon",))
AUTHORITY_ON_INVOICE = Place("DSCKS/CQT", ("DLHDon", "MCCQT"))
TAXPAYER = Place("DSCKS/NNT", ("DLTKhai",))
AUTHORITY_ON_NOTICE = Place("DSCKS/CQT", ("DLTBao",))
MESSAGE = Place("CKSNNT", ("DLieu",))


@dataclass(frozen=True)
class Sealed:
    """A signature that holds: by whom, when, and what it covers."""

    certificate: x509.Certificate
    tax_id: str
    """From the certificate's UID; empty if it names none."""
    signed_at: datetime
    elements: tuple[etree._Element, ...]
    """The covered elements, in the order of `Place.data`."""
    is_archive: bool = False
    """Made with SHA-1, as documents of the first years were."""
    others: tuple[x509.Certificate, ...] = ()
    """Further certificates that came along: perhaps who issued the first."""


@dataclass(frozen=True)
class _Reading:
    """What is needed to judge one signature of a document."""

    by_id: dict[str, etree._Element]
    archive: bool

    @property
    def digests(self) -> set[str]:
        return {SHA256, SHA1} if self.archive else {SHA256}

    @property
    def methods(self) -> set[str]:
        return {RSA_SHA256, RSA_SHA1} if self.archive else {RSA_SHA256}


# ── Signing ─────────────────────────────────────────────────────────────────────────────────────


def sign(document: bytes, place: Place, signer: Signer, signed_at: datetime) -> bytes:
    """The same bytes with the signature put into its place; nothing else changes.

    The covered elements carry an Id and the document declares no namespace outside signatures: the
    signed part then keeps its digest wherever it is embedded verbatim.
    Raises: DocumentInvalid, SealInvalid(“namespace”, “id”).
    """
    root = parsed(document, max(BYTES_MAX, len(document)))
    covered = [_signable(root, path) for path in place.data]
    name = f"{place.holder.rpartition('/')[2]}-{covered[0].get('Id')}"
    time = f"{signed_at.astimezone(VIETNAM):%Y-%m-%dT%H:%M:%S}"
    timed = (
        f'<Object{{ns}} Id="{name}-time"><SignatureProperties><SignatureProperty Target="#{name}">'
        f"<SigningTime>{time}</SigningTime></SignatureProperty></SignatureProperties></Object>"
    )
    declared = f' xmlns="{DSIG}"'
    references = [
        _reference(str(one.get("Id")), canonical(one), enveloped=True) for one in covered
    ] + [_reference(f"{name}-time", timed.format(ns=declared).encode(), enveloped=False)]
    info = (
        f'<SignedInfo{{ns}}><CanonicalizationMethod Algorithm="{C14N}"></CanonicalizationMethod>'
        f'<SignatureMethod Algorithm="{RSA_SHA256}"></SignatureMethod>'
        f"{''.join(references)}</SignedInfo>"
    )
    value = _base64(signer.sign(info.format(ns=declared).encode()))
    signature = (
        f'<Signature{declared} Id="{name}">{info.format(ns="")}'
        f"<SignatureValue>{value}</SignatureValue>{_key_info(signer.certificate)}"
        f"{timed.format(ns='')}</Signature>"
    )
    return _inserted(document, place.holder, signature)


def _signable(root: etree._Element, path: str) -> etree._Element:
    node = root.find(path)
    if node is None or not _XML_NAME.fullmatch(node.get("Id") or ""):
        raise SealInvalid("id", f"{path} has no usable Id")
    above = [node, *node.iterancestors()]
    if any(one.nsmap for one in above):
        raise SealInvalid("namespace", f"{path} stands inside a namespace declaration")
    return node


def _reference(identifier: str, content: bytes, *, enveloped: bool) -> str:
    transform = (
        f'<Transforms><Transform Algorithm="{ENVELOPED}"></Transform></Transforms>'
        if enveloped
        else ""
    )
    return (
        f'<Reference URI="#{identifier}">{transform}'
        f'<DigestMethod Algorithm="{SHA256}"></DigestMethod>'
        f"<DigestValue>{_base64(hashlib.sha256(content).digest())}</DigestValue></Reference>"
    )


def _key_info(certificate: x509.Certificate) -> str:
    der = certificate.public_bytes(serialization.Encoding.DER)
    return (
        f"<KeyInfo><X509Data><X509SubjectName>{escaped(certificate.subject.rfc4514_string())}"
        f"</X509SubjectName><X509Certificate>{_base64(der)}</X509Certificate></X509Data></KeyInfo>"
    )


def _inserted(document: bytes, holder: str, signature: str) -> bytes:
    """Text replaced at the last empty place of this name: the documents are our own writing."""
    outer, _, inner = holder.rpartition("/")
    filled = f"<{inner}>{signature}</{inner}>"
    if not outer:
        hole, filling = f"<{inner}/>", filled
    elif f"<{outer}/>".encode() in document:
        hole, filling = f"<{outer}/>", f"<{outer}>{filled}</{outer}>"
    else:
        hole, filling = f"</{outer}>", f"{filled}</{outer}>"
    head, found, tail = document.rpartition(hole.encode())
    if not found:
        raise DocumentInvalid(f"there is no place {holder} for a signature")
    return head + filling.encode() + tail


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()


# ── Verifying ───────────────────────────────────────────────────────────────────────────────────


def verify(
    document: bytes, place: Place, bytes_max: int = BYTES_MAX, *, archive: bool = False
) -> Sealed:
    """Check the signature at one place of a document.

    The certificate is checked as of the signing time; who vouches for it is the caller's question.
    With `archive` signatures with SHA-1 are read too.
    Raises: SealInvalid, DocumentInvalid.
    """
    return verify_in(parsed(document, bytes_max), place, archive=archive)


def verify_in(root: etree._Element, place: Place, *, archive: bool = False) -> Sealed:
    """The same for a document that is parsed. Raises: SealInvalid, DocumentInvalid."""
    return verify_at(root, place, ids(root), archive=archive)


def verify_at(
    base: etree._Element,
    place: Place,
    by_id: dict[str, etree._Element],
    *,
    archive: bool = False,
) -> Sealed:
    """The same for one part of a larger document, e.g. one invoice of a message.

    The paths of `place` begin at `base`; `by_id` are the `ids` of the whole document.
    Raises: SealInvalid, DocumentInvalid.
    """
    reading = _Reading(by_id, archive)
    signature = _signature(base, place.holder)
    info = _one(signature, "SignedInfo")
    _expect(_one(info, "CanonicalizationMethod"), {C14N})
    method = _expect(_one(info, "SignatureMethod"), reading.methods)
    covered = [_referenced(one, reading, signature) for one in info.findall(f"{_NS}Reference")]
    elements = tuple(_must_cover(base, path, covered) for path in place.data)
    certificate, *others = _certificates(signature)
    _check_value(signature, info, certificate, method)
    signed_at = _signing_time(signature, covered)
    if not certificate.not_valid_before_utc <= signed_at <= certificate.not_valid_after_utc:
        raise SealInvalid("certificate_expired", f"signed at {signed_at.isoformat()}")
    return Sealed(
        certificate,
        holder_of(certificate),
        signed_at,
        elements,
        is_archive=_is_archive(info),
        others=tuple(others),
    )


def _check_value(
    signature: etree._Element, info: etree._Element, certificate: x509.Certificate, method: str
) -> None:
    key = certificate.public_key()
    if not isinstance(key, rsa.RSAPublicKey) or key.key_size < KEY_BITS_MIN:
        raise SealInvalid("key", "not RSA of 2048 bits or more")
    hashed = hashes.SHA1() if method == RSA_SHA1 else hashes.SHA256()  # noqa: S303 - archives
    value = _decoded(_one(signature, "SignatureValue"))
    try:
        key.verify(value, canonical(info), padding.PKCS1v15(), hashed)
    except InvalidSignature as error:
        raise SealInvalid("signature", "the value was not made with this key") from error


def _is_archive(info: etree._Element) -> bool:
    return any(one.get("Algorithm") in {RSA_SHA1, SHA1} for one in info.iter())


def is_signed(root: etree._Element, place: Place) -> bool:
    """Whether any signature stands at this place."""
    return root.find(f"{place.holder}/{_NS}Signature") is not None


def ids(root: etree._Element) -> dict[str, etree._Element]:
    """Every Id of a document. Raises: SealInvalid if one stands twice: a way to wrap signatures."""
    found: dict[str, etree._Element] = {}
    for node in root.iter():
        identifier = node.get("Id")
        if identifier is None:
            continue
        if identifier in found:
            raise SealInvalid("duplicate_id", identifier)
        found[identifier] = node
    return found


def _signature(root: etree._Element, holder: str) -> etree._Element:
    signatures = root.findall(f"{holder}/{_NS}Signature")
    if not signatures:
        raise SealInvalid("unsigned", holder)
    if len(signatures) > 1:
        raise SealInvalid("two_signatures", holder)
    return signatures[0]


def _referenced(
    reference: etree._Element, reading: _Reading, signature: etree._Element
) -> etree._Element:
    uri = reference.get("URI") or ""
    node = reading.by_id.get(uri[1:]) if uri.startswith("#") else None
    if node is None:
        raise SealInvalid("reference", uri or "the whole document")
    if node is signature or any(above is node for above in signature.iterancestors()):
        raise SealInvalid("reference", "the signature lies inside what it signs")
    for transform in reference.iterfind(f"{_NS}Transforms/{_NS}Transform"):
        if transform.get("Algorithm") not in {ENVELOPED, C14N} or len(transform):
            raise SealInvalid("algorithm", str(transform.get("Algorithm")))
    method = _expect(_one(reference, "DigestMethod"), reading.digests)
    digest = hashlib.sha1 if method == SHA1 else hashlib.sha256
    if digest(canonical(node)).digest() != _decoded(_one(reference, "DigestValue")):
        raise SealInvalid("digest", uri)
    return node


def _must_cover(root: etree._Element, path: str, covered: list[etree._Element]) -> etree._Element:
    nodes = root.findall(path)
    if len(nodes) != 1 or not any(one is nodes[0] for one in covered):
        raise SealInvalid("not_covered", path)
    return nodes[0]


def _signing_time(signature: etree._Element, covered: list[etree._Element]) -> datetime:
    """The only signing time inside this signature, and it must be signed itself.

    Some sign the Object, some what is inside it; Target must not name anything but this signature.
    """
    inside = [one for one in covered if any(above is signature for above in one.iterancestors())]
    times = [time for box in inside for time in box.iter(f"{_NS}SigningTime", "SigningTime")]
    if len(set(times)) != 1:
        raise SealInvalid("signing_time", "it is missing, doubled or not signed")
    property_ = times[0].getparent()
    target = "" if property_ is None else property_.get("Target") or ""
    if target.startswith("#") and target != f"#{signature.get('Id')}":
        raise SealInvalid("signing_time", f"it is said of {target}")
    return _instant((times[0].text or "").strip())


def _instant(text: str) -> datetime:
    if not _TIME.fullmatch(text):
        raise SealInvalid("signing_time", text[:40])
    try:
        return datetime.fromisoformat(text).replace(tzinfo=VIETNAM).astimezone(UTC)
    except ValueError as error:
        raise SealInvalid("signing_time", text) from error


def _certificates(signature: etree._Element) -> list[x509.Certificate]:
    data = _one(_one(signature, "KeyInfo"), "X509Data")
    found = data.findall(f"{_NS}X509Certificate")
    if not found:
        raise SealInvalid("structure", "X509Certificate is missing")
    return [_certificate(_decoded(one)) for one in found]


def _certificate(content: bytes) -> x509.Certificate:
    """Read whole at once: the library reads names and keys only when asked for them."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # what is merely deprecated is no certificate to us
            certificate = x509.load_der_x509_certificate(content)
            holder_of(certificate)
            certificate.issuer.rfc4514_string()
            certificate.public_key()
            assert certificate.not_valid_before_utc
            assert certificate.not_valid_after_utc
    except (Warning, ValueError, TypeError, x509.InvalidVersion, UnsupportedAlgorithm) as error:
        raise SealInvalid("certificate", "it cannot be read") from error
    return certificate


def _one(parent: etree._Element, name: str) -> etree._Element:
    found = parent.findall(f"{_NS}{name}")
    if len(found) != 1:
        raise SealInvalid("structure", f"{name} stands {len(found)} times")
    return found[0]


def _expect(node: etree._Element, algorithms: set[str]) -> str:
    algorithm = node.get("Algorithm") or ""
    if algorithm not in algorithms or len(node):
        raise SealInvalid("algorithm", algorithm)
    return algorithm


def _decoded(node: etree._Element) -> bytes:
    """Base64 in its one canonical spelling; white space is no part of it."""
    text = "".join((node.text or "").split())
    try:
        content = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise SealInvalid("base64", str(node.tag)) from error
    if len(node) or _base64(content) != text:
        raise SealInvalid("base64", str(node.tag))
    return content
