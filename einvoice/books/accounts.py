"""The books of a household business: S1a, S2a, S2b, S2c, S2e. Pure; S2d is in `stock`.

The circular's own columns are not confirmed: these follow what each book must show.
Source: Circular 152/2025/TT-BTC (S1a-HKD, S2a-HKD to S2e-HKD).
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from einvoice import rules
from einvoice.books.sheet import Cell, Column, Kind, Sheet, Table
from einvoice.books.stock import StockCard, stock_tables
from einvoice.books.values import (
    Household,
    Item,
    Period,
    basis_of,
    group_name,
    percent_text,
    sheet_of,
)
from einvoice.household import Group, Revenue, TaxPart, tax_of
from einvoice.mirror import Takings, revenues_of

DOCUMENT = Column("Số hiệu chứng từ", 18)
DAY = Column("Ngày, tháng", 12, Kind.DAY)
TEXT = Column("Diễn giải", 40)


def vnd_column(name: str, width: int = 16) -> Column:
    """A column of đồng that is added up."""
    return Column(name, width, Kind.VND, is_summed=True)


class Book(StrEnum):
    """Which book; the value is its code."""

    S1A = "S1a-HKD"
    """Revenue, of who owes no tax."""
    S2A = "S2a-HKD"
    """Revenue by trade group with both taxes, by percentage."""
    S2B = "S2b-HKD"
    """Revenue, by profit."""
    S2C = "S2c-HKD"
    """Revenue and costs, by profit."""
    S2D = "S2d-HKD"
    """Goods, at the weighted average, by profit."""
    S2E = "S2e-HKD"
    """Cash and bank, by profit."""


@dataclass(frozen=True, kw_only=True)
class Accounts:
    """Everything the books of one period are made from."""

    household: Household
    period: Period
    items: Sequence[Item]
    """Revenue of the period, in order of days."""
    costs: Sequence[Item] = ()
    before: tuple[Revenue, ...] = ()
    """Revenue of the year before the period, for the taxes that fall on the period."""
    cards: Sequence[StockCard] = ()

    @property
    def until(self) -> tuple[Revenue, ...]:
        """Revenue of the year up to the period's end."""
        earlier = [
            Takings(groups=one.groups, road=Item.road, amount_vnd=one.amount_vnd, site=one.site)
            for one in self.before
        ]
        return revenues_of([*earlier, *takings_of(self.items)])


@dataclass(frozen=True)
class PeriodPart:
    """What one trade at one site owes for a period."""

    groups: tuple[Group, ...]
    site: str
    revenue_vnd: int
    part: TaxPart
    """Its rates."""
    vat_vnd: int
    pit_vnd: int
    taken_vnd: int
    """How much of the free amount it used in the period."""


def takings_of(items: Iterable[Item]) -> Iterator[Takings]:
    """Revenue lines as the mirror counts them."""
    for one in items:
        yield Takings(groups=one.groups, road=one.road, amount_vnd=one.amount_vnd, site=one.site)


def parts_of(accounts: Accounts) -> list[PeriodPart]:
    """The taxes by percentage of a period: the year up to its end less the year before it.

    Raises: TaxNotComputed.
    """
    year = accounts.period.since.year
    earlier = {
        (one.revenue.site, one.revenue.groups): one for one in tax_of(year, accounts.before).parts
    }
    found = []
    for part in tax_of(year, accounts.until).parts:
        old = earlier.get((part.revenue.site, part.revenue.groups))
        found.append(
            PeriodPart(
                groups=part.revenue.groups,
                site=part.revenue.site,
                revenue_vnd=part.revenue.amount_vnd - (old.revenue.amount_vnd if old else 0),
                part=part,
                vat_vnd=part.vat_vnd - (old.vat_vnd if old else 0),
                pit_vnd=part.pit_vnd - (old.pit_vnd if old else 0),
                taken_vnd=part.taken_vnd - (old.taken_vnd if old else 0),
            )
        )
    return found


def book_of(book: Book, accounts: Accounts) -> Sheet:
    """One of the books.

    Raises: TaxNotComputed, and InstrumentNotInForce for a period the circular has no force in.
    """
    makers = {
        Book.S1A: _revenue,
        Book.S2A: _by_group,
        Book.S2B: _with_vat,
        Book.S2C: _revenue_and_costs,
        Book.S2D: _goods,
        Book.S2E: _money,
    }
    tables, notes = makers[book](accounts)
    titles = rules.table("book_titles", accounts.period.until)
    title = next(str(row["title"]) for row in titles if row["book"] == book.value)
    return sheet_of(
        book.value,
        title,
        basis_of("books", accounts.period.until),
        accounts.household,
        accounts.period,
        tables,
        *notes,
    )


# ── The books ───────────────────────────────────────────────────────────────────────────────────

Made = tuple[tuple[Table, ...], tuple[str, ...]]
_RETURNS = "Hàng bị trả lại ghi số âm vào ngày trả lại."


def _revenue(accounts: Accounts) -> Made:
    columns = (DOCUMENT, DAY, TEXT, vnd_column("Số tiền"))
    return (Table("", columns, _rows(accounts.items)),), (_RETURNS,)


def _by_group(accounts: Accounts) -> Made:
    columns = (DOCUMENT, DAY, TEXT, vnd_column("Số tiền"))
    tables = []
    for one in parts_of(accounts):
        items = [
            item for item in accounts.items if (item.groups, item.site) == (one.groups, one.site)
        ]
        after: tuple[tuple[str, Cell], ...] = (
            (f"Thuế GTGT {percent_text(one.part.vat_percent)}", one.vat_vnd),
            ("Doanh thu được trừ trước khi tính thuế TNCN", one.taken_vnd),
            (f"Thuế TNCN {percent_text(one.part.pit_percent)}", one.pit_vnd),
        )
        title = " · ".join(filter(None, (group_name(one.groups), one.site)))
        tables.append(Table(title, columns, _rows(items), after))
    return tuple(tables) or (Table("", columns, ()),), (
        _RETURNS,
        "Thuế của kỳ là thuế của cả năm tính đến cuối kỳ, trừ phần của các kỳ trước.",
    )


def _with_vat(accounts: Accounts) -> Made:
    columns = (DOCUMENT, DAY, TEXT, vnd_column("Số tiền"))
    vat = tuple(
        (
            f"Thuế GTGT {percent_text(one.part.vat_percent)}: {group_name(one.groups)}",
            one.vat_vnd,
        )
        for one in parts_of(accounts)
    )
    return (Table("", columns, _rows(accounts.items), vat),), (_RETURNS,)


def _revenue_and_costs(accounts: Accounts) -> Made:
    columns = (DOCUMENT, DAY, TEXT, vnd_column("Doanh thu"), vnd_column("Chi phí được trừ"))
    costs = [one for one in accounts.costs if one.is_deductible and not one.is_stock]
    sold_vnd = sum(card.sold_vnd for card in accounts.cards)
    if sold_vnd:
        sold = "Giá vốn hàng đã bán trong kỳ"
        end = accounts.period.until
        costs.append(Item(on=end, document="S2d-HKD", text=sold, amount_vnd=sold_vnd, is_cash=True))
    both = [*((one, True) for one in accounts.items), *((one, False) for one in costs)]
    both.sort(key=lambda pair: pair[0].on)
    rows = [
        (one.document, one.on, one.text, *_sides(one.amount_vnd, is_left=is_revenue))
        for one, is_revenue in both
    ]
    left_vnd = sum(one.amount_vnd if is_revenue else -one.amount_vnd for one, is_revenue in both)
    tables = [Table("", columns, rows, (("Chênh lệch", left_vnd),))]
    left_out = [one for one in accounts.costs if not one.is_deductible]
    if left_out:
        tables.append(
            Table(
                "Chi phí không được trừ: từ 5.000.000 đồng mà thiếu hóa đơn hoặc trả tiền mặt",
                (DOCUMENT, DAY, TEXT, vnd_column("Số tiền")),
                _rows(left_out),
            )
        )
    return tuple(tables), (_RETURNS, "Tiền công của chính chủ hộ không tính vào chi phí.")


def _goods(accounts: Accounts) -> Made:
    return stock_tables(accounts.cards), (
        "Giá xuất theo bình quân gia quyền của cả kỳ.",
        "Hàng bán nhiều hơn số đã ghi nhập thì lượng tồn âm: cần ghi thêm lần mua còn thiếu.",
    )


def _money(accounts: Accounts) -> Made:
    """Money in is revenue, money out is returns and costs, the deductible or not."""
    both = [*((one, one.amount_vnd) for one in accounts.items)]
    both += [(one, -one.amount_vnd) for one in accounts.costs]
    both.sort(key=lambda pair: pair[0].on)
    columns = (DOCUMENT, DAY, TEXT, vnd_column("Thu"), vnd_column("Chi"))
    tables = []
    for is_cash, title in ((True, "Tiền mặt"), (False, "Tiền gửi ngân hàng, ví điện tử")):
        moves = [(one, vnd) for one, vnd in both if one.is_cash is is_cash]
        rows = [
            (one.document, one.on, one.text, *_sides(abs(vnd), is_left=vnd > 0))
            for one, vnd in moves
        ]
        left: Cell = sum(vnd for _, vnd in moves)
        tables.append(Table(title, columns, rows, (("Thu trừ chi trong kỳ", left),)))
    return tuple(tables), ("Tiền có sẵn đầu kỳ, rút hoặc nộp vào ngân hàng: chủ hộ tự ghi thêm.",)


def _sides(amount_vnd: int, *, is_left: bool) -> tuple[int | None, int | None]:
    return (amount_vnd, None) if is_left else (None, amount_vnd)


def _rows(items: Iterable[Item]) -> Iterator[tuple[Cell, ...]]:
    return ((one.document, one.on, one.text, one.amount_vnd) for one in items)
