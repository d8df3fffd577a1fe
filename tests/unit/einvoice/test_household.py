"""Household tax of 2026: each rule by its article."""

from datetime import date

import pytest

from einvoice.errors import TaxNotComputed
from einvoice.household import Group, Revenue, TaxMethod, tax_of, withheld_vnd

M = 1_000_000


def revenue(amount_vnd: int, *groups: Group, reduced_vnd: int = 0) -> Revenue:
    return Revenue(groups=groups or (Group.GOODS,), amount_vnd=amount_vnd, reduced_vnd=reduced_vnd)


@pytest.mark.parametrize(
    ("revenues", "vat_vnd", "pit_vnd"),
    [
        ([revenue(1_000 * M)], 0, 0),
        ([revenue(1_000 * M + 1)], 10 * M, 0),
        ([revenue(1_200 * M)], 12 * M, 1 * M),
        ([revenue(1_500 * M, Group.PRODUCTION)], 45 * M, 7_500_000),
        ([revenue(800 * M), revenue(700 * M, Group.PRODUCTION)], 29 * M, 2_500_000),
        ([revenue(1_300 * M, Group.LETTING)], 65 * M, 15 * M),
        ([revenue(2_000 * M, Group.SERVICES)], 100 * M, 20 * M),
        ([revenue(2_000 * M, Group.OTHER)], 40 * M, 10 * M),
        ([], 0, 0),
    ],
)
def test_vat_is_a_cliff_and_income_tax_begins_above_the_threshold(revenues, vat_vnd, pit_vnd):
    """L48 12.2.b, L109 7.3.a, D68 4.3, D141 1.1: exactly one billion is still free."""
    tax = tax_of(2026, revenues)

    assert (tax.vat_vnd, tax.pit_vnd) == (vat_vnd, pit_vnd)


def test_the_seller_may_split_the_free_billion_and_the_best_split_is_found():
    """L109 7.3.a, D68 4.3."""
    both = [revenue(800 * M), revenue(700 * M, Group.PRODUCTION)]

    naive = tax_of(2026, both, allowance={0: 800 * M, 1: 200 * M})

    assert naive.pit_vnd == 7_500_000
    assert tax_of(2026, both).pit_vnd == 2_500_000
    assert [part.taken_vnd for part in tax_of(2026, both).parts] == [300 * M, 700 * M]


@pytest.mark.parametrize("allowance", [{0: 1_001 * M}, {1: 1}, {0: -1}, {0: 2_000 * M}])
def test_a_split_that_takes_more_than_there_is_is_refused(allowance):
    with pytest.raises(TaxNotComputed):
        tax_of(2026, [revenue(1_500 * M)], allowance=allowance)


def test_what_is_not_kept_apart_pays_the_highest_rate():
    """C69 5.2."""
    tax = tax_of(2026, [revenue(2_000 * M, Group.GOODS, Group.SERVICES)])

    assert (tax.vat_vnd, tax.pit_vnd) == (100 * M, 20 * M)


def test_the_vat_cut_takes_a_fifth_of_the_rate_and_ends_with_2026():
    """NQ204: goods normally at 10 % only, until 31 December 2026."""
    meal = [revenue(1_500 * M, Group.PRODUCTION, reduced_vnd=500 * M)]

    assert tax_of(2026, meal).vat_vnd == 45 * M - 3 * M
    with pytest.raises(TaxNotComputed):
        tax_of(2027, meal)


def test_by_profit_the_rate_follows_the_revenue():
    """L109 7.2, D68 4.5: 15 % up to 3 bn, 17 % up to 50 bn, 20 % above."""
    for revenue_vnd, percent in ((3_000 * M, 15), (3_000 * M + 1, 17), (50_000 * M + 1, 20)):
        tax = tax_of(2026, [revenue(revenue_vnd)], method=TaxMethod.PROFIT,
                     costs_vnd=revenue_vnd - 100 * M)  # fmt: skip
        assert tax.pit_vnd == percent * M
        assert tax.profit_percent == percent


def test_by_profit_a_loss_pays_no_income_tax_and_costs_must_be_said():
    rows = [revenue(1_500 * M)]

    assert tax_of(2026, rows, method=TaxMethod.PROFIT, costs_vnd=1_600 * M).pit_vnd == 0
    with pytest.raises(TaxNotComputed):
        tax_of(2026, rows, method=TaxMethod.PROFIT)


def test_letting_is_taxed_by_percentage_whatever_the_method():
    tax = tax_of(2026, [revenue(1_200 * M, Group.LETTING), revenue(500 * M)],
                 method=TaxMethod.PROFIT, costs_vnd=400 * M)  # fmt: skip

    assert tax.pit_vnd == 10 * M + 15 * M


def test_over_three_billion_the_method_changes_next_year():
    """D68 4.5."""
    assert not tax_of(2026, [revenue(3_000 * M)]).must_change_method
    assert tax_of(2026, [revenue(3_000 * M + 1)]).must_change_method


def test_a_threshold_that_became_known_later_recomputes_the_year():
    """L109 said 500 million; D141 of 29 April 2026 said one billion for the whole year."""
    rows = [revenue(900 * M)]

    before = tax_of(2026, rows, known_on=date(2026, 4, 28))
    after = tax_of(2026, rows, known_on=date(2026, 4, 29))

    assert (before.vat_vnd, before.pit_vnd) == (9 * M, 2 * M)
    assert (after.vat_vnd, after.pit_vnd) == (0, 0)


@pytest.mark.parametrize(
    "rows", [[revenue(-1)], [Revenue(groups=(), amount_vnd=1)], [revenue(1, reduced_vnd=2)]]
)
def test_nonsense_is_refused(rows):
    with pytest.raises(TaxNotComputed):
        tax_of(2026, rows)


def test_before_2026_nothing_is_computed():
    """NQ198 10.6: lump sums ended on 1 January 2026."""
    with pytest.raises(TaxNotComputed):
        tax_of(2025, [revenue(1)])


@pytest.mark.parametrize(
    ("kind", "on", "resident", "expected"),
    [
        ("goods", date(2026, 6, 30), True, (10_000, 5_000)),
        ("goods", date(2026, 7, 1), True, (10_000, 5_000)),
        ("services", date(2026, 7, 1), True, (50_000, 20_000)),
        ("transport", date(2026, 7, 1), True, (30_000, 15_000)),
        ("?", date(2026, 7, 1), True, (50_000, 20_000)),
        ("services", date(2026, 1, 1), False, (50_000, 50_000)),
    ],
)
def test_platforms_with_ordering_and_payment_withhold(kind, on, resident, expected):
    """D117; from 1 July 2026 D252 43-46."""
    assert withheld_vnd(kind, 1 * M, on, is_resident=resident) == expected
