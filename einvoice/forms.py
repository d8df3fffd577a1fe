"""The registration form 01/ĐKTĐ-HĐĐT as message 100. Pure.

Source: Circular 91/2026, Art. 6; fields of QĐ 1510/QĐ-TCT, item on registration.
"""

from dataclasses import dataclass
from datetime import date, datetime
from enum import IntEnum, StrEnum

from cryptography import x509

from einvoice import seal
from einvoice.envelope import REGISTER, Header, Message, message, read_message, written_time
from einvoice.invoice import Seller
from einvoice.keys import Signer
from einvoice.markup import needed, tag, text_at, text_tag


class Form(StrEnum):
    """HTHDon: which invoices the seller will use. The value is the tag."""

    WITH_CODE = "CMa"
    AT_TILL = "CMTMTTien"
    WITHOUT_CODE = "KCMa"


class Type(StrEnum):
    """LHDSDung: which kinds of invoice. The value is the tag."""

    VAT = "HDGTGT"
    SALES = "HDBHang"
    PUBLIC_ASSETS = "HDBTSCong"
    NATIONAL_RESERVE = "HDBHDTQGia"
    OTHER = "HDKhac"
    DOCUMENTS = "CTu"


class CertificateAction(IntEnum):
    """HThuc of a certificate."""

    ADD = 1
    RENEW = 2
    STOP = 3


@dataclass(frozen=True, kw_only=True)
class Registration:
    """What a seller says when it registers: by itself a household's cash-register invoices with code."""

    seller: Seller
    office_name: str
    office_code: str
    """Five characters."""
    contact: str
    place: str
    on: date
    is_change: bool = False
    """HThuc 2: changes an earlier registration."""
    invoice_forms: frozenset[Form] = frozenset({Form.AT_TILL})
    types: frozenset[Type] = frozenset({Type.SALES})
    directly: bool = False
    """Sends its data itself (CDLTTDCQT) instead of through a provider (CDLQTCTN)."""
    in_difficult_area: bool = False
    """NNTDBKKhan: the service is free for twelve months. Source: Decree 254/2026, Art. 11."""
    certificate_action: CertificateAction = CertificateAction.ADD


def registration_message(
    header: Header, form: Registration, signer: Signer, signed_at: datetime
) -> bytes:
    """A 100 with the signed form 01/ĐKTĐ-HĐĐT: cash register with code, sales invoices.

    Raises: MessageTooLarge.
    """
    assert header.kind == REGISTER
    data = tag(
        "DLTKhai", _form_head(form), _form_body(form, signer.certificate), Id=f"TK{header.code}"
    )
    form_bytes = f"<TKhai>{data}<DSCKS/></TKhai>".encode()
    return message(header, seal.sign(form_bytes, seal.TAXPAYER, signer, signed_at).decode())


def _form_head(form: Registration) -> str:
    seller = form.seller
    return tag(
        "TTChung",
        text_tag("PBan", "2.1.0"),
        text_tag("MSo", "01/ĐKTĐ-HĐĐT"),
        text_tag("Ten", "Tờ khai đăng ký/thay đổi thông tin sử dụng hóa đơn điện tử"),
        text_tag("HThuc", "2" if form.is_change else "1"),
        text_tag("TNNT", seller.name),
        text_tag("MST", seller.tax_id),
        text_tag("CQTQLy", form.office_name),
        text_tag("MCQTQLy", form.office_code),
        text_tag("NLHe", form.contact),
        text_tag("DCLHe", seller.address),
        text_tag("DCTDTu", seller.email),
        text_tag("DTLHe", seller.phone),
        text_tag("DDanh", form.place),
        text_tag("NLap", form.on.isoformat()),
    )


def _form_body(form: Registration, certificate: x509.Certificate) -> str:
    def flags(name: str, **values: int) -> str:
        return tag(name, *(text_tag(key, str(int(value))) for key, value in values.items()))

    return tag(
        "NDTKhai",
        flags("HTHDon", **{one.value: one in form.invoice_forms for one in Form}),
        flags(
            "HTGDLHDDT",
            NNTDBKKhan=form.in_difficult_area,
            NNTKTDNUBND=0,
            CDLTTDCQT=form.directly,
            CDLQTCTN=not form.directly,
        ),
        flags("PThuc", CDDu=1, CBTHop=0),
        flags("LHDSDung", **{one.value: one in form.types for one in Type}),
        tag(
            "DSCTSSDung",
            tag(
                "CTS",
                text_tag("STT", "1"),
                text_tag("TTChuc", certificate.issuer.rfc4514_string()[:400]),
                text_tag("Seri", f"{certificate.serial_number:x}"),
                text_tag("TNgay", written_time(certificate.not_valid_before_utc)),
                text_tag("DNgay", written_time(certificate.not_valid_after_utc)),
                text_tag("HThuc", str(int(form.certificate_action))),
            ),
        ),
    )


# ── Reading ─────────────────────────────────────────────────────────────────────────────────────


def forms_of(request: Message) -> frozenset[Form]:
    """The forms of invoice a message 100 asks for. Raises: DocumentInvalid."""
    boxes = needed(request.data, "TKhai/DLTKhai/NDTKhai/HTHDon")
    return frozenset(one for one in Form if text_at(boxes, one.value) == "1")


def forms_in(body: bytes) -> frozenset[Form]:
    """The same of its bytes. Raises: DocumentInvalid."""
    return forms_of(read_message(body))
