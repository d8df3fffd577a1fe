"""S2d: goods in and out at the weighted average of the period. Pure.

Source: Circular 152/2025/TT-BTC (S2d-HKD).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, localcontext

from einvoice import amounts
from einvoice.books.sheet import Cell, Column, Kind, Table
from einvoice.books.values import GoodsMove

ZERO = Decimal(0)


@dataclass(frozen=True, kw_only=True)
class StockCard:
    """One kind of goods over one period."""

    goods: str
    unit: str
    opening: Decimal
    opening_vnd: int
    moves: tuple[GoodsMove, ...]
    bought: Decimal
    bought_vnd: int
    sold: Decimal
    sold_vnd: int
    """What the sold goods cost; only as many as there were."""

    @property
    def closing(self) -> Decimal:
        """What is left; less than zero where a purchase was not written down."""
        return self.opening + self.bought - self.sold

    @property
    def closing_vnd(self) -> int:
        """What it cost."""
        return self.opening_vnd + self.bought_vnd - self.sold_vnd


def stock_cards(moves: Iterable[GoodsMove], since: date) -> list[StockCard]:
    """A card for each kind of goods ever bought; what moved before `since` makes the opening stock.

    Goods that were sold and never bought have no card: they are not kept in stock.
    """
    by_goods: dict[tuple[str, str], list[GoodsMove]] = {}
    names: dict[tuple[str, str], tuple[str, str]] = {}
    for one in moves:
        key = (one.goods.casefold(), one.unit.casefold())
        by_goods.setdefault(key, []).append(one)
        names.setdefault(key, (one.goods, one.unit))
    return [
        _card(names[key], sorted(found, key=lambda one: one.on), since)
        for key, found in sorted(by_goods.items())
        if any(one.quantity > 0 for one in found)
    ]


def stock_tables(cards: Sequence[StockCard]) -> tuple[Table, ...]:
    """A table for each kind of goods."""
    if not cards:
        return (Table("", _COLUMNS, ()),)
    return tuple(Table(f"{card.goods} ({card.unit})", _COLUMNS, _rows(card)) for card in cards)


_COLUMNS = (
    Column("Số hiệu chứng từ", 16),
    Column("Ngày, tháng", 12, Kind.DAY),
    Column("Diễn giải", 28),
    Column("Nhập: lượng", 12, Kind.QUANTITY),
    Column("Nhập: tiền", 14, Kind.VND),
    Column("Xuất: lượng", 12, Kind.QUANTITY),
    Column("Xuất: tiền", 14, Kind.VND),
    Column("Tồn: lượng", 12, Kind.QUANTITY),
    Column("Tồn: tiền", 14, Kind.VND),
)


def _card(name: tuple[str, str], moves: Sequence[GoodsMove], since: date) -> StockCard:
    opening, opening_vnd = ZERO, 0
    earlier = [one for one in moves if one.on < since]
    if earlier:
        before = _period(name, earlier, ZERO, 0)
        opening, opening_vnd = before.closing, before.closing_vnd
    return _period(name, [one for one in moves if one.on >= since], opening, opening_vnd)


def _period(
    name: tuple[str, str], moves: Sequence[GoodsMove], opening: Decimal, opening_vnd: int
) -> StockCard:
    bought = sum((one.quantity for one in moves if one.quantity > 0), ZERO)
    bought_vnd = sum(one.cost_vnd for one in moves if one.quantity > 0)
    sold = -sum((one.quantity for one in moves if one.quantity < 0), ZERO)
    there, there_vnd = max(ZERO, opening) + bought, opening_vnd + bought_vnd
    return StockCard(
        goods=name[0],
        unit=name[1],
        opening=opening,
        opening_vnd=opening_vnd,
        moves=tuple(moves),
        bought=bought,
        bought_vnd=bought_vnd,
        sold=sold,
        sold_vnd=_share(there_vnd, min(sold, there), there),
    )


def _share(whole_vnd: int, part: Decimal, whole: Decimal) -> int:
    if whole <= 0:
        return 0
    with localcontext(prec=amounts.DIGITS):
        return amounts.rounded(Decimal(whole_vnd) * part / whole)


def _rows(card: StockCard) -> list[tuple[Cell, ...]]:
    rows: list[tuple[Cell, ...]] = [
        ("", None, "Tồn đầu kỳ", None, None, None, None, card.opening, card.opening_vnd)
    ]
    for one in card.moves:
        is_in = one.quantity > 0
        rows.append(
            (
                one.document,
                one.on,
                one.text,
                one.quantity if is_in else None,
                one.cost_vnd if is_in else None,
                None if is_in else -one.quantity,
                None,
                None,
                None,
            )
        )
    rows.append(
        (
            "",
            None,
            "Cộng, tồn cuối kỳ",
            card.bought,
            card.bought_vnd,
            card.sold,
            card.sold_vnd,
            card.closing,
            card.closing_vnd,
        )
    )
    return rows
