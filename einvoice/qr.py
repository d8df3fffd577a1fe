"""The lookup QR of an invoice (DLQRCode): EMV TLV with a checksum. Pure."""

from binascii import crc_hqx
from datetime import date

from einvoice.errors import DocumentInvalid
from einvoice.identifiers import undashed

GUID = "A000000775"


def lookup_payload(
    tax_id: str, template: int, symbol: str, number: int, issued_on: date, payable_vnd: int
) -> str:
    """The text of the QR that lets anyone ask the tax authority about this invoice.

    Source: QĐ 1450/QĐ-TCT, part I.7.
    """
    day = issued_on.isoformat().replace("-", "")
    template_99 = (
        f"{_tlv('00', GUID)}{_tlv('01', undashed(tax_id))}{_tlv('02', str(template))}"
        f"{_tlv('03', symbol)}{_tlv('04', str(number))}{_tlv('05', day)}{_tlv('06', str(payable_vnd))}"
    )
    open_end = f"{_tlv('00', '01')}{_tlv('99', template_99)}6304"
    return open_end + crc16(open_end.encode())


def read_lookup_payload(text: str) -> dict[str, str]:
    """The fields of template 99, by their two digits.

    Raises: DocumentInvalid for a broken checksum, a broken length or a code of another kind.
    """
    if len(text) < 8 or text[-8:-4] != "6304" or crc16(text[:-4].encode()) != text[-4:]:
        raise DocumentInvalid("the checksum of the lookup QR is wrong")
    fields = _fields(text[:-8])
    inner = _fields(fields.get("99", ""))
    if inner.get("00") != GUID:
        raise DocumentInvalid("the QR is not an invoice lookup")
    return inner


def crc16(payload: bytes) -> str:
    """CRC-16, polynomial 0x1021, start 0xFFFF, as four upper-case hex digits."""
    return f"{crc_hqx(payload, 0xFFFF):04X}"


def _tlv(tag: str, value: str) -> str:
    assert len(value) <= 99
    return f"{tag}{len(value):02d}{value}" if value else ""


def _fields(text: str) -> dict[str, str]:
    fields: dict[str, str] = {}
    while text:
        tag, size, text = text[:2], text[2:4], text[4:]
        if not (tag + size).isascii() or not size.isdigit() or int(size) > len(text):
            raise DocumentInvalid("a length in the lookup QR is wrong")
        if tag in fields:
            raise DocumentInvalid("a field of the lookup QR stands twice")
        fields[tag], text = text[: int(size)], text[int(size) :]
    return fields
