"""Who signs: one protocol, a key in memory, keys in a folder, certificates for demonstrations."""

import hashlib
import os
import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID

KEY_BITS = 2048
DEMO_DAYS = 3 * 365
COMMON_NAME_BYTES_MAX = 64
_HOLDER = re.compile(r"MST:([0-9]{10}(-[0-9]{3})?|[0-9]{12})")


class Signer(Protocol):
    """Signs for one holder: a key file, a token, a remote service."""

    @property
    def certificate(self) -> x509.Certificate:
        """The holder's certificate."""

    def sign(self, data: bytes) -> bytes:
        """RSA PKCS#1 v1.5 over SHA-256 of `data`."""


@dataclass(frozen=True)
class KeySigner:
    """A signer whose key is in memory."""

    key: rsa.RSAPrivateKey = field(repr=False)
    certificate: x509.Certificate

    def sign(self, data: bytes) -> bytes:
        """RSA PKCS#1 v1.5 over SHA-256."""
        return self.key.sign(data, padding.PKCS1v15(), hashes.SHA256())


@dataclass(frozen=True)
class KeyFolder:
    """Demonstration signers kept in a folder, one file per tax id, readable by the owner alone."""

    path: Path

    def signer(self, tax_id: str, name: str, now: datetime) -> KeySigner:
        """The holder's signer; key and certificate are made at the first call."""
        file = self.path / f"{tax_id}.pem"
        if not file.exists():
            self._make(file, tax_id, name, now)
        content = file.read_bytes()
        key = serialization.load_pem_private_key(content, password=None)
        assert isinstance(key, rsa.RSAPrivateKey)
        return KeySigner(key, x509.load_pem_x509_certificate(content))

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


def make_key() -> rsa.RSAPrivateKey:
    """A fresh RSA key of 2048 bits."""
    return rsa.generate_private_key(public_exponent=65537, key_size=KEY_BITS)


def make_demo_certificate(
    tax_id: str, name: str, now: datetime, key: rsa.RSAPrivateKey
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
    """The tax id a certificate was issued for; empty if its UID names none."""
    for attribute in certificate.subject.get_attributes_for_oid(NameOID.USER_ID):
        match = _HOLDER.fullmatch(str(attribute.value))
        if match:
            return match[1]
    return ""


def fingerprint(certificate: x509.Certificate) -> str:
    """SHA-256 of the certificate, for pinning."""
    return certificate.fingerprint(hashes.SHA256()).hex()
