"""What the books are made from. Pure."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from einvoice import instruments, rules
from einvoice.books.sheet import Sheet, Table
from einvoice.household import Group
from einvoice.meter import Road


@dataclass(frozen=True, kw_only=True)
class Household:
    """Whose books they are."""

    name: str
    tax_id: str
    address: str
    sites: tuple[str, ...] = ()


@dataclass(frozen=True)
class Period:
    """The days a book or draft is about, and how it is called: “quý 4/2026”."""

    name: str
    since: date
    until: date
    """The last day."""


@dataclass(frozen=True, kw_only=True)
class Item:
    """Revenue that came in, or a cost that went out; a return is negative revenue."""

    on: date
    document: str
    text: str
    amount_vnd: int
    is_cash: bool
    groups: tuple[Group, ...] = ()
    """Empty for a cost."""
    site: str = ""
    road: Road = Road.OTHER
    is_deductible: bool = True
    """Of costs: what the profit method may take off."""
    is_stock: bool = False
    """Goods kept in S2d: they cost when they are sold."""


@dataclass(frozen=True, kw_only=True)
class GoodsMove:
    """Goods bought (with what they cost) or sold (without: their cost follows from the average)."""

    on: date
    document: str
    text: str
    goods: str
    unit: str
    quantity: Decimal
    """More than zero when bought, less when sold."""
    cost_vnd: int = 0


GROUP_NAMES = {
    Group.GOODS: "Phân phối, cung cấp hàng hóa",
    Group.SERVICES: "Dịch vụ, xây dựng không bao thầu nguyên vật liệu",
    Group.LETTING: "Cho thuê tài sản, đại lý bảo hiểm, xổ số",
    Group.PRODUCTION: "Sản xuất, vận tải, dịch vụ có gắn với hàng hóa (kể cả ăn uống)",
    Group.OTHER: "Hoạt động kinh doanh khác",
    Group.DIGITAL: "Nội dung số, quảng cáo số",
}


def group_name(groups: tuple[Group, ...]) -> str:
    """The trade group in words; several were not kept apart."""
    return " và ".join(GROUP_NAMES[one] for one in groups)


def basis_of(key: str, on: date) -> str:
    """The instrument a form or the books rest on, by its name; a repealed one is refused.

    Raises: InstrumentNotInForce, RuleUnknown.
    """
    named = instruments.named_in(rules.rule(key, on).source)
    circulars = [one for one in named if one.id.startswith("C")]
    return instruments.cite((circulars or named)[0].id, on)


def sheet_of(
    code: str,
    title: str,
    basis: str,
    household: Household,
    period: Period,
    tables: tuple[Table, ...],
    *notes: str,
    is_draft: bool = False,
) -> Sheet:
    """A sheet with the heads every book has."""
    heads = [
        ("Hộ, cá nhân kinh doanh", household.name),
        ("Mã số thuế", household.tax_id or "(chưa khai)"),
        ("Địa chỉ", household.address or "(chưa khai)"),
    ]
    if household.sites:
        heads.append(("Địa điểm kinh doanh", "; ".join(household.sites)))
    span = f"{period.since:%d/%m/%Y} đến {period.until:%d/%m/%Y}"
    heads.append(("Kỳ", f"{period.name}, từ {span}"))
    heads.append(("Đơn vị tính", "đồng Việt Nam"))
    return Sheet(
        code=code,
        title=title,
        basis=basis,
        is_draft=is_draft,
        heads=tuple(heads),
        tables=tables,
        notes=notes,
    )


def percent_text(percent: Decimal) -> str:
    """`1.5` → `1,5 %`."""
    return f"{percent.normalize():f} %".replace(".", ",")
