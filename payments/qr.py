"""VietQR payment codes: written, read and checked; drawn by `qr_drawing`. Pure.

Source: NAPAS, format of VietQR codes for NAPAS247 transfers, v1.0 (09/2021); EMVCo QR Code
Specification for Payment Systems, Merchant-Presented Mode, v1.1.
"""

import re

from payments import banks
from payments.qr_drawing import qr_matrix, qr_png, qr_svg, qr_terminal
from payments.qr_errors import (
    QRAccountMalformed,
    QRAmountOutOfRange,
    QRBankNotUsed,
    QRBankUnknown,
    QRError,
    QRFieldMalformed,
    QRServiceUnknown,
    QRTextTooLong,
)
from payments.qr_format import (
    AMOUNT_VND_MAX,
    CITY_LENGTH_MAX,
    NAME_LENGTH_MAX,
    NAPAS_GUID,
    POSTAL_LENGTH_MAX,
    SERVICES,
    TO_ACCOUNT,
    TO_CARD,
    TO_CASH,
    TO_MERCHANT,
    VNPAY_GUID,
    QRPayload,
    closed,
    crc16,
    decode_objects,
    encode_objects,
)
from payments.qr_reading import read
from payments.text import MEMO_LENGTH_MAX, fold, one_line

__all__ = [
    "AMOUNT_VND_MAX",
    "TO_ACCOUNT",
    "TO_CARD",
    "TO_CASH",
    "TO_MERCHANT",
    "QRError",
    "QRPayload",
    "crc16",
    "decode_objects",
    "encode_objects",
    "qr_matrix",
    "qr_png",
    "qr_svg",
    "qr_terminal",
    "read",
    "rewrite",
    "write_vietqr",
    "write_vnpayqr",
]


def write_vietqr(
    bank_bin: str,
    account_no: str,
    amount_vnd: int | None = None,
    memo: str = "",
    bill: str = "",
    merchant_name: str = "",
    city: str = "",
    mcc: str = "",
    service: str = TO_ACCOUNT,
    *,
    store: str = "",
    terminal: str = "",
    postal_code: str = "",
    native_name: str = "",
    native_city: str = "",
) -> str:
    """The text of a VietQR code: dynamic with an amount, static without.

    Names are folded and cut to their field; a memo or bill number that does not fit is refused,
    for it may end in the code we match by (`text.memo_with` cuts the words behind a code).

    Raises: QRError of the step that forbids it.
    """
    _check_receiver(bank_bin, account_no, service)
    receiver = encode_objects((("00", bank_bin), ("01", account_no)))
    extra = (
        ("01", _whole("62-01", bill)),
        ("03", fold(store, MEMO_LENGTH_MAX)),
        ("07", fold(terminal, MEMO_LENGTH_MAX)),
        ("08", _whole("62-08", memo)),
    )
    native = (
        ("00", "vi"),
        ("01", one_line(native_name, NAME_LENGTH_MAX)),
        ("02", one_line(native_city, CITY_LENGTH_MAX)),
    )
    return closed(
        (
            ("00", "01"),
            ("01", "11" if amount_vnd is None else "12"),
            ("38", encode_objects((("00", NAPAS_GUID), ("01", receiver), ("02", service)))),
            ("52", _category(mcc)),
            ("53", "704"),
            ("54", _amount_text(amount_vnd)),
            ("58", "VN"),
            ("59", fold(merchant_name, NAME_LENGTH_MAX)),
            ("60", fold(city, CITY_LENGTH_MAX)),
            ("61", _whole("61", postal_code, POSTAL_LENGTH_MAX)),
            ("62", encode_objects(extra)),
            ("64", encode_objects(native) if native[1][1] else ""),
        )
    )


def write_vnpayqr(
    merchant_id: str,
    amount_vnd: int | None = None,
    reference: str = "",
    merchant_name: str = "",
    city: str = "",
    mcc: str = "",
    *,
    store: str = "",
    terminal: str = "",
) -> str:
    """The text of a VNPAY-QR code (template 26), as VNPAY's own apps and most banks read it.

    Raises: QRError of the step that forbids it.
    """
    if not (1 <= len(merchant_id) <= 20 and merchant_id.isascii() and merchant_id.isalnum()):
        raise QRAccountMalformed("A merchant id has 1 to 20 letters and digits.", "26-01")
    extra = (
        ("03", fold(store, MEMO_LENGTH_MAX)),
        ("05", _whole("62-05", reference)),
        ("07", fold(terminal, MEMO_LENGTH_MAX)),
    )
    return closed(
        (
            ("00", "01"),
            ("01", "11" if amount_vnd is None else "12"),
            ("26", encode_objects((("00", VNPAY_GUID), ("01", merchant_id)))),
            ("52", _category(mcc)),
            ("53", "704"),
            ("54", _amount_text(amount_vnd)),
            ("58", "VN"),
            ("59", fold(merchant_name, NAME_LENGTH_MAX)),
            ("60", fold(city, CITY_LENGTH_MAX)),
            ("62", encode_objects(extra)),
        )
    )


def rewrite(payload: QRPayload) -> str:
    """The same code again, unknown objects kept, with a fresh checksum."""
    return closed(payload.objects)


def _check_receiver(bank_bin: str, account_no: str, service: str) -> None:
    try:
        bank = banks.bank(bank_bin)
    except banks.BankUnknown as wrong:
        raise QRBankUnknown(str(wrong), "38-01-00", bank_bin) from wrong
    if bank.use_instead:
        hint = f"Transfers to {bank.short_name} go by the BIN {bank.use_instead}."
        raise QRBankNotUsed(hint, "38-01-00", bank_bin)
    try:
        banks.check_account(account_no)
    except banks.AccountMalformed as wrong:
        raise QRAccountMalformed(str(wrong), "38-01-01", account_no) from wrong
    if service not in SERVICES:
        raise QRServiceUnknown(f"“{service}” is no service of NAPAS.", "38-02", service)


def _amount_text(amount_vnd: int | None) -> str:
    if amount_vnd is None:
        return ""
    if not 0 < amount_vnd <= AMOUNT_VND_MAX:
        raise QRAmountOutOfRange("One transfer carries 1 to 499,999,999 đ.", "54", str(amount_vnd))
    return str(amount_vnd)


def _category(mcc: str) -> str:
    if mcc and not re.fullmatch("[0-9]{4}", mcc):
        raise QRFieldMalformed("A merchant category has four digits.", "52", mcc)
    return mcc


def _whole(field: str, text: str, length_max: int = MEMO_LENGTH_MAX) -> str:
    folded = fold(text)
    if len(folded) > length_max:
        raise QRTextTooLong(f"{field} has at most {length_max} characters.", field, folded)
    return folded
