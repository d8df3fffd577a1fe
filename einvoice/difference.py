"""What an adjustment invoice says: differences, an increase positive, a decrease negative. Pure.

Source: Circular 91/2026, Art. 10.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

from einvoice import amounts
from einvoice.invoice import Line, Nature


def merged(*invoices: Iterable[Line]) -> tuple[Line, ...]:
    """An invoice and its adjustments as one: equal goods added up, what came to nothing left out."""
    return _lines([one for lines in invoices for one in lines], [])


def differences(before: Iterable[Line], after: Iterable[Line]) -> tuple[Line, ...]:
    """The lines that make `after` of `before`; none where they say the same."""
    return _lines(after, before)


def lessened(
    lines: Sequence[Line], amount_vnd: int, index: int | None = None
) -> tuple[Line, ...] | None:
    """Lines that take `amount_vnd` off, as returned goods do; None where a person must say of which.

    All of it takes every line back. Less is of the line at `index`, else of the only one there is, or
    of the only one that costs so much. A whole number of pieces is said as such. For lines without VAT.
    """
    goods = [one for one in lines if one.nature is not Nature.NOTE]
    if amount_vnd == sum(_signed_vnd(one) for one in goods):
        return differences(goods, ())
    if index is not None:
        chosen = [lines[index]] if (lines[index].amount_vnd or 0) >= amount_vnd else []
    elif len(goods) == 1:
        chosen = goods
    else:
        chosen = [one for one in goods if one.amount_vnd == amount_vnd]
    if len(chosen) != 1 or chosen[0].nature is not Nature.GOODS:
        return None
    return (_less(chosen[0], amount_vnd),)


def spread(lines: Sequence[Line], amount_vnd: int) -> tuple[Line, ...]:
    """Lines that take `amount_vnd` off all goods, each by its share; the last bears the remainder."""
    goods = [one for one in lines if one.nature is Nature.GOODS and (one.amount_vnd or 0) > 0]
    total_vnd = sum(one.amount_vnd or 0 for one in goods)
    assert 0 < amount_vnd <= total_vnd
    left_vnd, found = amount_vnd, []
    for one in goods:
        share_vnd = (one.amount_vnd or 0) * left_vnd // total_vnd if total_vnd else 0
        if one is goods[-1]:
            share_vnd = left_vnd
        total_vnd -= one.amount_vnd or 0
        left_vnd -= share_vnd
        if share_vnd:
            found.append(_less(one, share_vnd))
    return tuple(found)


def _less(one: Line, amount_vnd: int) -> Line:
    """The line that takes `amount_vnd` off this one, in pieces where it is a whole number of them."""
    quantity = None
    if one.quantity and amount_vnd == one.amount_vnd:
        quantity = one.quantity
    elif one.quantity and one.unit_price_vnd and amount_vnd % one.unit_price_vnd == 0:
        quantity = min(one.quantity, Decimal(int(amount_vnd / one.unit_price_vnd)))
    return _line(one, None if quantity is None else -quantity, -amount_vnd)


def _signed_vnd(one: Line) -> int:
    return -(one.amount_vnd or 0) if one.nature is Nature.DISCOUNT else (one.amount_vnd or 0)


def _lines(plus: Iterable[Line], minus: Iterable[Line]) -> tuple[Line, ...]:
    """Goods of one name and price added up; where one of them has no price, of one name."""
    signed = [(-1, one) for one in minus] + [(1, one) for one in plus]
    signed = [(sign, one) for sign, one in signed if one.nature is not Nature.NOTE]
    unpriced = {_name(one) for _, one in signed if _price(one) is None}
    found: dict[Any, tuple[Line, Decimal, int]] = {}
    for sign, one in signed:
        name = _name(one)
        key = name, None if name in unpriced else _price(one)
        first, quantity, amount_vnd = found.get(key, (one, Decimal(0), 0))
        quantity += sign * (one.quantity or Decimal(0))
        found[key] = first, quantity, amount_vnd + sign * (one.amount_vnd or 0)
    return tuple(
        _line(one, None if key[1] is None else quantity, amount_vnd)
        for key, (one, quantity, amount_vnd) in found.items()
        if amount_vnd or (quantity and key[1] is not None)
    )


def _name(one: Line) -> Any:
    return one.nature, one.name, one.code, one.unit, one.vat_rate, one.trade_group


def _price(one: Line) -> Decimal | None:
    return None if one.quantity is None else one.unit_price_vnd


def _line(one: Line, quantity: Decimal | None, amount_vnd: int) -> Line:
    price = one.unit_price_vnd
    fits = (
        quantity is not None
        and price is not None
        and amounts.line_amount_vnd(quantity, price, 0) == amount_vnd
    )
    return replace(
        one,
        quantity=quantity if fits else None,
        unit_price_vnd=price if fits else None,
        discount_percent=None,
        discount_vnd=None,
        amount_vnd=amount_vnd,
    )


def cheaper(
    lines: Sequence[Line], amount_vnd: int, index: int | None = None
) -> tuple[Line, ...] | None:
    """The same goods for `amount_vnd` less, as a replacement says them; None as for `lessened`."""
    less = lessened(lines, amount_vnd, index)
    if less is None or len(less) != 1 or amount_vnd == sum(_signed_vnd(one) for one in lines):
        return None
    at = (
        index
        if index is not None
        else next(i for i, one in enumerate(lines) if _same(one, less[0]))
    )
    one = lines[at]
    left_vnd = (one.amount_vnd or 0) - amount_vnd
    price = None
    if one.quantity and left_vnd:
        price = (left_vnd / one.quantity).quantize(Decimal("0.000001")).normalize() + 0
    return (*lines[:at], *(_priced(one, price, left_vnd) if left_vnd else ()), *lines[at + 1 :])


def _same(one: Line, less: Line) -> bool:
    return one.nature is Nature.GOODS and (one.name, one.unit) == (less.name, less.unit)


def _priced(one: Line, price: Decimal | None, amount_vnd: int) -> tuple[Line, ...]:
    quantity = one.quantity
    return (_line(replace(one, unit_price_vnd=price), quantity if price else None, amount_vnd),)
