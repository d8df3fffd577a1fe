"""A signer whose key stays in a PKCS#11 token: a USB stick, a smart card, an HSM, SoftHSM.

Needs python-pkcs11 (the extra `hsm`) and the token's own library (a .so of its maker).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from cryptography import x509

from einvoice.errors import SignerFailed
from einvoice.keys import TokenSigner


@dataclass(frozen=True, kw_only=True)
class Token:
    """Where a key is: the library, the token's label, and the label of key and certificate in it."""

    library: str
    token: str
    key: str
    pin: str = field(repr=False)


@contextmanager
def open_token(token: Token) -> Iterator[TokenSigner]:
    """A signer for as long as its session is open; one thread at a time.

    Raises: SignerFailed for a missing library, token, key or certificate, a wrong PIN, a key that is
    not its certificate's.
    """
    pkcs11 = _library()
    try:
        session = (
            pkcs11.lib(token.library).get_token(token_label=token.token).open(user_pin=token.pin)
        )
    except (pkcs11.PKCS11Error, RuntimeError, OSError) as error:
        raise SignerFailed(f"the token “{token.token}” does not open ({_said(error)})") from error
    with session:
        yield _signer(pkcs11, session, token.key)


def _library() -> Any:
    try:
        import pkcs11
    except ImportError as error:
        raise SignerFailed("python-pkcs11 is not installed (the extra hsm)") from error
    return pkcs11


def _signer(pkcs11: Any, session: Any, label: str) -> TokenSigner:
    attribute, kind = pkcs11.Attribute, pkcs11.ObjectClass
    try:
        key = session.get_key(object_class=kind.PRIVATE_KEY, label=label)
        wanted = {attribute.CLASS: kind.CERTIFICATE, attribute.LABEL: label}
        certificates = [bytes(one[attribute.VALUE]) for one in session.get_objects(wanted)]
    except pkcs11.PKCS11Error as error:
        raise SignerFailed(f"the token has no one key “{label}” ({_said(error)})") from error
    if len(certificates) != 1:
        raise SignerFailed(f"the token has {len(certificates)} certificates “{label}”, not one")
    try:
        certificate = x509.load_der_x509_certificate(certificates[0])
    except ValueError as error:
        raise SignerFailed(f"the certificate “{label}” cannot be read") from error
    held = _HeldKey(key, pkcs11.PKCS11Error)
    return TokenSigner(held, certificate, pkcs11.Mechanism.SHA256_RSA_PKCS)


@dataclass(frozen=True)
class _HeldKey:
    """A key of the library, with its errors as ours."""

    key: Any = field(repr=False)
    error: type[Exception] = field(repr=False)

    def sign(self, data: bytes, *, mechanism: Any) -> bytes:
        """Sign inside the token. Raises: SignerFailed."""
        try:
            return bytes(self.key.sign(data, mechanism=mechanism))
        except self.error as error:
            raise SignerFailed(f"the token did not sign ({_said(error)})") from error


def _said(error: Exception) -> str:
    return str(error) or type(error).__name__
