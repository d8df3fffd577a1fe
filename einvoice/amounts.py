"""Invoice money: rounding, VAT, VAT-inclusive prices. Pure.

No text fixes a rounding mode; this is ours: half up, away from zero for negatives, once per line
and once per rate.
"""

import re
from decimal import ROUND_HALF_UP, Context, Decimal, localcontext

DIGITS = 60
"""Working precision: two 21-digit factors fit with room."""
_EXACT = Context(prec=DIGITS)
_multiply, _whole = _EXACT.multiply, Context(DIGITS, ROUND_HALF_UP).to_integral_value
RATE = re.compile(r"(0%|5%|8%|10%|KCT|KKKNT|KHAC:[0-9]{1,2}(\.[0-9]{1,2})?%)")
"""VAT rate codes. KCT exempt, KKKNT not declared, KHAC another rate. Source: QĐ 1510/QĐ-TCT."""


def rounded(amount: Decimal | int) -> int:
    """The whole đồng nearest to `amount`; exactly half goes away from zero."""
    return int(Decimal(amount).to_integral_value(ROUND_HALF_UP))


def line_amount_vnd(quantity: Decimal, unit_price_vnd: Decimal | int, discount_vnd: int = 0) -> int:
    """What one line costs: quantity × price rounded once, less the discount."""
    return int(_whole(_multiply(quantity, unit_price_vnd))) - discount_vnd


def vat_percent(rate: str) -> Decimal:
    """The percentage behind a rate code; exempt and undeclared goods carry none."""
    assert RATE.fullmatch(rate), rate
    if rate in {"KCT", "KKKNT"}:
        return Decimal(0)
    return Decimal(rate.removeprefix("KHAC:").removesuffix("%"))


def vat_vnd(net_vnd: int, rate: str) -> int:
    """VAT on the net subtotal of one rate."""
    with localcontext(prec=DIGITS):
        return rounded(net_vnd * vat_percent(rate) / 100)


def split_inclusive(gross_vnd: int, rate: str) -> tuple[int, int]:
    """Net and VAT of a price that includes VAT; they always add up to the price.

    The VAT is the difference, so for some prices it is 1 đ off `vat_vnd(net)`: 20,000 at 8 % is
    18,519 + 1,481. Checks allow 1 đ per rate for that reason.
    """
    with localcontext(prec=DIGITS):
        net_vnd = rounded(gross_vnd * Decimal(100) / (100 + vat_percent(rate)))
    return net_vnd, gross_vnd - net_vnd


def percentage_reduction_vnd(amount_vnd: int, percent: Decimal, cut_percent: int) -> int:
    """By how much a percentage-method seller's total falls when the rate is cut.

    A meal of 100,000 at 3 % with a cut of 20 %: 600.
    """
    with localcontext(prec=DIGITS):
        return rounded(amount_vnd * percent / 100 * cut_percent / 100)
