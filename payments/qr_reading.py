"""A scanned payment code taken apart and checked, in one fixed order. Pure.

Steps 1 to 4 raise: there is nothing to show. From step 5 on everything is read, and what is wrong
is reported by field: a right checksum does not prove a right structure.
"""

import re
from collections.abc import Mapping

from payments import banks
from payments.qr_errors import (
    QRAccountMalformed,
    QRAmountMalformed,
    QRAmountOutOfRange,
    QRBankUnknown,
    QRBroken,
    QRChecksumMissing,
    QRChecksumWrong,
    QREmpty,
    QRError,
    QRForeign,
    QRNotPayment,
    QRRepeated,
    QRSchemeUnknown,
    QRServiceUnknown,
    QRTemplateBroken,
    QRTextNotPlain,
    QRTextTooLong,
    QRTooLong,
    QRUnprintable,
)
from payments.qr_format import (
    AMOUNT_VND_MAX,
    CITY_LENGTH_MAX,
    NAME_LENGTH_MAX,
    NAPAS_GUID,
    SERVICES,
    VNPAY_GUID,
    Objects,
    QRPayload,
    crc16,
    decode_objects,
)
from payments.text import MEMO_LENGTH_MAX

LENGTH_MAX = 512
_AMOUNT = re.compile(r"[0-9]+(\.[0-9]*)?|\.[0-9]+")
_AMOUNT_LENGTH_MAX = 13
_NO_CENTS = ("", "0", "00")
"""Three zeros would be a thousands separator, which is not allowed and must not mean 85 đ."""
_FOREIGN = {"TH": "promptpay", "KH": "khqr", "LA": "laoqr"}
_PROMPTPAY_GUIDS = ("A000000677010111", "A000000677010112")


def read(text: str) -> QRPayload:
    """Take a payment code apart; its `findings` are what the later checks say, in their order.

    Spaces and line ends around it, which scanners add, are dropped.

    Raises: QRError of steps 1 to 4 where it is no whole payment code.
    """
    stripped = text.strip()
    _check_text(stripped)
    objects = decode_objects(stripped)
    _check_objects(objects)
    _check_checksum(stripped, objects)
    return _payload(stripped, objects[:-1])


def _check_text(text: str) -> None:
    if not text:
        raise QREmpty("There is no text.")
    if len(text) > LENGTH_MAX:
        raise QRTooLong(f"A payment code has at most {LENGTH_MAX} characters.")
    if not text.isprintable():
        raise QRUnprintable("There are control characters inside.")
    if not text.startswith("000201"):
        raise QRNotPayment("A payment code begins with 000201.", "00", text[:6])


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
        scheme = _wallet(bank_bin, account_no, root) or scheme
    elif scheme == "vnpayqr":
        account_no = _merchant(root["26"], findings)
    amount_vnd = _amount(root, findings)
    extra = _template(root.get("62", ""), "62", findings)
    native = _template(root.get("64", ""), "64", findings)
    _check_texts(root, extra, findings)
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
        bill=extra.get("01", ""),
        reference=extra.get("05", ""),
        memo=extra.get("08", ""),
        findings=tuple(findings),
    )


def _scheme(root: Mapping[str, str], findings: list[QRError]) -> str:
    country, currency = root.get("58", ""), root.get("53", "")
    if country != "VN" or currency != "704":
        scheme = _foreign_scheme(root)
        field, value = ("58", country) if country != "VN" else ("53", currency)
        findings.append(QRForeign(f"Not a code for đồng in Vietnam ({scheme}).", field, value))
        return scheme
    if _guid(root.get("38", "")) == NAPAS_GUID:
        return "vietqr"
    if _guid(root.get("26", "")) == VNPAY_GUID:
        return "vnpayqr"
    findings.append(QRSchemeUnknown("Neither VietQR nor VNPAY-QR.", "38"))
    return "unknown"


def _foreign_scheme(root: Mapping[str, str]) -> str:
    guids = {_guid(value) for tag, value in root.items() if "26" <= tag <= "51"}
    if guids & set(_PROMPTPAY_GUIDS):
        return "promptpay"
    if any("@" in guid for guid in guids) and {"29", "30"} & set(root):
        return "khqr"
    return _FOREIGN.get(root.get("58", ""), "unknown")


def _guid(template: str) -> str:
    try:
        return dict(decode_objects(template)).get("00", "")
    except QRBroken:
        return template[4:14] if template.startswith("00") else ""


def _wallet(bank_bin: str, account_no: str, root: Mapping[str, str]) -> str:
    if bank_bin == "971025" or (bank_bin == "970454" and account_no.startswith("99MM")):
        return "momo"
    if bank_bin == "970454" and account_no.startswith("99ZP"):
        return "zalopay"
    return ""


def _receiver(template: str, findings: list[QRError]) -> tuple[str, str, str]:
    try:
        outer = dict(decode_objects(template))
        inner = dict(decode_objects(outer.get("01", "")))
    except QRBroken as wrong:
        findings.append(QRTemplateBroken(str(wrong), "38-01", template))
        return "", "", ""
    bank_bin, account_no = inner.get("00", ""), inner.get("01", "")
    if not banks.is_known(bank_bin):
        findings.append(QRBankUnknown(f"No bank has the BIN “{bank_bin}”.", "38-01-00", bank_bin))
    try:
        banks.check_account(account_no)
    except banks.AccountMalformed as wrong:
        findings.append(QRAccountMalformed(str(wrong), "38-01-01", account_no))
    service = outer.get("02", "")
    if service and service not in SERVICES:
        findings.append(QRServiceUnknown(f"“{service}” is no service.", "38-02", service))
    return bank_bin, account_no, service


def _merchant(template: str, findings: list[QRError]) -> str:
    merchant_id = _template(template, "26", findings).get("01", "")
    if not (merchant_id.isascii() and merchant_id.isalnum() and len(merchant_id) <= 20):
        findings.append(QRAccountMalformed("A merchant id is missing.", "26-01", merchant_id))
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
    return amount_vnd


def _template(value: str, field: str, findings: list[QRError]) -> dict[str, str]:
    try:
        return dict(decode_objects(value))
    except QRBroken as wrong:
        findings.append(QRTemplateBroken(str(wrong), field, value))
        return {}


def _check_texts(
    root: Mapping[str, str], extra: Mapping[str, str], findings: list[QRError]
) -> None:
    limits = [
        ("59", root.get("59", ""), NAME_LENGTH_MAX),
        ("60", root.get("60", ""), CITY_LENGTH_MAX),
    ]
    limits += [(f"62-{tag}", extra[tag], MEMO_LENGTH_MAX) for tag in sorted(extra) if tag <= "08"]
    for field, value, length_max in limits:
        if len(value) > length_max:
            findings.append(QRTextTooLong(f"{field} has more than {length_max}.", field, value))
        if not all(" " <= letter <= "~" for letter in value):
            findings.append(QRTextNotPlain(f"{field} has signs outside ASCII.", field, value))
