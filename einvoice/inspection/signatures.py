"""Signatures of a document: whether they hold as of their signing time, whose they are, what they cover."""

import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import rsa
from lxml import etree

from einvoice import rules, seal
from einvoice.errors import DocumentInvalid, EInvoiceError, SealInvalid
from einvoice.identifiers import undashed
from einvoice.inspection.report import Sheet, SignatureView
from einvoice.keys import holder_of
from einvoice.seal import DSIG, Place, Sealed
from einvoice.sentences import say

SOURCE = "F1510"
_REASONS = {
    "unsigned": "không có chữ ký",
    "digest": "nội dung đã bị thay đổi sau khi ký",
    "not_covered": "chữ ký không bao trùm phần dữ liệu phải ký",
    "reference": "chữ ký trỏ tới phần không có trong tài liệu",
    "duplicate_id": "hai phần tử có cùng Id (dấu hiệu bọc chữ ký)",
    "two_signatures": "có hai chữ ký ở cùng một chỗ",
    "algorithm": "thuật toán ký ngoài quy định",
    "key": "khóa không phải RSA từ 2048 bit",
    "signature": "giá trị chữ ký không do khóa của chứng thư này tạo ra",
    "signing_time": "thời điểm ký thiếu, trùng, không được ký, hoặc không viết YYYY-MM-DDThh:mm:ss theo "
    "giờ Việt Nam (không kèm múi giờ)",
    "certificate": "chứng thư số không đọc được",
    "certificate_expired": "chứng thư số không có hiệu lực vào thời điểm ký",
    "base64": "chữ ký không đúng mã hóa base64",
    "structure": "cấu trúc chữ ký sai",
}
_KEYS = {
    "CN": "2.5.4.3", "SN": "2.5.4.4", "SERIALNUMBER": "2.5.4.5", "C": "2.5.4.6", "L": "2.5.4.7",
    "ST": "2.5.4.8", "S": "2.5.4.8", "STREET": "2.5.4.9", "O": "2.5.4.10", "OU": "2.5.4.11",
    "T": "2.5.4.12", "TITLE": "2.5.4.12", "GN": "2.5.4.42", "G": "2.5.4.42",
    "UID": "0.9.2342.19200300.100.1.1", "DC": "0.9.2342.19200300.100.1.25",
    "E": "1.2.840.113549.1.9.1", "EMAILADDRESS": "1.2.840.113549.1.9.1", "emailAddress": "1.2.840.113549.1.9.1",
}  # fmt: skip


@dataclass(frozen=True)
class Trust:
    """Who is believed: issuers of certificates, and certificates of the tax authority itself."""

    issuers: Sequence[x509.Certificate] = ()
    authorities: Sequence[x509.Certificate] = ()


NOBODY = Trust()
CHAIN_MAX = 3
"""Authorities between a signer and a trusted one: a provider's, the national one."""


def document_ids(sheet: Sheet, root: etree._Element) -> dict[str, etree._Element] | None:
    """The Ids of the document; None, and a remark, if one stands twice."""
    try:
        return seal.ids(root)
    except SealInvalid as error:
        sheet.wrong("signature.duplicate_id", say("Id “{}” xuất hiện hai lần: có thể là "
                    "tấn công bọc chữ ký.", error.detail), remedy="Không dùng tài liệu này.", source=SOURCE)  # fmt: skip
        return None


def check(
    sheet: Sheet,
    base: etree._Element,
    place: Place,
    by_id: dict[str, etree._Element] | None,
    *,
    name: str,
    trust: Trust = NOBODY,
    now: datetime | None = None,
) -> Sealed | None:
    """Check one signature; what it says if it holds."""
    code = f"signature.{place.holder.rpartition('/')[2]}"
    if by_id is None:
        sheet.signatures.append(
            SignatureView(place=place.holder, holds=False, reason="duplicate_id")
        )
        return None
    try:
        sealed = seal.verify_at(base, place, by_id, archive=True)
    except EInvoiceError as error:
        reason = error.reason if isinstance(error, SealInvalid) else "structure"
        _refused(sheet, code, place, name, reason, error)
        return None
    view = SignatureView(
        place=place.holder,
        holds=True,
        tax_id=sealed.tax_id,
        name=_common_name(sealed.certificate.subject),
        issuer=_common_name(sealed.certificate.issuer),
        signed_at=sealed.signed_at.astimezone(seal.VIETNAM),
    )
    sheet.signatures.append(view)
    sheet.right(code, say("Chữ ký {} hợp lệ: {} ({}), "
                "ký lúc {:%d/%m/%Y %H:%M:%S}.", name, view.name, view.tax_id or "không ghi mã số thuế", view.signed_at), place.holder, SOURCE)  # fmt: skip
    _loose(sheet, base, place)
    _inside(sheet, base, place, sealed)
    _archive(sheet, base, sealed, place)
    _certificate(sheet, base, sealed, place, trust)
    if now is not None and sealed.signed_at > now:
        sheet.wrong(f"{code}.future", "Thời điểm ký ở tương lai.", place.holder)
    return sealed


def _refused(
    sheet: Sheet, code: str, place: Place, name: str, reason: str, error: EInvoiceError
) -> None:
    sheet.signatures.append(SignatureView(place=place.holder, holds=False, reason=reason))
    why = _REASONS.get(reason, reason)
    detail = getattr(error, "detail", "") or (
        error.why if isinstance(error, DocumentInvalid) else ""
    )
    shown = f" ({detail[:120]})" if detail and " " not in detail else ""
    sheet.wrong(f"{code}.{reason}", say("Chữ ký {} không hợp lệ: {}{}.", name, why, shown), place.holder,
                "Không dùng tài liệu này; lấy lại bản gốc từ nơi lập.", SOURCE)  # fmt: skip


def _loose(sheet: Sheet, base: etree._Element, place: Place) -> None:
    """What is around the signed parts of a signature, where nobody signs, must be just what is needed."""
    holder = base.find(place.holder)
    assert holder is not None
    texts = [
        text
        for node in holder.iter()
        if len(node)
        for text in (node.text, *(child.tail for child in node))
    ]
    if any((text or "").strip() for text in texts) or len(holder) != 1:
        sheet.wrong("signature.loose", "Có nội dung lạ đứng cạnh chữ ký.", place.holder,
                    "Lấy lại bản gốc.", SOURCE)  # fmt: skip


def _inside(sheet: Sheet, base: etree._Element, place: Place, sealed: Sealed) -> None:
    """Inside a signature only what it references is signed: nothing else may say a time or a key."""
    signature = base.find(f"{place.holder}/{{{DSIG}}}Signature")
    assert signature is not None
    named = {(one.get("URI") or "")[1:] for one in signature.iter(f"{{{DSIG}}}Reference")}
    boxes = signature.iterfind(f"{{{DSIG}}}Object")
    if not all(any(one.get("Id", "") in named for one in box.iter()) for box in boxes):
        sheet.wrong("signature.loose", "Chữ ký có phần Object không được ký.", place.holder,
                    "Lấy lại bản gốc.", SOURCE)  # fmt: skip
    properties = list(signature.iter(f"{{{DSIG}}}SignatureProperty"))
    if properties and not any(one.get("Target") for one in properties):
        sheet.doubt("signature.target", "Thời điểm ký (SignatureProperty) thiếu Target.", place.holder,
                    source=SOURCE)  # fmt: skip
    if not _same_key(signature, sealed.certificate):
        sheet.wrong("signature.key_value", "Khóa công khai (KeyValue) ghi trong chữ ký khác khóa của "
                    "chứng thư.", place.holder, "Không dùng tài liệu này.", SOURCE)  # fmt: skip


def _same_key(signature: etree._Element, certificate: x509.Certificate) -> bool:
    """Whether the key written beside the certificate, if any, is the certificate's."""
    key = certificate.public_key()
    for written in signature.iter(f"{{{DSIG}}}RSAKeyValue"):
        if not isinstance(key, rsa.RSAPublicKey):
            return False
        numbers = key.public_numbers()
        for name, value in (("Modulus", numbers.n), ("Exponent", numbers.e)):
            text = "".join((written.findtext(f"{{{DSIG}}}{name}") or "").split())
            try:
                told = int.from_bytes(base64.b64decode(text, validate=True), "big")
            except ValueError:
                return False
            if told != value:
                return False
    return True


def _archive(sheet: Sheet, base: etree._Element, sealed: Sealed, place: Place) -> None:
    if not sealed.is_archive:
        return
    on = sealed.signed_at.astimezone(seal.VIETNAM).date()
    newest = rules.phrase("sha1_signature_last_version", max(on, date(2021, 10, 7)))
    if rules.phrase("format_version", max(on, date(2021, 10, 7))) > newest:
        sheet.wrong("signature.sha1", "Chữ ký dùng SHA-1, chỉ chấp nhận ở hồ sơ lưu trữ cũ.",
                    place.holder, "Ký lại bằng SHA-256.", SOURCE)  # fmt: skip
    else:
        sheet.doubt("signature.sha1", "Chữ ký dùng SHA-1 như các hồ sơ cũ.", place.holder)


def _certificate(
    sheet: Sheet, base: etree._Element, sealed: Sealed, place: Place, trust: Trust
) -> None:
    certificate = sealed.certificate
    written = base.findtext(f"{place.holder}/{{{DSIG}}}Signature//{{{DSIG}}}X509SubjectName")
    if not (written or "").strip():
        sheet.wrong("signature.subject", "Chữ ký thiếu X509SubjectName.", place.holder, "", SOURCE)
    elif _same_name(written or "", certificate.subject):
        pass
    elif _names(written or "", certificate):
        sheet.doubt("signature.subject_form", "Tên người ký trong chữ ký viết khác cách viết trong "
                    "chứng thư.", place.holder, source=SOURCE)  # fmt: skip
    else:
        sheet.wrong("signature.subject", "Tên người ký ghi trong chữ ký khác tên trong chứng thư.",
                    place.holder, "Không dùng tài liệu này.", SOURCE)  # fmt: skip
    issuer = _issuer(certificate, sealed.others, (*trust.issuers, *trust.authorities))
    if issuer is not None:
        if not issuer.not_valid_before_utc <= sealed.signed_at <= issuer.not_valid_after_utc:
            sheet.doubt("signature.issuer_expired", say("Chứng thư của nơi cấp "
                        "({}) không có hiệu lực vào thời điểm ký.", _common_name(issuer.subject)),
                        place.holder, source=SOURCE)  # fmt: skip
        sheet.right("signature.issuer", say("Chứng thư do {} cấp, đã tin.", _common_name(issuer.subject)),
                    place.holder)  # fmt: skip
    elif certificate.subject == certificate.issuer:
        if _issued(certificate, certificate):
            sheet.doubt("signature.self_signed", "Chứng thư tự ký: không ai bảo đảm người ký là ai.",
                        place.holder, "Chỉ dùng để thử.")  # fmt: skip
        else:
            sheet.wrong("signature.certificate_forged", "Chứng thư tự ký đã bị sửa.", place.holder,
                        "Không dùng tài liệu này.")  # fmt: skip
    elif trust.issuers:
        sheet.wrong("signature.issuer", say("Chứng thư do {} cấp, không "
                    "thuộc danh sách tin cậy.", _common_name(certificate.issuer)), place.holder)  # fmt: skip
    else:
        sheet.doubt("signature.issuer", say("Không kiểm tra được nơi cấp chứng thư "
                    "({}): chưa cho biết tin ai (--trust).", _common_name(certificate.issuer)),
                    place.holder)  # fmt: skip


def _issuer(
    certificate: x509.Certificate,
    others: Sequence[x509.Certificate],
    trusted: Sequence[x509.Certificate],
    steps: int = CHAIN_MAX,
) -> x509.Certificate | None:
    """Who of the trusted stands behind a certificate, through authorities that came along."""
    found = next((one for one in trusted if _issued(certificate, one)), None)
    if found is not None or steps == 0:
        return found
    for middle in others:
        if middle != certificate and _may_issue(middle) and _issued(certificate, middle):
            found = _issuer(middle, others, trusted, steps - 1)
            if found is not None:
                return found
    return None


def _may_issue(certificate: x509.Certificate, *, unsaid: bool = False) -> bool:
    """Whether it is an authority's, by its basic constraints; `unsaid` where there are none."""
    try:
        found = certificate.extensions.get_extension_for_class(x509.BasicConstraints)
    except x509.ExtensionNotFound:
        return unsaid
    except ValueError:
        return False
    return found.value.ca


def _issued(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    if certificate != issuer and certificate.subject == certificate.issuer:
        return False  # self-signed: trusted as it is, or not
    if certificate != issuer and not _may_issue(issuer, unsaid=True):
        return False
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature):
        return certificate == issuer and certificate.subject != certificate.issuer
    return True


def _common_name(name: x509.Name) -> str:
    found = name.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    return str(found[0].value) if found else name.rfc4514_string()


def _same_name(written: str, subject: x509.Name) -> bool:
    """Whether a distinguished name means this subject, whatever tool wrote it."""
    if written.strip() == subject.rfc4514_string():
        return True
    right = sorted((one.oid.dotted_string, str(one.value)) for one in subject)
    told = sorted(_pairs(written))
    return told == right


def _names(written: str, certificate: x509.Certificate) -> bool:
    """Whether a name of an unknown spelling at least has the holder's name and tax id in it."""
    holder = holder_of(certificate)
    return bool(holder) and holder in written and _common_name(certificate.subject) in written


def _pairs(written: str) -> list[tuple[str, str]]:
    parts = re.split(r"(?<!\\)[,+;](?=\s*[A-Za-z0-9.]+\s*=)", written)
    found = []
    for part in parts:
        key, _, value = part.partition("=")
        key = key.strip().removeprefix("OID.")
        found.append((_KEYS.get(key, key), _plain(value.strip())))
    return found


def _plain(value: str) -> str:
    if re.fullmatch(r"#[0-9A-Fa-f]+", value) and len(value) % 2:
        content = bytes.fromhex(value[1:])
        return content[2:].decode("utf-8", "replace") if len(content) < 130 else value
    if len(value) > 1 and value[0] == value[-1] == '"':
        value = value[1:-1]
    return re.sub(r"\\(.)", r"\1", value)


def is_same_person(one: str, other: str) -> bool:
    """Whether two tax ids are one, with or without the dash of a branch."""
    return bool(one) and undashed(one) == undashed(other)


def strays(sheet: Sheet, root: etree._Element, known: set[etree._Element]) -> None:
    """Signatures that stand where none belongs."""
    lost = [one for one in root.iter(f"{{{DSIG}}}Signature") if one not in known]
    if lost:
        sheet.wrong("signature.stray", say("Có {} chữ ký đứng sai chỗ (dấu hiệu bọc chữ ký).", len(lost)),
                    remedy="Không dùng tài liệu này.", source=SOURCE)  # fmt: skip
