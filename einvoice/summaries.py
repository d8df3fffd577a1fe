"""The summary table 01/TH-HĐĐT (message 400): invoices without code, told line by line. Pure, and one
pending row.

Source: Decree 254/2026, Art. 16; the tags are those of QĐ 1510/QĐ-TCT, part II.IV.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from lxml import etree
from sqlmodel.ext.asyncio.session import AsyncSession

from einvoice import kinds, seal
from einvoice.delegating import day_of
from einvoice.document import number_text
from einvoice.envelope import SUMMARY, Header, Message, message, whole
from einvoice.errors import DocumentInvalid, FieldInvalid
from einvoice.invoice import Invoice, Method
from einvoice.keys import Signer
from einvoice.markup import needed, tag, text_at, text_tag
from einvoice.notices import NoticeKind
from einvoice.outgoing import header_of, queued
from einvoice.seal import VIETNAM

LINES_MAX = 5_000
"""Far under 2 MB; more go into the next table of the period."""
FORM = "01/TH-HĐĐT"
OTHER_GOODS = "9"
"""LHHoa: not petrol."""


@dataclass(frozen=True, kw_only=True)
class SummaryLine:
    """One invoice at one rate, as the table tells it."""

    template: str
    symbol: str
    number: str
    issued_on: date
    buyer_name: str = ""
    buyer_tax_id: str = ""
    net_vnd: int | None = None
    vat_rate: str = ""
    vat_vnd: int | None = None
    payable_vnd: int
    state: NoticeKind = NoticeKind.NEW
    corrects: tuple[str, str, str] | None = None
    """Template, symbol, number of the invoice that is replaced or adjusted."""
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Summary:
    """The invoices of one period."""

    name: str
    tax_id: str
    period_kind: str
    """T a month, Q a quarter, N a day."""
    period: str
    """12/2026, 3/2026, 15/12/2026."""
    number: int
    """Of the table within the period, from 1."""
    lines: tuple[SummaryLine, ...]
    supplement: int = 0
    """0 the first time; else the how manieth supplement."""


def lines_of(invoice: Invoice) -> list[SummaryLine]:
    """An invoice as the table tells it: a line per rate, one where there is none."""
    related = invoice.related
    state, corrects = NoticeKind.NEW, None
    if related is not None:
        state = NoticeKind.REPLACES if related.method is Method.REPLACES else NoticeKind.ADJUSTS
        corrects = (related.template, related.symbol, related.number)
    common = {
        "template": str(invoice.template),
        "symbol": invoice.symbol,
        "number": str(invoice.number),
        "issued_on": invoice.issued_on,
        "buyer_name": invoice.buyer.name,
        "buyer_tax_id": invoice.buyer.tax_id,
        "state": state,
        "corrects": corrects,
    }
    if not invoice.totals.rates:
        return [SummaryLine(**common, payable_vnd=invoice.totals.payable_vnd)]  # type: ignore[arg-type]
    return [
        SummaryLine(
            **common,  # type: ignore[arg-type]
            net_vnd=one.net_vnd,
            vat_rate=one.rate,
            vat_vnd=one.vat_vnd,
            payable_vnd=one.net_vnd + one.vat_vnd,
        )
        for one in invoice.totals.rates
    ]


def summary_message(
    header: Header, tables: Sequence[Summary], signer: Signer, signed_at: datetime
) -> bytes:
    """A 400 with one or several signed tables. Raises: FieldInvalid, MessageTooLarge."""
    assert header.kind == SUMMARY
    assert header.count == len(tables)
    signed = []
    for index, one in enumerate(tables, 1):
        if not 1 <= len(one.lines) <= LINES_MAX:
            raise FieldInvalid("summary.lines", f"from 1 to {LINES_MAX}")
        body = f"<BTHDLieu>{_table(one, header, index, signed_at)}<DSCKS/></BTHDLieu>".encode()
        signed.append(seal.sign(body, kinds.SUMMARY, signer, signed_at).decode())
    return message(header, "".join(signed))


def _table(one: Summary, header: Header, index: int, at: datetime) -> str:
    head = tag(
        "TTChung",
        text_tag("PBan", header.version),
        text_tag("MSo", FORM),
        text_tag("Ten", "Bảng tổng hợp dữ liệu hóa đơn điện tử"),
        text_tag("SBTHDLieu", str(one.number)),
        text_tag("LKDLieu", one.period_kind),
        text_tag("KDLieu", one.period),
        text_tag("LDau", "0" if one.supplement else "1"),
        text_tag("BSLThu", str(one.supplement) if one.supplement else ""),
        text_tag("NLap", at.astimezone(VIETNAM).date().isoformat()),
        text_tag("TNNT", one.name),
        text_tag("MST", one.tax_id),
        text_tag("DVTTe", "VND"),
        text_tag("LHHoa", OTHER_GOODS),
    )
    rows = (_line(place, line) for place, line in enumerate(one.lines, 1))
    return tag(
        "DLBTHop", head, tag("NDBTHDLieu", tag("DSDLieu", *rows)), Id=f"BTH{index}{header.code}"
    )


def _line(place: int, one: SummaryLine) -> str:
    corrects = one.corrects or ("", "", "")
    return tag(
        "DLieu",
        text_tag("STT", str(place)),
        text_tag("KHMSHDon", one.template),
        text_tag("KHHDon", one.symbol),
        text_tag("SHDon", one.number),
        text_tag("NLap", one.issued_on.isoformat()),
        text_tag("TNMua", one.buyer_name),
        text_tag("MSTNMua", one.buyer_tax_id),
        _vnd("TTCThue", one.net_vnd),
        text_tag("TSuat", one.vat_rate),
        _vnd("TgTThue", one.vat_vnd),
        _vnd("TgTTToan", one.payable_vnd),
        text_tag("TThai", str(int(one.state))),
        text_tag("LHDCLQuan", "1" if one.corrects else ""),
        text_tag("KHMSHDCLQuan", corrects[0]),
        text_tag("KHHDCLQuan", corrects[1]),
        text_tag("SHDCLQuan", corrects[2]),
        text_tag("GChu", one.note),
    )


def _vnd(name: str, amount_vnd: int | None) -> str:
    return "" if amount_vnd is None else text_tag(name, number_text(amount_vnd))


def summaries_in(request: Message) -> tuple[Summary, ...]:
    """The tables of a 400. Raises: DocumentInvalid."""
    return tuple(_read(needed(one, "DLBTHop")) for one in request.data.findall("BTHDLieu"))


def _read(node: etree._Element) -> Summary:
    head = needed(node, "TTChung")
    listed = needed(node, "NDBTHDLieu/DSDLieu").findall("DLieu")
    return Summary(
        name=text_at(head, "TNNT"),
        tax_id=text_at(head, "MST"),
        period_kind=text_at(head, "LKDLieu"),
        period=text_at(head, "KDLieu"),
        number=whole(text_at(head, "SBTHDLieu")),
        supplement=whole(text_at(head, "BSLThu", "0")),
        lines=tuple(map(_read_line, listed)),
    )


def _read_line(node: etree._Element) -> SummaryLine:
    related = tuple(text_at(node, one) for one in ("KHMSHDCLQuan", "KHHDCLQuan", "SHDCLQuan"))
    payable_vnd = _read_vnd(node, "TgTTToan")
    if payable_vnd is None:
        raise DocumentInvalid("DLieu/TgTTToan is missing")
    state = text_at(node, "TThai")
    if state not in {str(int(one)) for one in NoticeKind}:
        raise DocumentInvalid("TThai is none of the states")
    return SummaryLine(
        template=text_at(node, "KHMSHDon"),
        symbol=text_at(node, "KHHDon"),
        number=text_at(node, "SHDon"),
        issued_on=day_of(text_at(node, "NLap")),
        buyer_name=text_at(node, "TNMua"),
        buyer_tax_id=text_at(node, "MSTNMua"),
        net_vnd=_read_vnd(node, "TTCThue"),
        vat_rate=text_at(node, "TSuat"),
        vat_vnd=_read_vnd(node, "TgTThue"),
        payable_vnd=payable_vnd,
        state=NoticeKind(int(state)),
        corrects=(related[0], related[1], related[2]) if related[2] else None,
        note=text_at(node, "GChu"),
    )


def _read_vnd(node: etree._Element, name: str) -> int | None:
    text = text_at(node, name)
    if not text:
        return None
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 19):
        raise DocumentInvalid(f"{name} “{text[:40]}” is not in whole đồng")
    return int(text)


async def file_summary(
    db: AsyncSession,
    owner_id: UUID,
    tables: Sequence[Summary],
    *,
    message_id: UUID,
    sender: str,
    signer: Signer,
    now: datetime,
) -> None:
    """Write the tables of one seller, pending; `message_state` says what became of them.

    Raises: FieldInvalid, MessageTooLarge.
    """
    header = header_of(SUMMARY, tables[0].tax_id, sender, message_id, now, tables)
    db.add(queued(header, summary_message(header, tables, signer, now), owner_id, now))
    await db.flush()
