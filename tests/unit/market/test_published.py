from dataclasses import replace
from datetime import date
from uuid import UUID

from market import published
from market.adoption import Scope, StallTotals
from market.periods import Period

NOVEMBER = Period(date(2026, 10, 15), date(2026, 11, 14), "administrative")
AREA, OTHER_AREA = UUID(int=50), UUID(int=51)
SMALL, MIDDLE, LARGE = UUID(int=1), UUID(int=2), UUID(int=3)


def stalls_of(hall_id, count, first, **facts):
    base = StallTotals(
        stall_id=UUID(int=0), hall_id=hall_id, area_id=AREA, vendor_id=None, code="A1",
        trade="rau củ", is_active=True, has_code=True, cashless_count=2, cashless_vnd=90_000,
    )  # fmt: skip
    return [
        replace(base, stall_id=UUID(int=first + n), vendor_id=UUID(int=9_000 + first + n), **facts)
        for n in range(count)
    ]


def ward():
    return [*stalls_of(SMALL, 3, 100), *stalls_of(MIDDLE, 6, 200), *stalls_of(LARGE, 9, 300)]


def test_a_small_halls_money_does_not_follow_from_the_ward_less_the_others():
    told = published.published(ward(), NOVEMBER)

    assert told.whole["B3"].value == 18 * 90_000
    assert told.halls[SMALL]["B3"].withheld == "small_cell"
    assert told.halls[MIDDLE]["B3"].withheld == "with_another"
    assert told.halls[MIDDLE]["B3"].numerator is None
    assert told.halls[LARGE]["B3"].value == 9 * 90_000


def test_the_operator_of_halls_large_enough_loses_nothing():
    told = published.published([*stalls_of(MIDDLE, 6, 200), *stalls_of(LARGE, 9, 300)], NOVEMBER)

    assert all(
        not one.withheld
        for found in told.halls.values()
        for one in found.values()
        if one.code[0] == "A"
    )
    assert told.of(Scope("hall", MIDDLE))["B2"].value == 12


def test_the_terms_of_a_share_tell_no_count_that_is_kept_back():
    careful = {"cash_count": 1, "cash_vnd": 10_000, "selling_days": 2, "cash_days": 2}
    few = [
        *stalls_of(SMALL, 3, 100, **careful),
        *stalls_of(SMALL, 7, 150, cashless_count=0, **careful),
    ]
    rest = [*stalls_of(MIDDLE, 6, 200, **careful), *stalls_of(LARGE, 9, 300, **careful)]

    told = published.published([*few, *rest], NOVEMBER)

    assert told.halls[SMALL]["B2"].withheld
    for hall in told.halls.values():
        assert hall["B6"].withheld or not hall["B2"].withheld
        assert hall["B7"].numerator is None or not hall["B3"].withheld


def test_an_area_of_a_small_hall_is_kept_back_with_the_smallest_other():
    other = [replace(one, area_id=OTHER_AREA) for one in stalls_of(LARGE, 9, 300)]
    third = [replace(one, area_id=None) for one in stalls_of(UUID(int=4), 20, 400)]

    told = published.published([*stalls_of(SMALL, 3, 100), *other, *third], NOVEMBER)

    assert told.areas[AREA]["B2"].withheld == "small_cell"
    assert told.areas[OTHER_AREA]["B2"].withheld == "with_another"
    assert told.halls[LARGE]["B2"].withheld == "with_another"
    assert told.areas[None]["B2"].value == 40
