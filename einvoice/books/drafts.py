"""Drafts of what a household files: revenue notice, return, accounts, sites. Pure; nothing is sent.

Source: Circular 18/2026, Art. 3-4, 8 (C89 for periods from 1 July 2026); Decree 68/2026, Art. 8, 13.4.
The authority's own forms are filled in at its portal: a draft holds the figures and says where from.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from einvoice import rules
from einvoice.books.accounts import Accounts, parts_of, vnd_column
from einvoice.books.sheet import Cell, Column, Kind, Sheet, Table
from einvoice.books.values import basis_of, group_name, percent_text, sheet_of
from einvoice.meter import Road


class Form(StrEnum):
    """Which form. The value is the key of its rule."""

    REVENUE = "form_revenue_notice"
    RETURN = "form_return"
    ACCOUNTS = "form_accounts"
    SITES = "form_location"


@dataclass(frozen=True, kw_only=True)
class Account:
    """A bank account or wallet used for the business."""

    bank: str
    number: str
    holder: str
    since: date
    until: date | None = None


@dataclass(frozen=True, kw_only=True)
class Site:
    """A place of business."""

    code: str
    name: str
    address: str
    trade: str
    since: date
    until: date | None = None


def draft_of(
    form: Form,
    accounts: Accounts,
    *,
    bank_accounts: Sequence[Account] = (),
    sites: Sequence[Site] = (),
) -> Sheet:
    """A draft with the figures as the books have them.

    Raises: TaxNotComputed, InstrumentNotInForce.
    """
    day = accounts.period.until
    notes: tuple[str, ...] = ()
    if form is Form.REVENUE:
        tables = _revenue(accounts)
    elif form is Form.RETURN:
        tables, notes = _return(accounts), (_SPLIT,)
    elif form is Form.ACCOUNTS:
        tables = (_bank_accounts(bank_accounts),)
    else:
        tables = (_sites(sites),)
    code = rules.phrase(form.value, day)
    titles = rules.table("form_titles", day)
    return sheet_of(
        code,
        next(str(row["title"]) for row in titles if row["form"] == code),
        basis_of(form.value, day),
        accounts.household,
        accounts.period,
        tables,
        *notes,
        "Số liệu lấy từ Chợ 4.0 và từ những gì chủ hộ tự ghi; hãy so với tờ khai cơ quan thuế gợi ý.",
        "Bản này chưa gửi đi đâu: chủ hộ tự nộp ở cổng của cơ quan thuế.",
        is_draft=True,
    )


_SPLIT = "Phần được trừ chia sao cho thuế cả năm ít nhất; số âm là phần của kỳ trước chuyển sang nhóm khác."
_ROAD_NAMES = {
    Road.QR: "Chuyển khoản, thẻ, ví",
    Road.CASH: "Tiền mặt",
    Road.PLATFORM: "Qua sàn có đặt hàng và thanh toán",
    Road.OTHER: "Bán ngoài Chợ 4.0, tự ghi",
}


def _revenue(accounts: Accounts) -> tuple[Table, ...]:
    sums: dict[tuple[str, str], int] = {}
    roads = dict.fromkeys(Road, 0)
    for one in accounts.items:
        key = (one.site, group_name(one.groups))
        sums[key] = sums.get(key, 0) + one.amount_vnd
        roads[one.road] += one.amount_vnd
    rows: list[tuple[Cell, ...]] = [
        (str(number), group, site, vnd)
        for number, ((site, group), vnd) in enumerate(sorted(sums.items()), 1)
    ]
    columns = (Column("STT", 5), Column("Nhóm ngành nghề", 44), Column("Địa điểm", 26),
               vnd_column("Doanh thu", 18))  # fmt: skip
    by_road: list[tuple[Cell, ...]] = [(_ROAD_NAMES[road], vnd) for road, vnd in roads.items()]
    return (
        Table("Doanh thu của kỳ", columns, rows),
        Table(
            "Trong đó, để tự đối chiếu",
            (Column("Cách nhận tiền", 60), vnd_column("Doanh thu", 18)),
            by_road,
        ),
    )


def _return(accounts: Accounts) -> tuple[Table, ...]:
    parts = parts_of(accounts)
    columns = (
        Column("Nhóm ngành nghề", 40),
        Column("Địa điểm", 20),
        vnd_column("Doanh thu", 16),
        Column("Tỷ lệ GTGT", 9),
        vnd_column("Thuế GTGT", 14),
        vnd_column("Doanh thu được trừ", 16),
        Column("Tỷ lệ TNCN", 9),
        vnd_column("Thuế TNCN", 14),
    )
    rows: list[tuple[Cell, ...]] = [
        (
            group_name(one.groups),
            one.site,
            one.revenue_vnd,
            percent_text(one.part.vat_percent),
            one.vat_vnd,
            one.taken_vnd,
            percent_text(one.part.pit_percent),
            one.pit_vnd,
        )
        for one in parts
    ]
    total_vnd = sum(one.vat_vnd + one.pit_vnd for one in parts)
    return (Table("Thuế của kỳ", columns, rows, (("Tổng thuế của kỳ", total_vnd),)),)


def _bank_accounts(accounts: Sequence[Account]) -> Table:
    columns = (
        Column("STT", 5),
        Column("Ngân hàng, ví điện tử", 26),
        Column("Số tài khoản", 22),
        Column("Chủ tài khoản", 28),
        Column("Dùng từ ngày", 13, Kind.DAY),
        Column("Đến ngày", 13, Kind.DAY),
    )
    rows = [
        (str(number), one.bank, one.number, one.holder, one.since, one.until)
        for number, one in enumerate(accounts, 1)
    ]
    return Table("Tài khoản dùng cho kinh doanh", columns, rows)


def _sites(sites: Sequence[Site]) -> Table:
    columns = (
        Column("Mã", 10),
        Column("Tên địa điểm", 24),
        Column("Địa chỉ", 44),
        Column("Ngành nghề", 20),
        Column("Từ ngày", 12, Kind.DAY),
        Column("Đến ngày", 12, Kind.DAY),
    )
    rows = [(one.code, one.name, one.address, one.trade, one.since, one.until) for one in sites]
    return Table("Địa điểm kinh doanh", columns, rows)
