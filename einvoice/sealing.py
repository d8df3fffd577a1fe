"""Signing in the profile that the tax authority's documents show. Pure; `seal` verifies.

What a certificate contributes is written out once; an invoice of our own writing is signed from its
text, without a parser; a message is digested part by part, never as one tree. What is left is little
more than the signature itself, and many of them are made in one go: in between, other work would cool
the processor's caches for each.
"""

import base64
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from lxml import etree

from einvoice import document as documents
from einvoice.errors import DocumentInvalid, SealInvalid
from einvoice.invoice import Invoice
from einvoice.keys import Signer
from einvoice.markup import (
    BYTES_MAX,
    Canonical,
    canonical,
    canonical_part,
    canonical_text,
    escaped,
    limit_namespaces,
    parsed,
)
from einvoice.profile import (
    C14N,
    DSIG,
    ECDSA_SHA256,
    ENVELOPED,
    RSA_SHA256,
    SELLER,
    SHA256,
    VIETNAM,
    XML_NAME,
    Place,
)


def sign(document: bytes, place: Place, signer: Signer, signed_at: datetime) -> bytes:
    """The same bytes with the signature put into its place; nothing else changes.

    The covered elements carry an Id and the document declares no namespace outside signatures: the
    signed part then keeps its digest wherever it is embedded verbatim.
    Raises: DocumentInvalid, SealInvalid(“namespace”, “id”).
    """
    root = parsed(document, max(BYTES_MAX, len(document)))
    nodes = [_signable(root, path) for path in place.data]
    covered = [(str(one.get("Id")), _sha256(canonical(one))) for one in nodes]
    return _inserted(document, place.holder, _signature(place, covered, signer, signed_at))


def sign_around(
    document: bytes, place: Place, parts: Sequence[bytes], signer: Signer, signed_at: datetime
) -> bytes:
    """The bytes of `sign` for the document whose one covered element, empty here, holds `parts`.

    Its canonical form is that of the empty element with those of the parts inside, each found in a tree
    of its own; a part that is `Canonical` stands for itself.
    Raises: DocumentInvalid, SealInvalid(“namespace”, “id”).
    """
    (path,) = place.data
    node = _signable(parsed(document), path)
    closing = f"</{node.tag}>".encode()
    head, found, tail = document.rpartition(closing)
    assert found
    opened, _, _ = canonical(node).rpartition(closing)
    hashed = hashlib.sha256(opened)
    for part in parts:
        content = canonical_part(part)
        if content is None:
            filled = b"".join((head, *parts, closing, tail))
            return sign(filled, place, signer, signed_at)
        hashed.update(content)
    hashed.update(closing)
    limit_namespaces(*parts)
    covered = [(str(node.get("Id")), hashed.digest())]
    signature = _signature(place, covered, signer, signed_at)
    return b"".join((head, *parts, _inserted(closing + tail, place.holder, signature)))


def write_signed(invoice: Invoice, signer: Signer, signed_at: datetime) -> bytes:
    """An invoice written and signed by its seller: the bytes of `sign(write(invoice), SELLER, …)`.

    Raises: DocumentInvalid, SealInvalid(“id”), SignerFailed.
    """
    return write_signed_all((invoice,), signer, signed_at)[0]


def write_signed_all(
    invoices: Iterable[Invoice], signer: Signer, signed_at: datetime
) -> list[bytes]:
    """The same for many, whose signatures are made in one go. All are held in memory.

    Raises: as `write_signed` for the first that cannot be.
    """
    ready = [_ready(one, signer, signed_at) for one in invoices]
    values = [b"" if isinstance(one, bytes) else signer.sign(one.info) for one in ready]
    return [
        one if isinstance(one, bytes) else one.signed(value)
        for one, value in zip(ready, values, strict=True)
    ]


@dataclass(slots=True)
class _Unsigned:
    """What is to be signed, and the document before and behind the value."""

    info: bytes
    before: tuple[bytes, ...]
    behind: tuple[bytes, ...]
    is_canonical: bool = False

    def signed(self, value: bytes) -> bytes:
        content = b"".join((*self.before, base64.b64encode(value), *self.behind))
        return Canonical(content) if self.is_canonical else content


def _ready(invoice: Invoice, signer: Signer, signed_at: datetime) -> _Unsigned | bytes:
    """From its text; signed the long way where markup of others or a forbidden letter is inside."""
    data, rest = documents.parts(invoice)
    content = None if documents.has_unknown(invoice) else canonical_text(data)
    if content is None:
        return sign(documents.write(invoice), SELLER, signer, signed_at)
    identifier = invoice.data_id
    if not XML_NAME.fullmatch(identifier):
        raise SealInvalid("id", "DLHDon has no usable Id")
    ready = _unsigned(SELLER, [(identifier, _sha256(content))], signer.certificate, signed_at)
    written = content if "&" not in data else data.encode()
    ready.is_canonical = ready.is_canonical and written == content and _is_plain(rest)
    ready.before = (b"<HDon>", written, rest.encode(), b"<DSCKS><NBan>", *ready.before)
    ready.behind = (*ready.behind, b"</NBan></DSCKS></HDon>")
    return ready


def _is_plain(text: str) -> bool:
    """Whether text of our own writing is canonical as it stands."""
    return "&" not in text and canonical_text(text) is not None


def _signature(
    place: Place, covered: Sequence[tuple[str, bytes]], signer: Signer, signed_at: datetime
) -> bytes:
    ready = _unsigned(place, covered, signer.certificate, signed_at)
    ready.is_canonical = False
    return ready.signed(signer.sign(ready.info))


def _unsigned(
    place: Place, covered: Sequence[tuple[str, bytes]], by: x509.Certificate, signed_at: datetime
) -> _Unsigned:
    """The element over canonical contents, by their Id and SHA-256, and over its own time."""
    name = f"{place.holder.rpartition('/')[2]}-{covered[0][0]}"
    timed = (
        f' Id="{name}-time"><SignatureProperties><SignatureProperty Target="#{name}">'
        f"<SigningTime>{_local(signed_at)}</SigningTime></SignatureProperty></SignatureProperties>"
        "</Object>"
    )
    data = "".join(
        f'<Reference URI="#{identifier}"><Transforms><Transform Algorithm="{ENVELOPED}">'
        f"</Transform></Transforms>{_digest(digest)}</Reference>"
        for identifier, digest in covered
    )
    method, key_info, is_plain = _said_of(by)
    digest = _digest(_sha256(f'<Object xmlns="{DSIG}"{timed}'.encode()))
    info = (
        f'><CanonicalizationMethod Algorithm="{C14N}"></CanonicalizationMethod>'
        f'<SignatureMethod Algorithm="{method}"></SignatureMethod>{data}'
        f'<Reference URI="#{name}-time">{digest}</Reference></SignedInfo>'
    ).encode()
    opened = f'<Signature xmlns="{DSIG}" Id="{name}"><SignedInfo'.encode()
    closed = f"<Object{timed}</Signature>".encode()
    return _Unsigned(
        b'<SignedInfo xmlns="%b"%b' % (DSIG.encode(), info),
        (opened, info, b"<SignatureValue>"),
        (b"</SignatureValue>", key_info, closed),
        is_plain,
    )


def _sha256(content: bytes) -> bytes:
    return hashlib.sha256(content).digest()


def _digest(value: bytes) -> str:
    said = _base64(value)
    return f'<DigestMethod Algorithm="{SHA256}"></DigestMethod><DigestValue>{said}</DigestValue>'


@lru_cache(maxsize=64)
def _local(instant: datetime) -> str:
    return f"{instant.astimezone(VIETNAM):%Y-%m-%dT%H:%M:%S}"


_SAID: dict[int, tuple[x509.Certificate, tuple[str, bytes, bool]]] = {}
_SAID_MAX = 1024
"""By identity: to hash a certificate, or to compare two, takes longer than all the rest of this."""


def _said_of(certificate: x509.Certificate) -> tuple[str, bytes, bool]:
    """The signature method its key asks for, KeyInfo, and whether that is canonical."""
    found = _SAID.get(id(certificate))
    if found is not None and found[0] is certificate:
        return found[1]
    if len(_SAID) >= _SAID_MAX:
        _SAID.clear()
    said = _say(certificate)
    _SAID[id(certificate)] = (certificate, said)
    return said


@lru_cache(maxsize=_SAID_MAX)
def _say(certificate: x509.Certificate) -> tuple[str, bytes, bool]:
    is_curve = isinstance(certificate.public_key(), ec.EllipticCurvePublicKey)
    der = certificate.public_bytes(serialization.Encoding.DER)
    info = (
        f"<KeyInfo><X509Data><X509SubjectName>{escaped(certificate.subject.rfc4514_string())}"
        f"</X509SubjectName><X509Certificate>{_base64(der)}</X509Certificate></X509Data></KeyInfo>"
    )
    return ECDSA_SHA256 if is_curve else RSA_SHA256, info.encode(), _is_plain(info)


def _signable(root: etree._Element, path: str) -> etree._Element:
    node = root.find(path)
    if node is None or not XML_NAME.fullmatch(node.get("Id") or ""):
        raise SealInvalid("id", f"{path} has no usable Id")
    above = [node, *node.iterancestors()]
    if any(one.nsmap for one in above):
        raise SealInvalid("namespace", f"{path} stands inside a namespace declaration")
    return node


def _inserted(document: bytes, holder: str, signature: bytes) -> bytes:
    """Text replaced at the last empty place of this name: the documents are our own writing."""
    outer, _, inner = (part.encode() for part in holder.rpartition("/"))
    filled = b"<%b>%b</%b>" % (inner, signature, inner)
    if not outer:
        hole, filling = b"<%b/>" % inner, filled
    elif b"<%b/>" % outer in document:
        hole, filling = b"<%b/>" % outer, b"<%b>%b</%b>" % (outer, filled, outer)
    else:
        hole, filling = b"</%b>" % outer, b"%b</%b>" % (filled, outer)
    head, found, tail = document.rpartition(hole)
    if not found:
        raise DocumentInvalid(f"there is no place {holder} for a signature")
    return head + filling + tail


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")
