"""The vendor's books, drafts of what is filed, lines written by hand, and the evening's check."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any
from uuid import UUID

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.enums import RequestEncodingType
from litestar.params import Body, FromPath, QueryParameter
from litestar.response import Redirect, Template

from einvoice import books, instruments
from einvoice.books import Book, EntryKind, Finding, Form
from einvoice.errors import BookEntryInvalid
from market import clock, ids
from market.db import Database, Viewer
from market.errors import NotFound
from market.flows import books as book_flow
from market.flows import day_check, tax, till_numbers
from market.web import auth
from market.web.i18n import N_
from market.web.tax import own_stall
from payments import suspense
from payments.amounts import parse_vnd

BOOKS: Mapping[str, tuple[Book, str, str]] = {
    "s1a": (Book.S1A, N_("Doanh thu"), N_("Khi chưa phải nộp thuế: chỉ cần sổ này.")),
    "s2a": (Book.S2A, N_("Doanh thu và thuế theo nhóm"), N_("Khi tính thuế theo doanh thu.")),
    "s2b": (Book.S2B, N_("Doanh thu và thuế giá trị gia tăng"), N_("Khi tính thuế theo lãi.")),
    "s2c": (Book.S2C, N_("Doanh thu và chi phí"), N_("Khi tính thuế theo lãi.")),
    "s2d": (Book.S2D, N_("Hàng hóa nhập, xuất, tồn"), N_("Khi tính thuế theo lãi.")),
    "s2e": (Book.S2E, N_("Tiền mặt và tiền trong ngân hàng"), N_("Khi tính thuế theo lãi.")),
}
DRAFTS: Mapping[str, tuple[Form, str, str]] = {
    "tkn": (Form.REVENUE, "01/TKN-CNKD", N_("Thông báo doanh thu")),
    "cnkd": (Form.RETURN, "01/CNKD", N_("Tờ khai thuế")),
    "stk": (Form.ACCOUNTS, "01/BK-STK", N_("Tài khoản ngân hàng dùng bán hàng")),
    "ddkd": (Form.SITES, "01/TB-ĐĐKD", N_("Địa điểm bán hàng")),
}
KINDS: Mapping[EntryKind, str] = {
    EntryKind.GOODS: N_("Mua hàng về bán"),
    EntryKind.COST: N_("Chi phí: thuê sạp, điện, vận chuyển…"),
    EntryKind.PLATFORM_SALE: N_("Bán qua sàn"),
    EntryKind.OTHER_SALE: N_("Bán ở nơi khác"),
}
SHOWN_MAX = 50
AMOUNT_VND_MAX = 100_000_000_000
FINDINGS: Mapping[Finding, tuple[str, str, str]] = {
    Finding.NO_INVOICE: ("brick", N_("Chưa lập hóa đơn"), N_("Lập ngay ở trang Tiền về: vẫn phải lập dù đã muộn.")),
    Finding.REJECTED: ("brick", N_("Cơ quan thuế không nhận"), N_("Mở hóa đơn xem lý do, sửa rồi gửi lại.")),
    Finding.WRONG_DAY: ("honey", N_("Lập khác ngày bán"), N_("Giữ chứng từ; lần sau lập ngay khi giao hàng.")),
    Finding.AMOUNT_DIFFERS: ("brick", N_("Hóa đơn khác số tiền bán"), N_("Mở hóa đơn, chọn Có gì sai để thay thế.")),
    Finding.NO_ADJUSTMENT: ("brick", N_("Đã hoàn tiền, hóa đơn chưa điều chỉnh"), N_("Mở hóa đơn, chọn Khách trả hàng.")),
    Finding.NO_MONEY: ("honey", N_("Ghi là đủ tiền nhưng chưa thấy tiền"), N_("Xem lại tài khoản ngân hàng của lần bán này.")),
    Finding.NO_SALE: ("honey", N_("Có tiền hoặc hóa đơn mà không có lần bán"), N_("Xem mục Tiền chưa rõ của đơn nào.")),
    Finding.LATE: ("brick", N_("Quá hạn gửi cơ quan thuế"), N_("Chợ 4.0 vẫn đang gửi lại; giữ máy có mạng.")),
    Finding.SENT_LATE: ("honey", N_("Đã nhận, nhưng gửi muộn"), N_("Không phải làm gì thêm.")),
    Finding.WAITING: ("river", N_("Đang chờ cơ quan thuế"), N_("Còn trong hạn, không phải làm gì.")),
    Finding.NOT_REQUIRED: ("stone", N_("Không cần hóa đơn"), N_("Lúc bán chưa phải lập hóa đơn, hoặc tiền đã hoàn hết.")),
    Finding.RIGHT: ("leaf", N_("Khớp cả bốn"), ""),
}  # fmt: skip
"""Colour, words, what to do."""


@dataclass(frozen=True, kw_only=True)
class EntryForm:
    """A line written by hand, as typed."""

    kind: str = ""
    on: str = ""
    text: str = ""
    amount: str = ""
    is_cash: str = ""
    document: str = ""
    goods: str = ""
    unit: str = ""
    quantity: str = ""


@get("/ban-hang/{stall_id:uuid}/so-sach", guards=[auth.owner_of_stall], include_in_schema=False)
async def books_page(
    stall_id: FromPath[UUID],
    database: NamedDependency[Database],
    viewer: NamedDependency[Viewer],
    me: NamedDependency[auth.SignedIn | None],
    now: NamedDependency[datetime],
    ky: Annotated[str, QueryParameter()] = "",
) -> Template:
    """Books and drafts of a period to take away, and what was written by hand."""
    today = clock.local_day(now)
    chosen = ky or str(today.year)
    period = book_flow.period_of(chosen, today)
    async with database.as_viewer(viewer) as db:
        stall, vendor_id = await own_stall(db, stall_id, me)
        year = await tax.tax_year(db, vendor_id, period.until)
    told = tax.meter_of(year)
    is_liable = told.limits[0].passed_on is not None
    entries = [one for one in year.entries if one.on >= period.since]
    context = {
        "stall": stall,
        "today": today,
        "period": period,
        "chosen": chosen,
        "periods": book_flow.periods_until(today),
        "books": [
            {"slug": slug, "code": book.value, "name": name, "when": when,
             "is_due": (book is Book.S1A) != is_liable and book in {Book.S1A, Book.S2A}}
            for slug, (book, name, when) in BOOKS.items()
        ],
        "drafts": [
            {"slug": slug, "code": code, "name": name} for slug, (_, code, name) in DRAFTS.items()
        ],
        "kinds": [(kind.value, name) for kind, name in KINDS.items()],
        "kind_names": {kind.value: name for kind, name in KINDS.items()},
        "entries": entries[-SHOWN_MAX:][::-1],
        "entry_count": len(entries),
        "is_empty": not year.sold and not year.entries,
    }  # fmt: skip
    return Template("books.html", context=context)


@get("/ban-hang/{stall_id:uuid}/so-sach/{slug:str}/{ky:str}/{kind:str}",
     guards=[auth.owner_of_stall], include_in_schema=False)  # fmt: skip
async def take_away(
    stall_id: FromPath[UUID],
    slug: FromPath[str],
    ky: FromPath[str],
    kind: FromPath[str],
    database: NamedDependency[Database],
    viewer: NamedDependency[Viewer],
    me: NamedDependency[auth.SignedIn | None],
    now: NamedDependency[datetime],
) -> Response[bytes]:
    """One book or draft of a period, as xlsx or pdf."""
    if kind not in {"xlsx", "pdf"} or not (slug in BOOKS or slug in DRAFTS):
        raise NotFound("book", f"{slug} {kind}"[:60])
    period = book_flow.period_of(ky, clock.local_day(now))
    async with database.as_viewer(viewer) as db:
        _stall, vendor_id = await own_stall(db, stall_id, me)
        if slug in BOOKS:
            sheet = await book_flow.book(db, vendor_id, BOOKS[slug][0], period)
        else:
            sheet = await book_flow.draft(db, vendor_id, DRAFTS[slug][0], period)
    content = books.pdf_of(sheet) if kind == "pdf" else books.xlsx_of(sheet)
    media = "application/pdf" if kind == "pdf" else XLSX
    headers = {
        "content-disposition": f'attachment; filename="{slug}-{ky}.{kind}"',
        "cache-control": "private, no-store",
    }
    return Response(content, media_type=media, headers=headers)


XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@post("/ban-hang/{stall_id:uuid}/so-sach", guards=[auth.owner_of_stall], include_in_schema=False,
      status_code=303)  # fmt: skip
async def write_line(
    stall_id: FromPath[UUID],
    data: Annotated[EntryForm, Body(media_type=RequestEncodingType.URL_ENCODED)],
    database: NamedDependency[Database],
    viewer: NamedDependency[Viewer],
    me: NamedDependency[auth.SignedIn | None],
    now: NamedDependency[datetime],
) -> Redirect:
    """Write a cost, a purchase or a sale from elsewhere into the books."""
    today = clock.local_day(now)
    async with database.as_viewer(viewer) as db:
        _stall, vendor_id = await own_stall(db, stall_id, me)
        entry = _entry(data, vendor_id, today)
        await books.write_entry(db, entry, today=today, now=now)
    return Redirect(f"/ban-hang/{stall_id}/so-sach?ky={entry.on.year}#tu-ghi", status_code=303)


@post("/ban-hang/{stall_id:uuid}/so-sach/{entry_id:uuid}/bo", guards=[auth.owner_of_stall],
      include_in_schema=False, status_code=303)  # fmt: skip
async def strike_line(
    stall_id: FromPath[UUID],
    entry_id: FromPath[UUID],
    database: NamedDependency[Database],
    viewer: NamedDependency[Viewer],
    me: NamedDependency[auth.SignedIn | None],
    now: NamedDependency[datetime],
) -> Redirect:
    """Take a line out again."""
    async with database.as_viewer(viewer) as db:
        _stall, vendor_id = await own_stall(db, stall_id, me)
        await books.strike_entry(db, vendor_id, entry_id, now=now)
    return Redirect(f"/ban-hang/{stall_id}/so-sach#tu-ghi", status_code=303)


@get("/ban-hang/{stall_id:uuid}/doi-chieu", guards=[auth.owner_of_stall], include_in_schema=False)
async def day_page(
    stall_id: FromPath[UUID],
    database: NamedDependency[Database],
    viewer: NamedDependency[Viewer],
    me: NamedDependency[auth.SignedIn | None],
    now: NamedDependency[datetime],
    ngay: Annotated[date | None, QueryParameter()] = None,
) -> Template:
    """A day on four sides: money, sales, invoices, what the authority accepted."""
    today = clock.local_day(now)
    day = min(ngay or today, today)
    async with database.as_viewer(viewer) as db:
        stall, vendor_id = await own_stall(db, stall_id, me)
        check = await day_check.check(db, vendor_id, day, now=now)
        waiting = await suspense.waiting(db, vendor_id)
        passed = await till_numbers.passed(db, vendor_id, *clock.day_bounds(day))
    rows = [one for one in check.items if one.finding is not Finding.RIGHT]
    context = {
        "stall": stall,
        "check": check,
        "waiting": waiting,
        "passed": passed,
        "spelled": instruments.spelled,
        "day": day,
        "before": day - timedelta(days=1),
        "after": day + timedelta(days=1) if day < today else None,
        "findings": [
            {"mark": FINDINGS[finding][0], "words": FINDINGS[finding][1],
             "remedy": FINDINGS[finding][2], "count": count, "is_trouble": finding.is_trouble,
             "items": [one for one in rows if one.finding is finding][:SHOWN_MAX]}
            for finding, count in books.findings_by_count(check).items()
        ],
    }  # fmt: skip
    return Template("day_check.html", context=context)


def _entry(data: EntryForm, vendor_id: UUID, today: date) -> books.Entry:
    kinds: dict[str, Any] = {kind.value: kind for kind in EntryKind}
    if data.kind not in kinds:
        raise BookEntryInvalid("kind", "choose what it is")
    try:
        on = date.fromisoformat(data.on) if data.on else today
        quantity = Decimal(data.quantity.replace(",", ".")) if data.quantity.strip() else None
    except (ValueError, InvalidOperation) as wrong:
        raise BookEntryInvalid("on or quantity", "it cannot be read") from wrong
    is_goods = data.kind == EntryKind.GOODS.value
    return books.Entry(
        id=ids.new(),
        owner_id=vendor_id,
        kind=kinds[data.kind],
        on=on,
        text=data.text,
        amount_vnd=parse_vnd(data.amount, AMOUNT_VND_MAX),
        is_cash=data.is_cash != "bank",
        document=data.document,
        goods=data.goods if is_goods else "",
        unit=data.unit if is_goods else "",
        quantity=quantity if is_goods else None,
    )


routers = [books_page, take_away, write_line, strike_line, day_page]
