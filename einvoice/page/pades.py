"""A page signed as a file of its own (PAdES), with the same key that signs the invoice.

The seal of the XML is what the law asks for; this one tells a reader of PDF that the page is whole.
"""

import io
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from asn1crypto import x509 as asn1  # type: ignore[import-untyped]
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.misc import PdfError
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign import fields, signers
from pyhanko.sign.diff_analysis import ModificationLevel
from pyhanko.sign.general import SigningError
from pyhanko.sign.signers.pdf_signer import PdfSigningSession
from pyhanko.sign.validation import SignatureCoverageLevel, validate_pdf_signature
from pyhanko.sign.validation.errors import SignatureValidationError
from pyhanko.sign.validation.settings import KeyUsageConstraints
from pyhanko_certvalidator import ValidationContext

from einvoice.errors import DocumentInvalid
from einvoice.keys import Signer, holder_of

FIELD = "NBan"
_SIGNATURE_BYTES = 512
"""Held free for a signature while its size is not known: RSA of 4096 bits."""


@dataclass(frozen=True, kw_only=True)
class PageSeal:
    """One signature of a PDF. Who vouches for the certificate is the caller's question."""

    tax_id: str
    name: str
    signed_at: datetime | None
    certificate: x509.Certificate
    holds: bool
    """The signed bytes are what was signed, and nothing that matters was added afterwards."""
    is_whole: bool
    """It covers the whole file."""


class _Hand(signers.Signer):
    """Our signer as pyhanko asks for one."""

    def __init__(self, signer: Signer) -> None:
        der = signer.certificate.public_bytes(Encoding.DER)
        super().__init__(signing_cert=asn1.Certificate.load(der))
        self._signer = signer

    async def async_sign_raw(
        self, data: bytes, digest_algorithm: str, dry_run: bool = False
    ) -> bytes:
        """RSA PKCS#1 v1.5 over SHA-256."""
        assert digest_algorithm == "sha256"
        return bytes(_SIGNATURE_BYTES) if dry_run else self._signer.sign(data)


class _Pen(signers.PdfSigner):
    """Signs with the time it is given, not with the clock's."""

    def __init__(self, signer: Signer, signed_at: datetime) -> None:
        meta = signers.PdfSignatureMetadata(
            field_name=FIELD, md_algorithm="sha256", subfilter=fields.SigSeedSubFilter.PADES
        )
        super().__init__(meta, signer=_Hand(signer))
        self._signed_at = signed_at

    def init_signing_session(
        self, pdf_out: Any, existing_fields_only: bool = False
    ) -> PdfSigningSession:
        """With our time."""
        session = super().init_signing_session(pdf_out, existing_fields_only)
        session.system_time = self._signed_at
        return session


def signed(page: bytes, signer: Signer, signed_at: datetime) -> bytes:
    """The page with a signature behind it; what stood there before stays as it is.

    Not to be called inside a running event loop. Raises: DocumentInvalid, SignerFailed.
    """
    try:
        writer = IncrementalPdfFileWriter(io.BytesIO(page))
        out: io.BytesIO = _Pen(signer, signed_at).sign_pdf(writer)
    except (PdfError, SigningError) as error:
        raise DocumentInvalid("the PDF cannot be signed") from error
    return out.getvalue()


def page_seals(content: bytes) -> list[PageSeal]:
    """Every signature of a PDF, in the order they were made.

    Not to be called inside a running event loop. Raises: DocumentInvalid where it cannot be read.
    """
    try:
        reader = PdfFileReader(io.BytesIO(content))
        return [_page_seal(one) for one in reader.embedded_regular_signatures]
    except (PdfError, SigningError, SignatureValidationError, ValueError) as error:
        raise DocumentInvalid("the signature of the PDF cannot be read") from error


def _page_seal(one: Any) -> PageSeal:
    certificate = x509.load_der_x509_certificate(one.signer_cert.dump())
    context = ValidationContext(
        trust_roots=[one.signer_cert],
        allow_fetching=False,
        revocation_mode="soft-fail",
        moment=one.self_reported_timestamp,
    )
    status = validate_pdf_signature(
        one, context, key_usage_settings=KeyUsageConstraints(key_usage=set())
    )
    untouched = status.modification_level in (ModificationLevel.NONE, None)
    name = one.signer_cert.subject.native.get("common_name", "")
    return PageSeal(
        tax_id=holder_of(certificate),
        name=str(name),
        signed_at=one.self_reported_timestamp,
        certificate=certificate,
        holds=bool(status.intact and status.valid and untouched),
        is_whole=status.coverage == SignatureCoverageLevel.ENTIRE_FILE,
    )
