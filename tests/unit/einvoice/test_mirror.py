"""The same-tax mirror: L109 7, D68 4-5, L48 12.2.b."""

from datetime import date

from einvoice import mirror
from einvoice.household import Group, Revenue, TaxMethod
from einvoice.meter import Road
from einvoice.mirror import Takings

M = 1_000_000


def takings(vnd: int, group: Group = Group.GOODS, road: Road = Road.QR, site: str = "A12"):
    return Takings(groups=(group,), road=road, amount_vnd=vnd, site=site)


def test_cash_and_qr_owe_the_same():
    """D68 5.1: the base is revenue, and no article asks how it was paid."""
    seen = mirror.reflect(
        2026, [takings(700 * M, road=Road.CASH), takings(600 * M, Group.PRODUCTION)]
    )

    assert seen.all_cash_vnd == seen.all_qr_vnd == seen.by_percentage.total_vnd
    assert seen.by_percentage.total_vnd == 7 * M + 18 * M + 1_500_000


def test_the_method_that_costs_less_is_named_once_costs_are_known():
    """L109 7.2-7.3: by percentage or by profit, the household's choice up to 3 bn."""
    year = [takings(2_000 * M)]

    unknown = mirror.reflect(2026, year)
    dear = mirror.reflect(2026, year, costs_vnd=1_000 * M)
    thin = mirror.reflect(2026, year, costs_vnd=1_990 * M)

    assert unknown.best is None
    assert dear.best is TaxMethod.PERCENTAGE
    assert thin.best is TaxMethod.PROFIT


def test_the_best_split_is_compared_with_the_worst():
    """L109 7.3.a: goods 800 m and food 700 m; the free billion best taken from food."""
    seen = mirror.reflect(2026, [takings(800 * M), takings(700 * M, Group.PRODUCTION)])

    assert seen.by_percentage.pit_vnd == 2_500_000
    assert seen.split_saves_vnd == 5_000_000


def test_a_trade_that_gave_back_more_than_it_took_counts_as_nothing():
    seen = mirror.reflect(2026, [takings(5 * M), takings(-6 * M)])

    assert seen.by_percentage.revenue_vnd == 0


def test_the_quarter_that_passes_the_limit_bears_the_vat_of_the_time_before():
    """L48 12.2.b: VAT is due on all revenue; D68 8: filed from that quarter on."""

    def up_to(vnd: int) -> list[Revenue]:
        return [Revenue(groups=(Group.GOODS,), amount_vnd=vnd)]

    quarters = [
        mirror.tax_of_period(2026, up_to(before * M), up_to(until * M))
        for before, until in ((0, 600), (600, 900), (900, 1_200), (1_200, 1_500))
    ]

    assert quarters == [(0, 0), (0, 0), (12 * M, 1 * M), (3 * M, 1_500_000)]


def test_a_retroactive_change_recomputes_the_year_it_reaches_back_into():
    """L48: 200 m; L109: 500 m; D141 of 29 April 2026: one billion, for the whole year; D141 4.1."""
    told = mirror.as_known(2026, [Revenue(groups=(Group.GOODS,), amount_vnd=900 * M)])

    assert [(day, tax.threshold_vnd, tax.total_vnd) for day, tax in told] == [
        (date(2025, 12, 10), 500 * M, 11 * M),
        (date(2026, 4, 29), 1_000 * M, 0),
    ]


def test_what_no_change_touches_is_not_computed_anew():
    told = mirror.as_known(2026, [Revenue(groups=(Group.GOODS,), amount_vnd=0)])

    assert [tax.total_vnd for _, tax in told][-1] == 0
    assert all(day <= date(2026, 4, 29) for day, _ in told)
