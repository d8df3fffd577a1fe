"""VietQR payment codes: written, read, checked and drawn. Pure.

Source: NAPAS, format of VietQR codes for NAPAS247 transfers, v1.0 (09/2021); EMVCo QR Code
Specification for Payment Systems, Merchant-Presented Mode, v1.1.
"""

from collections.abc import Iterable
from html import escape

import segno

from payments import banks
from payments.qr_errors import (
    QRAccountMalformed,
    QRAmountOutOfRange,
    QRBankUnknown,
    QRError,
    QRServiceUnknown,
    QRTextTooLong,
)
from payments.qr_format import (
    AMOUNT_VND_MAX,
    CITY_LENGTH_MAX,
    NAME_LENGTH_MAX,
    NAPAS_GUID,
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
from payments.text import MEMO_LENGTH_MAX, fold

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
    "qr_svg",
    "read",
    "rewrite",
    "write_vietqr",
    "write_vnpayqr",
]
QUIET_MODULES = 4


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
    native = (("00", "vi"), ("01", native_name[:25]), ("02", native_city[:15]))
    return closed(
        (
            ("00", "01"),
            ("01", "11" if amount_vnd is None else "12"),
            ("38", encode_objects((("00", NAPAS_GUID), ("01", receiver), ("02", service)))),
            ("52", mcc),
            ("53", "704"),
            ("54", _amount_text(amount_vnd)),
            ("58", "VN"),
            ("59", fold(merchant_name, NAME_LENGTH_MAX)),
            ("60", fold(city, CITY_LENGTH_MAX)),
            ("61", postal_code),
            ("62", encode_objects(extra)),
            ("64", encode_objects(native) if native_name else ""),
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
            ("52", mcc),
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


def qr_matrix(text: str, *, fast: bool = False) -> tuple[tuple[bool, ...], ...]:
    """The dark modules, row by row, without the quiet zone; error correction M or better.

    `fast` skips the search for the most even mask: right for a screen, not for print.
    """
    code = segno.make(text, error="m", micro=False, mask=3 if fast else None)
    return tuple(tuple(bool(module) for module in row) for row in code.matrix)


def qr_svg(text: str, title: str = "", *, fast: bool = False) -> str:
    """The code as one SVG element: black on white, quiet zone of four modules, sized by its box.

    Only attributes, no style and no script, so that a strict content policy lets it be.
    """
    matrix = qr_matrix(text, fast=fast)
    side = len(matrix) + 2 * QUIET_MODULES
    runs = "".join(
        f"M{left + QUIET_MODULES} {top + QUIET_MODULES}h{width}v1h-{width}z"
        for top, row in enumerate(matrix)
        for left, width in _runs(row)
    )
    label = f"<title>{escape(title)}</title>" if title else ""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="qr" viewBox="0 0 {side} {side}" role="img"'
        f' shape-rendering="crispEdges">{label}<path fill="#fff" d="M0 0h{side}v{side}h-{side}z"/>'
        f'<path fill="#000" d="{runs}"/></svg>'
    )


def _runs(row: tuple[bool, ...]) -> Iterable[tuple[int, int]]:
    start: int | None = None
    for index, dark in enumerate((*row, False)):
        if dark and start is None:
            start = index
        elif not dark and start is not None:
            yield start, index - start
            start = None


def _check_receiver(bank_bin: str, account_no: str, service: str) -> None:
    if not banks.is_known(bank_bin):
        raise QRBankUnknown(f"No bank has the BIN “{bank_bin}”.", "38-01-00", bank_bin)
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


def _whole(field: str, text: str) -> str:
    folded = fold(text)
    if len(folded) > MEMO_LENGTH_MAX:
        raise QRTextTooLong(f"{field} has at most {MEMO_LENGTH_MAX} characters.", field, folded)
    return folded
