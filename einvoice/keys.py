"""Who signs: one protocol for a key in memory, a PKCS#12 file, a token, a remote service, a folder."""

import hashlib
import os
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import NameOID

from einvoice.errors import SignerFailed

KEY_BITS = 2048
CURVE, CURVE_BYTES = "secp256r1", 32
DEMO_DAYS = 3 * 365
COMMON_NAME_BYTES_MAX = 64
SIGNERS_KEPT_MAX = 256
"""Signers of a folder that stay read."""
_HOLDER = re.compile(r"MST:\s*([0-9]{10}(-[0-9]{3})?|[0-9]{12,13})")
_PERSON = re.compile(r"[A-ZĐ]{2,8}:\s*([0-9]{12})")


class Signer(Protocol):
    """Signs for one holder: a key file, a token, a remote service."""

    @property
    def certificate(self) -> x509.Certificate:
        """The holder's certificate."""

    def sign(self, data: bytes) -> bytes:
        """What the certificate's key makes of `data`: RSA PKCS#1 v1.5 over SHA-256.

        Raises: SignerFailed.
        """


@dataclass(frozen=True)
class KeySigner:
    """A signer whose key is in memory."""

    key: rsa.RSAPrivateKey = field(repr=False)
    certificate: x509.Certificate

    def sign(self, data: bytes) -> bytes:
        """RSA PKCS#1 v1.5 over SHA-256."""
        return self.key.sign(data, padding.PKCS1v15(), hashes.SHA256())


@dataclass(frozen=True)
class CurveSigner:
    """A signer with a key on P-256, twenty times as fast as RSA.

    The authority's documents have shown RSA only: for uses where both ends agreed.
    """

    key: ec.EllipticCurvePrivateKey = field(repr=False)
    certificate: x509.Certificate

    def sign(self, data: bytes) -> bytes:
        """ECDSA over SHA-256, as XML wants it: two numbers of 32 bytes."""
        first, second = decode_dss_signature(self.key.sign(data, ec.ECDSA(hashes.SHA256())))
        return first.to_bytes(CURVE_BYTES, "big") + second.to_bytes(CURVE_BYTES, "big")


def curve_der(value: bytes) -> bytes:
    """The two numbers of an XML signature value as the library wants them; empty if they are none."""
    if len(value) != 2 * CURVE_BYTES:
        return b""
    first, second = value[:CURVE_BYTES], value[CURVE_BYTES:]
    return encode_dss_signature(int.from_bytes(first, "big"), int.from_bytes(second, "big"))


class TokenKey(Protocol):
    """A private key inside a token, shaped as PKCS#11 libraries for Python shape it."""

    def sign(self, data: bytes, *, mechanism: Any) -> bytes:
        """Sign with this mechanism; the key never leaves the token."""


@dataclass(frozen=True)
class TokenSigner:
    """A signer whose key is in a PKCS#11 token; the session and its PIN are the caller's.

    `mechanism` is the library's name for RSA PKCS#1 v1.5 over SHA-256 (CKM_SHA256_RSA_PKCS).
    """

    token_key: TokenKey
    certificate: x509.Certificate
    mechanism: Any

    def sign(self, data: bytes) -> bytes:
        """RSA PKCS#1 v1.5 over SHA-256, made by the token. Raises: SignerFailed."""
        return checked_value(
            self.certificate, data, self.token_key.sign(data, mechanism=self.mechanism)
        )


@dataclass(frozen=True)
class RemoteSigner:
    """A signer whose key is with a service: it gets the SHA-256 of the data, never the invoice.

    `call` sends the 32 bytes and gives back the signature; what it raises goes through.
    """

    call: Callable[[bytes], bytes]
    certificate: x509.Certificate

    def sign(self, data: bytes) -> bytes:
        """RSA PKCS#1 v1.5 over SHA-256, made by the service. Raises: SignerFailed."""
        return checked_value(self.certificate, data, self.call(hashlib.sha256(data).digest()))


def checked_value(certificate: x509.Certificate, data: bytes, value: bytes) -> bytes:
    """A signature somebody else made, if it holds: a wrong one must never reach an invoice.

    Raises: SignerFailed.
    """
    key = certificate.public_key()
    if not isinstance(key, rsa.RSAPublicKey):
        raise SignerFailed("the certificate has no RSA key")
    try:
        key.verify(value, data, padding.PKCS1v15(), hashes.SHA256())
    except InvalidSignature as error:
        raise SignerFailed("the signature was not made with the certificate's key") from error
    return value


def signer_from_pkcs12(content: bytes, password: str) -> KeySigner:
    """The signer in a PKCS#12 file (.p12, .pfx). Raises: SignerFailed."""
    try:
        key, certificate, _ = pkcs12.load_key_and_certificates(content, password.encode())
    except ValueError as error:
        raise SignerFailed("the file or its password is wrong") from error
    if not isinstance(key, rsa.RSAPrivateKey) or certificate is None:
        raise SignerFailed("the file has no RSA key with its certificate")
    if key.public_key() != certificate.public_key():
        raise SignerFailed("key and certificate do not belong together")
    return KeySigner(key, certificate)


@dataclass(frozen=True)
class KeyFolder:
    """Demonstration signers kept in a folder, one file per tax id, readable by the owner alone."""

    path: Path

    def signer(self, tax_id: str, name: str, now: datetime) -> KeySigner:
        """The holder's signer; key and certificate are made at the first call."""
        file = self.path / f"{tax_id}.pem"
        if not file.exists():
            self._make(file, tax_id, name, now)
        return _signer_in(file.read_bytes())

    def _make(self, file: Path, tax_id: str, name: str, now: datetime) -> None:
        self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
        key = make_key()
        certificate = make_demo_certificate(tax_id, name, now, key)
        content = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ) + certificate.public_bytes(serialization.Encoding.PEM)
        draft = file.with_suffix(f".{os.getpid()}")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
        try:
            os.link(draft, file)  # whoever is first wins; the others read that one
        except FileExistsError:
            pass
        finally:
            draft.unlink()


@lru_cache(maxsize=SIGNERS_KEPT_MAX)
def _signer_in(content: bytes) -> KeySigner:
    """Reading a key proves its numbers, which takes as long as thirty signatures."""
    key = serialization.load_pem_private_key(content, password=None)
    assert isinstance(key, rsa.RSAPrivateKey)
    return KeySigner(key, x509.load_pem_x509_certificate(content))


def make_key() -> rsa.RSAPrivateKey:
    """A fresh RSA key of 2048 bits."""
    return rsa.generate_private_key(public_exponent=65537, key_size=KEY_BITS)


def make_demo_certificate(
    tax_id: str, name: str, now: datetime, key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
) -> x509.Certificate:
    """A self-signed certificate in the shape of real ones: UID `MST:<tax id>`, three years.

    Nobody vouches for it: for demonstrations and tests only.
    """
    shown = (name or tax_id).encode()[:COMMON_NAME_BYTES_MAX].decode(errors="ignore")
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "VN"),
            x509.NameAttribute(NameOID.COMMON_NAME, shown),
            x509.NameAttribute(NameOID.USER_ID, f"MST:{tax_id}"),
        ]
    )
    public = key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    serial = int.from_bytes(hashlib.sha256(public).digest()[:16], "big") >> 1
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(serial)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=DEMO_DAYS))
        .sign(key, hashes.SHA256())
    )


def holder_of(certificate: x509.Certificate) -> str:
    """The tax id a certificate was issued for; empty if its UID names none.

    Certificates of persons may name a personal id instead (CCCD:…): how is not settled, so any
    prefix before twelve digits is read, after `MST:` has been looked for.
    """
    texts = [
        str(attribute.value)
        for attribute in certificate.subject.get_attributes_for_oid(NameOID.USER_ID)
    ]
    for pattern in (_HOLDER, _PERSON):
        for text in texts:
            match = pattern.fullmatch(text.strip())
            if match:
                digits = match[1]
                return f"{digits[:10]}-{digits[10:]}" if len(digits) == 13 else digits
    return ""


def fingerprint(certificate: x509.Certificate) -> str:
    """SHA-256 of the certificate, for pinning."""
    return certificate.fingerprint(hashes.SHA256()).hex()
