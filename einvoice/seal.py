"""Verifying in the profile that the tax authority's documents show; `sealing` signs. Pure.

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
from datetime import UTC, datetime
from functools import lru_cache
from typing import cast

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from lxml import etree

from einvoice.errors import SealInvalid
from einvoice.keys import CURVE, curve_der, holder_of
from einvoice.markup import BYTES_MAX, canonical, parsed
from einvoice.profile import (
    AUTHORITY_ON_INVOICE,
    AUTHORITY_ON_NOTICE,
    BUYER,
    C14N,
    DSIG,
    ECDSA_SHA256,
    ENVELOPED,
    KEY_BITS_MIN,
    MESSAGE,
    NS,
    RSA_SHA1,
    RSA_SHA256,
    SELLER,
    SHA1,
    SHA256,
    TAXPAYER,
    VIETNAM,
    Place,
)
from einvoice.sealing import sign, sign_around, write_signed, write_signed_all

__all__ = [
    "AUTHORITY_ON_INVOICE", "AUTHORITY_ON_NOTICE", "BUYER", "DSIG", "MESSAGE", "RSA_SHA1",
    "RSA_SHA256", "SELLER", "SHA1", "SHA256", "TAXPAYER", "VIETNAM", "Place", "Sealed", "canonical",
    "ids", "is_signed", "sign", "sign_around", "verify", "verify_at", "verify_in", "write_signed",
    "write_signed_all",
]  # fmt: skip

REFERENCES_MAX = 8
"""Each digests its element anew: thousands of them over one large element would keep us busy."""
CERTIFICATES_MAX = 20
_with_id = etree.XPath("descendant-or-self::*[@Id]")
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}")


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
    curves: bool

    @property
    def digests(self) -> set[str]:
        return {SHA256, SHA1} if self.archive else {SHA256}

    @property
    def methods(self) -> set[str]:
        allowed = {RSA_SHA256, RSA_SHA1} if self.archive else {RSA_SHA256}
        return {*allowed, ECDSA_SHA256} if self.curves else allowed


# ── Verifying ───────────────────────────────────────────────────────────────────────────────────


def verify(
    document: bytes,
    place: Place,
    bytes_max: int = BYTES_MAX,
    *,
    archive: bool = False,
    curves: bool = False,
) -> Sealed:
    """Check the signature at one place of a document.

    The certificate is checked as of the signing time; who vouches for it is the caller's question.
    With `archive` signatures with SHA-1 are read too, with `curves` ECDSA on P-256, which the
    authority's documents have not shown.
    Raises: SealInvalid, DocumentInvalid.
    """
    return verify_in(parsed(document, bytes_max), place, archive=archive, curves=curves)


def verify_in(
    root: etree._Element, place: Place, *, archive: bool = False, curves: bool = False
) -> Sealed:
    """The same for a document that is parsed. Raises: SealInvalid, DocumentInvalid."""
    return verify_at(root, place, ids(root), archive=archive, curves=curves)


def verify_at(
    base: etree._Element,
    place: Place,
    by_id: dict[str, etree._Element],
    *,
    archive: bool = False,
    curves: bool = False,
) -> Sealed:
    """The same for one part of a larger document, e.g. one invoice of a message.

    The paths of `place` begin at `base`; `by_id` are the `ids` of the whole document.
    Raises: SealInvalid, DocumentInvalid.
    """
    reading = _Reading(by_id, archive, curves)
    signature = _signature(base, place.holder)
    info = _one(signature, "SignedInfo")
    _expect(_one(info, "CanonicalizationMethod"), {C14N})
    method = _expect(_one(info, "SignatureMethod"), reading.methods)
    references = info.findall(f"{NS}Reference")
    if len(references) > REFERENCES_MAX:
        raise SealInvalid("structure", f"Reference stands {len(references)} times")
    covered = [_referenced(one, reading, signature) for one in references]
    elements = tuple(_must_cover(base, path, covered) for path in place.data)
    certificate, *others = _certificates(signature)
    _check_value(signature, info, certificate, method)
    signed_at = _signing_time(signature, covered)
    if not certificate.not_valid_before_utc <= signed_at <= certificate.not_valid_after_utc:
        raise SealInvalid("certificate_expired", f"signed at {signed_at.isoformat()}")
    return Sealed(
        certificate,
        _holder(certificate),
        signed_at,
        elements,
        is_archive=_is_archive(info),
        others=tuple(others),
    )


def _check_value(
    signature: etree._Element, info: etree._Element, certificate: x509.Certificate, method: str
) -> None:
    value, content = _decoded(_one(signature, "SignatureValue")), canonical(info)
    key = certificate.public_key()
    try:
        if method == ECDSA_SHA256:
            if not isinstance(key, ec.EllipticCurvePublicKey) or key.curve.name != CURVE:
                raise SealInvalid("key", "not an elliptic curve key on P-256")
            key.verify(curve_der(value), content, ec.ECDSA(hashes.SHA256()))
            return
        if not isinstance(key, rsa.RSAPublicKey) or key.key_size < KEY_BITS_MIN:
            raise SealInvalid("key", "not RSA of 2048 bits or more")
        hashed = hashes.SHA1() if method == RSA_SHA1 else hashes.SHA256()  # noqa: S303 - archives
        key.verify(value, content, padding.PKCS1v15(), hashed)
    except InvalidSignature as error:
        raise SealInvalid("signature", "the value was not made with this key") from error


def _is_archive(info: etree._Element) -> bool:
    return any(one.get("Algorithm") in {RSA_SHA1, SHA1} for one in info.iter())


def is_signed(root: etree._Element, place: Place) -> bool:
    """Whether any signature stands at this place."""
    return root.find(f"{place.holder}/{NS}Signature") is not None


def ids(root: etree._Element) -> dict[str, etree._Element]:
    """Every Id of a document. Raises: SealInvalid if one stands twice: a way to wrap signatures.

    Invoices of one message that were sealed apart may repeat each other's: each is verified by the
    `ids` of its own element, and in the message such an Id names nothing, so no seal can rest on it.
    """
    found: dict[str, etree._Element] = {}
    repeated: set[str] = set()
    for node in cast(list[etree._Element], _with_id(root)):
        identifier = node.get("Id") or ""
        if identifier in found:
            item = _item(node)
            if item is None or _item(found[identifier]) in (None, item):
                raise SealInvalid("duplicate_id", identifier)
            repeated.add(identifier)
        found[identifier] = node
    return {key: node for key, node in found.items() if key not in repeated}


def _item(node: etree._Element) -> etree._Element | None:
    """The item of a message an element is in: an invoice, a summary table."""
    line = [node, *node.iterancestors()]
    is_inside = len(line) > 2 and (line[-1].tag, line[-2].tag) == ("TDiep", "DLieu")
    return line[-3] if is_inside else None


def _signature(root: etree._Element, holder: str) -> etree._Element:
    signatures = root.findall(f"{holder}/{NS}Signature")
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
    for transform in reference.iterfind(f"{NS}Transforms/{NS}Transform"):
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
    times = [time for box in inside for time in box.iter(f"{NS}SigningTime", "SigningTime")]
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
    """The signer's first: a chain may come along, in any order (XML Signature, section 4.4.4)."""
    data = _one(_one(signature, "KeyInfo"), "X509Data")
    found = data.findall(f"{NS}X509Certificate")
    if not 0 < len(found) <= CERTIFICATES_MAX:
        raise SealInvalid("structure", f"X509Certificate stands {len(found)} times")
    read = [_certificate(_decoded(one)) for one in found]
    if len(read) > 1:
        issuers = {one.issuer for one in read if one.issuer != one.subject}
        read.sort(key=lambda one: one.subject in issuers)
    return read


@lru_cache(maxsize=1024)
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


@lru_cache(maxsize=1024)
def _holder(certificate: x509.Certificate) -> str:
    return holder_of(certificate)


def _one(parent: etree._Element, name: str) -> etree._Element:
    found = parent.findall(f"{NS}{name}")
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
    if len(node) or base64.b64encode(content).decode() != text:
        raise SealInvalid("base64", str(node.tag))
    return content
