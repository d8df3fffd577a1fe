"""An invoice per occurrence: asked for with a form (106), answered (205). Pure, and one pending row.

For who has no registration and needs one invoice. Source: Decree 254/2026; the form's number is that
of the authority's list of forms, its tags follow the same manner and are ours where no table is known.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlmodel.ext.asyncio.session import AsyncSession

from einvoice import seal
from einvoice.delegating import Office, Party, day_of
from einvoice.envelope import (
    OCCASION,
    OCCASION_ANSWERED,
    Header,
    Message,
    Reason,
    message,
    notice_message,
    reason_list,
    whole,
)
from einvoice.errors import DocumentInvalid, FieldInvalid
from einvoice.invoice import VND_MAX
from einvoice.keys import Signer
from einvoice.kinds import OCCASION_REQUEST
from einvoice.markup import needed, tag, text_at, text_tag
from einvoice.outgoing import header_of, queued
from einvoice.seal import VIETNAM

FORM = "06/ĐN-PSĐT"
ANSWER_FORM = "01-1/QTr-HĐĐT"


@dataclass(frozen=True, kw_only=True)
class OccasionRequest:
    """Please give a code to one invoice: for whom, for what, how much."""

    seller: Party
    buyer_name: str
    what: str
    amount_vnd: int
    sold_on: date
    template: int = 2
    buyer_tax_id: str = ""
    buyer_address: str = ""
    contract: str = ""


def occasion_message(
    header: Header, asked: OccasionRequest, office: Office, signer: Signer, signed_at: datetime
) -> bytes:
    """A signed 106. Raises: FieldInvalid, MessageTooLarge."""
    assert header.kind == OCCASION
    if not (asked.what.strip() and asked.buyer_name.strip()) or len(asked.what) > 500:
        raise FieldInvalid("occasion.what", "buyer and goods must be named")
    if not 1 <= asked.amount_vnd <= VND_MAX:
        raise FieldInvalid("occasion.amount_vnd", "it is out of range")
    head = tag(
        "TTChung",
        text_tag("PBan", header.version),
        text_tag("MSo", FORM),
        text_tag("Ten", "Đơn đề nghị cấp hóa đơn điện tử có mã theo từng lần phát sinh"),
        text_tag("TNNT", asked.seller.name),
        text_tag("MST", asked.seller.tax_id),
        text_tag("DChi", asked.seller.address),
        text_tag("CQTQLy", office.name),
        text_tag("MCQTQLy", office.code),
        text_tag("DDanh", office.place),
        text_tag("NLap", signed_at.astimezone(VIETNAM).date().isoformat()),
    )
    body = tag(
        "NDDNghi",
        text_tag("KHMSHDon", str(asked.template)),
        text_tag("TNMua", asked.buyer_name),
        text_tag("MSTNMua", asked.buyer_tax_id),
        text_tag("DCNMua", asked.buyer_address),
        text_tag("THHDVu", asked.what),
        text_tag("NBHang", asked.sold_on.isoformat()),
        text_tag("SHDong", asked.contract),
        text_tag("TgTTTBSo", str(asked.amount_vnd)),
    )
    data = tag("DLDNghi", head, body, Id=f"DN{header.code}")
    form = f"<DNghi>{data}<DSCKS/></DNghi>".encode()
    return message(header, seal.sign(form, OCCASION_REQUEST, signer, signed_at).decode())


def occasion_in(request: Message) -> OccasionRequest:
    """What a 106 asks. Raises: DocumentInvalid."""
    data = needed(request.data, "DNghi/DLDNghi")
    head, body = needed(data, "TTChung"), needed(data, "NDDNghi")
    amount = text_at(body, "TgTTTBSo")
    if not (amount.isascii() and amount.isdigit() and 1 <= int(amount[:16]) <= VND_MAX):
        raise DocumentInvalid("TgTTTBSo is not an amount")
    return OccasionRequest(
        seller=Party(
            tax_id=text_at(head, "MST"), name=text_at(head, "TNNT"), address=text_at(head, "DChi")
        ),
        buyer_name=text_at(body, "TNMua"),
        what=text_at(body, "THHDVu"),
        amount_vnd=int(amount),
        sold_on=day_of(text_at(body, "NBHang")),
        template=whole(text_at(body, "KHMSHDon")),
        buyer_tax_id=text_at(body, "MSTNMua"),
        buyer_address=text_at(body, "DCNMua"),
        contract=text_at(body, "SHDong"),
    )


def occasion_answer(
    header: Header, name: str, reasons: Sequence[Reason], signer: Signer, at: datetime
) -> bytes:
    """A signed 205: the invoice may be sent (201), or why not."""
    assert header.kind == OCCASION_ANSWERED
    body = (
        text_tag("MST", header.tax_id),
        text_tag("TNNT", name),
        text_tag("KQua", "2" if reasons else "1"),
        reason_list(reasons),
    )
    title = "Thông báo phản hồi về hồ sơ đề nghị cấp hóa đơn điện tử có mã theo từng lần phát sinh"
    return notice_message(header, ANSWER_FORM, title, body, signer, at)


async def ask_occasion(
    db: AsyncSession,
    owner_id: UUID,
    asked: OccasionRequest,
    *,
    office: Office,
    message_id: UUID,
    sender: str,
    signer: Signer,
    now: datetime,
) -> None:
    """Write the request, pending; `claim_pending` hands it out, `message_state` says what became of it.

    Raises: FieldInvalid.
    """
    header = header_of(OCCASION, asked.seller.tax_id, sender, message_id, now)
    body = occasion_message(header, asked, office, signer, now)
    db.add(queued(header, body, owner_id, now))
    await db.flush()
