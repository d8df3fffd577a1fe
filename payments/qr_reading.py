"""A scanned payment code taken apart and checked, in one fixed order. Pure.

Steps 1 to 4 raise: there is nothing to show. From step 5 on everything is read, and what is wrong
is reported by field: a right checksum does not prove a right structure.
"""

import re
import unicodedata
from collections.abc import Mapping

from payments import banks
from payments.qr_errors import (
    QRAccountMalformed,
    QRAdditionalBroken,
    QRAmountHidden,
    QRAmountMalformed,
    QRAmountOutOfRange,
    QRBankNotUsed,
    QRBankUnknown,
    QRBroken,
    QRChecksumMissing,
    QRChecksumWrong,
    QREmpty,
    QRError,
    QRForeign,
    QRLengthInBytes,
    QRNotPayment,
    QRRepeated,
    QRSchemeUnknown,
    QRServiceUnknown,
    QRTemplateBroken,
    QRTooLong,
    QRUnprintable,
)
from payments.qr_format import (
    AMOUNT_VND_MAX,
    SERVICES,
    TRANSFERS,
    Objects,
    QRPayload,
    crc16,
    decode_objects,
    decode_template,
)
from payments.qr_schemes import UNKNOWN, foreign_scheme, link_scheme, networks, wallet
from payments.qr_texts import ASKED, check_texts, fee_text

LENGTH_MAX = 512
_CONTROLS = ("Cc", "Cs", "Zl", "Zp")
"""Control characters, halves of a character and line ends; marks inside Khmer or Lao words stay."""
_AMOUNT = re.compile(r"[0-9]+(\.[0-9]*)?|\.[0-9]+")
_AMOUNT_LENGTH_MAX = 13
_NO_CENTS = ("", "0", "00")
"""Three zeros would be a thousands separator, which is not allowed and must not mean 85 đ."""
_PROMPTED = tuple(f"{number:02d}" for number in range(1, 9))


def read(text: str) -> QRPayload:
    """Take a payment code apart; its `findings` are what the later checks say, in their order.

    Spaces and line ends around it, which scanners add, are dropped.

    Raises: QRError of steps 1 to 4 where it is no whole payment code.
    """
    stripped = text.removeprefix("\ufeff").strip()
    _check_text(stripped)
    objects = _objects(stripped)
    _check_objects(objects)
    _check_checksum(stripped, objects)
    return _payload(stripped, objects[:-1])


def _check_text(text: str) -> None:
    if not text:
        raise QREmpty("There is no text.")
    if len(text) > LENGTH_MAX:
        raise QRTooLong(f"A payment code has at most {LENGTH_MAX} characters.")
    if any(unicodedata.category(letter) in _CONTROLS for letter in text):
        raise QRUnprintable("There are control characters inside.")
    if not text.startswith("000201"):
        other = link_scheme(text)
        named = f"This is {other.name} ({other.country}); a" if other else "A"
        kind = other.scheme if other else text[:6]
        raise QRNotPayment(f"{named} payment code begins with 000201.", "00", kind)


def _objects(text: str) -> Objects:
    try:
        return decode_objects(text)
    except QRBroken as wrong:
        if not text.isascii() and _adds_up_in_bytes(text):
            raise QRLengthInBytes("The lengths count bytes, not characters.", wrong.field) from None
        raise


def _adds_up_in_bytes(text: str) -> bool:
    try:
        return decode_objects(text.encode().decode("latin-1"))[-1][0] == "63"
    except QRBroken:
        return False


def _check_objects(objects: Objects) -> None:
    seen: set[str] = set()
    for tag, value in objects:
        if tag in seen:
            raise QRRepeated(f"Object {tag} stands twice.", tag, value)
        seen.add(tag)


def _check_checksum(text: str, objects: Objects) -> None:
    tag, value = objects[-1]
    if tag != "63" or not re.fullmatch(r"[0-9A-Fa-f]{4}", value):
        raise QRChecksumMissing("The last object is not a checksum.", "63", value)
    if crc16(text[:-4]) != value.upper():
        raise QRChecksumWrong("The checksum does not fit the text.", "63", value)


def _payload(text: str, objects: Objects) -> QRPayload:
    root = dict(objects)
    findings: list[QRError] = []
    scheme = _scheme(root, findings)
    bank_bin, account_no, service = "", "", ""
    if scheme == "vietqr":
        bank_bin, account_no, service = _receiver(root["38"], findings)
        scheme = wallet(bank_bin, account_no) or scheme
    elif scheme == "vnpayqr":
        account_no = _merchant(root["26"], findings)
    amount_vnd = _amount(root, findings)
    extra = _additional(root.get("62", ""), "62", findings)
    native = _additional(root.get("64", ""), "64", findings)
    is_transfer = bool(bank_bin) and service in TRANSFERS
    findings += check_texts(root, extra, native, is_transfer=is_transfer)
    return QRPayload(
        text=text,
        scheme=scheme,
        objects=objects,
        is_dynamic=root.get("01") == "12",
        country=root.get("58", ""),
        currency=root.get("53", ""),
        bank_bin=bank_bin,
        account_no=account_no,
        service=service,
        amount_text=root.get("54", ""),
        amount_vnd=amount_vnd,
        merchant_name=root.get("59", ""),
        merchant_name_native=native.get("01", ""),
        city=root.get("60", ""),
        mcc=root.get("52", ""),
        networks=networks(root),
        fee_text=fee_text(root),
        bill=extra.get("01", ""),
        reference=extra.get("05", ""),
        memo=extra.get("08", ""),
        asked_of_payer=tuple(f"62-{tag}" for tag in _PROMPTED if extra.get(tag) == ASKED),
        findings=tuple(findings),
    )


def _scheme(root: Mapping[str, str], findings: list[QRError]) -> str:
    country, currency = root.get("58", ""), root.get("53", "")
    if country != "VN" or currency != "704":
        foreign = foreign_scheme(root)
        field, value = ("58", country) if country != "VN" else ("53", currency)
        named = foreign.name or "unknown"
        findings.append(QRForeign(f"Not a code for đồng in Vietnam ({named}).", field, value))
        return foreign.scheme
    found = networks(root)
    if found and found[0] in ("vietqr", "vnpayqr"):
        return found[0]
    beside = f", only {', '.join(found)}" if found else ""
    findings.append(QRSchemeUnknown(f"Neither VietQR nor VNPAY-QR{beside}.", "38"))
    return UNKNOWN


def _receiver(template: str, findings: list[QRError]) -> tuple[str, str, str]:
    try:
        outer = decode_template(template)
        inner = decode_template(outer.get("01", ""))
    except QRBroken as wrong:
        findings.append(QRTemplateBroken(str(wrong), "38-01", template))
        return "", "", ""
    bank_bin, account_no = inner.get("00", ""), inner.get("01", "")
    findings += _bank_findings(bank_bin)
    try:
        banks.check_account(account_no)
    except banks.AccountMalformed as wrong:
        findings.append(QRAccountMalformed(str(wrong), "38-01-01", account_no))
    service = outer.get("02", "")
    if service and service not in SERVICES:
        findings.append(QRServiceUnknown(f"“{service}” is no service.", "38-02", service))
    return bank_bin, account_no, service


def _bank_findings(bank_bin: str) -> list[QRError]:
    try:
        bank = banks.bank(bank_bin)
    except banks.BankUnknown as wrong:
        return [QRBankUnknown(str(wrong), "38-01-00", bank_bin)]
    if bank.use_instead:
        hint = f"Transfers to {bank.short_name} go by the BIN {bank.use_instead}."
        return [QRBankNotUsed(hint, "38-01-00", bank_bin)]
    return []


def _merchant(template: str, findings: list[QRError]) -> str:
    try:
        merchant_id = decode_template(template).get("01", "")
    except QRBroken as wrong:
        findings.append(QRTemplateBroken(str(wrong), "26", template))
        return ""
    if not (merchant_id.isascii() and merchant_id.isalnum() and len(merchant_id) <= 20):
        wrong_id = "A merchant id has 1 to 20 letters and digits."
        findings.append(QRAccountMalformed(wrong_id, "26-01", merchant_id))
    return merchant_id


def _amount(root: Mapping[str, str], findings: list[QRError]) -> int | None:
    text = root.get("54")
    if text is None or root.get("53") != "704":
        return None
    whole, _, fraction = text.partition(".")
    if not _AMOUNT.fullmatch(text) or len(text) > _AMOUNT_LENGTH_MAX or fraction not in _NO_CENTS:
        findings.append(QRAmountMalformed(f"“{text}” is no amount of đồng.", "54", text))
        return None
    amount_vnd = int(whole or "0")
    if not 0 < amount_vnd <= AMOUNT_VND_MAX:
        findings.append(QRAmountOutOfRange("One transfer carries 1 to 499,999,999 đ.", "54", text))
        return None
    if root.get("01") == "11":
        findings.append(QRAmountHidden("Write 12 in object 01 with an amount.", "01", "11"))
    return amount_vnd


def _additional(value: str, field: str, findings: list[QRError]) -> dict[str, str]:
    try:
        return decode_template(value)
    except QRBroken as wrong:
        findings.append(QRAdditionalBroken(f"{field}: {wrong}", field, value))
        return {}
