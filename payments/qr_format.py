"""The format of EMV payment codes: objects in objects, the checksum, a code taken apart. Pure."""

import binascii
from collections.abc import Iterable
from dataclasses import dataclass

from payments.qr_errors import QRBroken, QRError, QRServiceUnknown, QRTextTooLong

AMOUNT_VND_MAX = 499_999_999
"""One instant transfer must stay below 500 million đồng. Source: NAPAS 247."""
NAPAS_GUID = "A000000727"
VNPAY_GUID = "A000000775"
TO_ACCOUNT, TO_CARD, TO_MERCHANT, TO_CASH = "QRIBFTTA", "QRIBFTTC", "QRPUSH", "QRCASH"
SERVICES = (TO_ACCOUNT, TO_CARD, TO_MERCHANT, TO_CASH)
TRANSFERS = (TO_ACCOUNT, TO_CARD, "")
"""Services that end in an account; a code without one is taken for a transfer."""
NAME_LENGTH_MAX, CITY_LENGTH_MAX, POSTAL_LENGTH_MAX = 25, 15, 10

Objects = tuple[tuple[str, str], ...]
"""Data objects in the order they stand: (two-digit tag, value)."""


@dataclass(frozen=True, slots=True)
class QRPayload:
    """A payment code taken apart. Fields are as found; `findings` says what is wrong with them."""

    text: str
    scheme: str
    """vietqr, vnpayqr, momo, zalopay; one of data/qr_schemes.csv; or unknown."""
    objects: Objects
    """Every root object but the checksum, unknown ones too, so that it can be written again."""
    is_dynamic: bool
    country: str
    currency: str
    bank_bin: str = ""
    account_no: str = ""
    """Account, card or merchant id, as text: leading zeros count."""
    service: str = ""
    amount_text: str = ""
    amount_vnd: int | None = None
    """Whole đồng; None where the payer types it or it cannot be read."""
    merchant_name: str = ""
    merchant_name_native: str = ""
    city: str = ""
    mcc: str = ""
    networks: tuple[str, ...] = ()
    """Every scheme and card network beside each other in the code, ours first."""
    fee_text: str = ""
    """What is added to the amount: “asked”, đồng as in 56, or a share as in 57 with its %."""
    bill: str = ""
    reference: str = ""
    memo: str = ""
    asked_of_payer: tuple[str, ...] = ()
    """Fields of 62 that hold “***”: the app asks the payer for them, they say nothing."""
    findings: tuple[QRError, ...] = ()

    @property
    def errors(self) -> tuple[QRError, ...]:
        """The findings that forbid a payment, in the order of the checks."""
        return tuple(found for found in self.findings if not found.is_warning)

    @property
    def is_transfer(self) -> bool:
        """Whether any bank app can pay it into an account over NAPAS 247.

        Not so a merchant's code (QRPUSH): its receiver is an id that only the acquirer knows.
        """
        return bool(self.bank_bin) and not self.errors and self.service in TRANSFERS

    def require_transfer(self) -> "QRPayload":
        """Itself, if it can be paid by a transfer.

        Raises: the first QRError of the findings, QRServiceUnknown for codes of another kind.
        """
        if self.errors:
            raise self.errors[0]
        if not self.is_transfer:
            raise QRServiceUnknown("Not a code for transfers.", "38-02", self.service)
        return self


def encode_objects(objects: Iterable[tuple[str, str]]) -> str:
    """Objects one after another; empty ones are left out. Lengths count characters.

    Raises: QRTextTooLong for a value over 99 characters: it is never wrapped or cut.
    """
    written = []
    for tag, value in objects:
        if len(value) > 99:
            raise QRTextTooLong("A value has at most 99 characters.", tag, value)
        if value:
            written.append(f"{tag}{len(value):02d}{value}")
    return "".join(written)


def decode_objects(text: str) -> Objects:
    """The objects of a payload or template, to its end.

    Raises: QRBroken where a tag or length is no number, or a value is short or empty.
    """
    found, at = [], 0
    while at < len(text):
        head = text[at : at + 4]
        if len(head) < 4 or not (head.isascii() and head.isdigit()):
            raise QRBroken(f"No tag and length at character {at}.", head[:2], head)
        length = int(head[2:])
        value = text[at + 4 : at + 4 + length]
        if length == 0 or len(value) != length:
            raise QRBroken(f"Object {head[:2]} says {length} characters.", head[:2], value)
        found.append((head[:2], value))
        at += 4 + length
    return tuple(found)


def decode_template(text: str) -> dict[str, str]:
    """The objects inside a template, by tag.

    Raises: QRBroken, also where one stands twice: two readers could take different ones.
    """
    objects = decode_objects(text)
    found = dict(objects)
    if len(found) < len(objects):
        raise QRBroken("An object stands twice inside.", value=text)
    return found


def crc16(text: str) -> str:
    """The checksum that closes a payload: four upper-case hex digits.

    CRC-16, polynomial 0x1021, start 0xFFFF, over the UTF-8 bytes up to and including “6304”.
    Source: EMV QR Code, Merchant-Presented Mode, data object 63.
    """
    return f"{binascii.crc_hqx(text.encode(), 0xFFFF):04X}"


def closed(objects: Iterable[tuple[str, str]]) -> str:
    """The objects as one payload, closed by its checksum."""
    body = encode_objects(objects) + "6304"
    return body + crc16(body)
