"""An invoice per occurrence: asked for with a form (106), answered (205), sent (201), given its code (202).

For who has no registration and needs one invoice. Source: Decree 254/2026; the form's number is that
of the authority's list of forms, its tags follow the same manner and are ours where no table is known.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from einvoice import rules, seal, series, validity
from einvoice.delegating import Office, Party, day_of
from einvoice.envelope import (
    FOR_A_CODE_ONCE,
    OCCASION,
    OCCASION_ANSWERED,
    WITH_CODE,
    Header,
    Message,
    Reason,
    invoices_message,
    message,
    notice_message,
    read_message,
    reason_list,
    whole,
)
from einvoice.errors import DocumentInvalid, FieldInvalid, NotPossible, TotalsWrong
from einvoice.findings import embedded_invoice
from einvoice.identifiers import ONCE, series_symbol
from einvoice.invoice import VAT_INVOICE, VND_MAX, Buyer, Invoice, Line, Seller, totals_of
from einvoice.keys import Signer
from einvoice.kinds import OCCASION_REQUEST
from einvoice.markup import needed, tag, text_at, text_tag
from einvoice.outgoing import header_of, queued
from einvoice.qr import lookup_payload
from einvoice.seal import VIETNAM
from einvoice.tables import MessageRow, ReplyRow

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


def occasion_invoice(
    asked: OccasionRequest,
    lines: Sequence[Line],
    *,
    number: int,
    letters: str,
    payment_form: str,
    file_number: str,
    on: date,
) -> Invoice:
    """The invoice that was asked for, under the letter L of its symbol.

    Raises: SymbolInvalid; TotalsWrong where the lines are not worth what was asked for.
    """
    totals = totals_of(asked.template, lines)
    if totals.payable_vnd != asked.amount_vnd:
        raise TotalsWrong("payable_vnd", said=asked.amount_vnd, computed=totals.payable_vnd)
    symbol = series_symbol(asked.template, letters, on, kind=ONCE)
    seller = asked.seller
    buyer = Buyer(name=asked.buyer_name, tax_id=asked.buyer_tax_id, address=asked.buyer_address)
    title = "name_vat_invoice" if asked.template == VAT_INVOICE else "name_sales_invoice"
    return Invoice(
        version=rules.phrase("format_version", on),
        title=rules.phrase(title, on),
        template=asked.template,
        symbol=symbol,
        number=number,
        issued_on=on,
        seller=Seller(name=seller.name, tax_id=seller.tax_id, address=seller.address),
        buyer=buyer,
        lines=tuple(lines),
        totals=totals,
        payment_form=payment_form,
        file_number=file_number,
        lookup=lookup_payload(
            seller.tax_id, asked.template, symbol, number, on, totals.payable_vnd
        ),
    )


async def send_occasion(
    db: AsyncSession,
    request_id: UUID,
    lines: Sequence[Line],
    *,
    payment_form: str,
    letters: str = "AA",
    message_id: UUID,
    sender: str,
    signer: Signer,
    now: datetime,
) -> Invoice:
    """Number and sign the invoice that message 106 asked for, and write the 201 with it, pending.

    Once for a request: its file number is the request's. `coded_occasion` has it when it came back.
    Raises: NotPossible where the authority has not agreed, or it was sent before; SymbolInvalid,
    TotalsWrong, FieldInvalid, SellerOfAnother, SeriesExhausted, SignerFailed.
    """
    query = select(MessageRow).where(col(MessageRow.id) == request_id).with_for_update()
    request = (await db.exec(query.execution_options(populate_existing=True))).one_or_none()
    if request is None or request.kind != OCCASION or request.state != "accepted":
        raise NotPossible("the tax office has not agreed to this invoice")
    asked, on = occasion_in(read_message(request.body)), now.astimezone(VIETNAM).date()
    file_number = request.code[-20:]
    given = {"payment_form": payment_form, "letters": letters, "file_number": file_number, "on": on}
    draft = occasion_invoice(asked, lines, number=1, **given)  # type: ignore[arg-type]
    validity.check(draft)
    if await _sent_before(db, request.tax_id, file_number):
        raise NotPossible("the invoice of this request was sent before")
    number = await series.next_number(
        db, request.owner_id, request.tax_id, asked.template, draft.symbol
    )
    invoice = occasion_invoice(asked, lines, number=number, **given)  # type: ignore[arg-type]
    header = header_of(FOR_A_CODE_ONCE, request.tax_id, sender, message_id, now)
    body = invoices_message(header, [seal.write_signed(invoice, signer, now)], signer, now)
    db.add(queued(header, body, request.owner_id, now))
    await db.flush()
    return invoice


async def _sent_before(db: AsyncSession, tax_id: str, file_number: str) -> bool:
    """Unless it was refused; then it may be set right and sent again."""
    query = select(MessageRow.body).where(
        col(MessageRow.tax_id) == tax_id,
        col(MessageRow.kind) == FOR_A_CODE_ONCE,
        col(MessageRow.state) != "rejected",
    )
    mark = f"<MHSo>{file_number}</MHSo>".encode()
    return any(mark in body for body in await db.exec(query))


async def coded_occasion(db: AsyncSession, message_id: UUID) -> bytes | None:
    """The invoice of a 201 with its code and the authority's signature, byte for byte; None before."""
    query = select(ReplyRow.body).where(
        col(ReplyRow.message_id) == message_id, col(ReplyRow.kind) == WITH_CODE
    )
    body = (await db.exec(query)).first()
    return None if body is None else embedded_invoice(body)
