"""Signing in the profile that the tax authority's documents show. Pure; `seal` verifies.

What a certificate contributes is written out once; an invoice of our own writing is signed from its
text, without a parser: what is left is little more than the signature itself.
"""

import base64
import hashlib
from collections.abc import Iterable
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
from einvoice.markup import BYTES_MAX, canonical, canonical_text, escaped, parsed
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
    covered = [(str(one.get("Id")), canonical(one)) for one in nodes]
    name = f"{place.holder.rpartition('/')[2]}-{covered[0][0]}"
    return _inserted(document, place.holder, _signature(name, covered, signer, signed_at))


def write_signed(invoice: Invoice, signer: Signer, signed_at: datetime) -> bytes:
    """An invoice written and signed by its seller: the bytes of `sign(write(invoice), SELLER, …)`.

    Raises: DocumentInvalid, SealInvalid(“id”).
    """
    data, rest = documents.parts(invoice)
    content = None if documents.has_unknown(invoice) else canonical_text(data)
    if content is None:
        return sign(documents.write(invoice), SELLER, signer, signed_at)
    if not XML_NAME.fullmatch(invoice.data_id):
        raise SealInvalid("id", "DLHDon has no usable Id")
    covered = [(invoice.data_id, content)]
    signature = _signature(f"NBan-{invoice.data_id}", covered, signer, signed_at)
    written = data.encode() if "&" in data else content
    tail = f"{rest}<DSCKS><NBan>{signature}</NBan></DSCKS></HDon>".encode()
    return b"".join((b"<HDon>", written, tail))


def _signature(
    name: str, covered: Iterable[tuple[str, bytes]], signer: Signer, signed_at: datetime
) -> str:
    """The element over canonical contents by their Id, and over its own time."""
    time = _local(signed_at)
    timed = (
        f' Id="{name}-time"><SignatureProperties><SignatureProperty Target="#{name}">'
        f"<SigningTime>{time}</SigningTime></SignatureProperty></SignatureProperties></Object>"
    )
    data = "".join(
        f'<Reference URI="#{identifier}"><Transforms><Transform Algorithm="{ENVELOPED}">'
        f"</Transform></Transforms>{_digest(content)}</Reference>"
        for identifier, content in covered
    )
    method, key_info = _said_of(signer.certificate)
    digest = _digest(f'<Object xmlns="{DSIG}"{timed}'.encode())
    info = (
        f'><CanonicalizationMethod Algorithm="{C14N}"></CanonicalizationMethod>'
        f'<SignatureMethod Algorithm="{method}"></SignatureMethod>{data}'
        f'<Reference URI="#{name}-time">{digest}</Reference></SignedInfo>'
    )
    value = _base64(signer.sign(f'<SignedInfo xmlns="{DSIG}"{info}'.encode()))
    return (
        f'<Signature xmlns="{DSIG}" Id="{name}"><SignedInfo{info}'
        f"<SignatureValue>{value}</SignatureValue>{key_info}<Object{timed}</Signature>"
    )


def _digest(content: bytes) -> str:
    value = _base64(hashlib.sha256(content).digest())
    return f'<DigestMethod Algorithm="{SHA256}"></DigestMethod><DigestValue>{value}</DigestValue>'


@lru_cache(maxsize=64)
def _local(instant: datetime) -> str:
    return f"{instant.astimezone(VIETNAM):%Y-%m-%dT%H:%M:%S}"


_SAID: dict[int, tuple[x509.Certificate, tuple[str, str]]] = {}
_SAID_MAX = 1024
"""By identity: to hash a certificate, or to compare two, takes longer than all the rest of this."""


def _said_of(certificate: x509.Certificate) -> tuple[str, str]:
    """The signature method its key asks for, and KeyInfo."""
    found = _SAID.get(id(certificate))
    if found is not None and found[0] is certificate:
        return found[1]
    if len(_SAID) >= _SAID_MAX:
        _SAID.clear()
    said = _say(certificate)
    _SAID[id(certificate)] = (certificate, said)
    return said


@lru_cache(maxsize=_SAID_MAX)
def _say(certificate: x509.Certificate) -> tuple[str, str]:
    is_curve = isinstance(certificate.public_key(), ec.EllipticCurvePublicKey)
    der = certificate.public_bytes(serialization.Encoding.DER)
    return ECDSA_SHA256 if is_curve else RSA_SHA256, (
        f"<KeyInfo><X509Data><X509SubjectName>{escaped(certificate.subject.rfc4514_string())}"
        f"</X509SubjectName><X509Certificate>{_base64(der)}</X509Certificate></X509Data></KeyInfo>"
    )


def _signable(root: etree._Element, path: str) -> etree._Element:
    node = root.find(path)
    if node is None or not XML_NAME.fullmatch(node.get("Id") or ""):
        raise SealInvalid("id", f"{path} has no usable Id")
    above = [node, *node.iterancestors()]
    if any(one.nsmap for one in above):
        raise SealInvalid("namespace", f"{path} stands inside a namespace declaration")
    return node


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
    return base64.b64encode(content).decode("ascii")
