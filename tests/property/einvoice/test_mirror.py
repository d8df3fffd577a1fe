"""However the money came and however the year is cut, the tax is one."""

from hypothesis import given, settings
from hypothesis import strategies as st

from einvoice import mirror
from einvoice.household import Group, tax_of
from einvoice.meter import Road
from einvoice.mirror import Takings

SITES = st.sampled_from(["A12", "B3"])
TAKINGS = st.lists(
    st.builds(
        Takings,
        groups=st.sampled_from(
            [(Group.GOODS,), (Group.PRODUCTION,), (Group.SERVICES, Group.GOODS)]
        ),
        road=st.sampled_from(Road),
        amount_vnd=st.integers(0, 2_000_000_000),
        site=SITES,
    ),
    max_size=8,
)


@settings(max_examples=60)
@given(TAKINGS, st.data())
def test_no_way_of_paying_changes_the_tax(takings, data):
    roads = data.draw(st.lists(st.sampled_from(Road), min_size=len(takings), max_size=len(takings)))
    otherwise = [
        Takings(groups=one.groups, road=road, amount_vnd=one.amount_vnd, site=one.site)
        for one, road in zip(takings, roads, strict=True)
    ]

    one, other = mirror.reflect(2026, takings), mirror.reflect(2026, otherwise)

    assert one == other
    assert one.all_cash_vnd == one.all_qr_vnd == one.by_percentage.total_vnd
    assert one.split_saves_vnd >= 0


@settings(max_examples=60)
@given(TAKINGS, st.lists(st.integers(0, 8), max_size=3))
def test_the_periods_of_a_year_add_up_to_the_year(takings, cuts):
    ends = [*sorted(min(one, len(takings)) for one in cuts), len(takings)]

    vat_vnd = pit_vnd = before = 0
    for end in ends:
        vat, pit = mirror.tax_of_period(
            2026, mirror.revenues_of(takings[:before]), mirror.revenues_of(takings[:end])
        )
        vat_vnd, pit_vnd, before = vat_vnd + vat, pit_vnd + pit, end

    whole = tax_of(2026, mirror.revenues_of(takings))
    assert (vat_vnd, pit_vnd) == (whole.vat_vnd, whole.pit_vnd)
