"""Whoever knows every told cell and that lines add up learns nothing of fewer than five vendors."""

from hypothesis import given, settings
from hypothesis import strategies as st

from market.suppression import CELL_VENDORS_MIN, Line, hidden_of


def test_a_single_small_cell_takes_the_smallest_large_one_with_it():
    vendors = {"ward": 26, "a": 3, "b": 8, "c": 15}

    hidden = hidden_of(vendors, [Line("ward", ["a", "b", "c"])])

    assert hidden == {"a", "b"}


def test_two_small_cells_together_are_still_small():
    vendors = {"ward": 24, "a": 2, "b": 2, "c": 20}

    assert hidden_of(vendors, [Line("ward", ["a", "b", "c"])]) == {"a", "b", "c"}


def test_a_cell_without_vendors_protects_nobody_and_is_told():
    vendors = {"ward": 11, "a": 3, "b": 0, "c": 8}

    assert hidden_of(vendors, [Line("ward", ["a", "b", "c"])]) == {"a", "c"}


def test_nothing_is_hidden_where_every_cell_is_large():
    assert hidden_of({"ward": 12, "a": 5, "b": 7}, [Line("ward", ["a", "b"])]) == set()


def test_below_a_hidden_total_nothing_is_told():
    vendors = {"ward": 22, "old": 4, "new": 18, "h1": 4, "h2": 9, "h3": 9}
    lines = [Line("ward", ["old", "new"]), Line("old", ["h1"]), Line("new", ["h2", "h3"])]

    assert hidden_of(vendors, lines) == {"old", "new", "h1", "h2", "h3"}


def test_an_area_of_one_hall_is_hidden_with_its_hall():
    vendors = {"ward": 30, "a": 10, "b": 20, "h1": 10, "h2": 20}
    lines = [Line("ward", ["a", "b"]), Line("a", ["h1"]), Line("b", ["h2"])]

    hidden = hidden_of(vendors, lines, ["h1"])

    assert {"a", "h1"} <= hidden


@given(st.lists(st.lists(st.integers(0, 12), min_size=1, max_size=4), min_size=1, max_size=4))
@settings(max_examples=100, deadline=None)
def test_no_line_with_a_told_total_has_a_lone_or_a_small_secret(areas: list[list[int]]):
    vendors: dict[str, int] = {"ward": sum(map(sum, areas))}
    lines = [Line("ward", [f"a{i}" for i in range(len(areas))])]
    for i, halls in enumerate(areas):
        vendors |= {f"a{i}": sum(halls)} | {f"a{i}h{j}": n for j, n in enumerate(halls)}
        lines.append(Line(f"a{i}", [f"a{i}h{j}" for j in range(len(halls))]))

    hidden = hidden_of(vendors, lines)

    assert all(one in hidden for one, count in vendors.items() if 0 < count < CELL_VENDORS_MIN)
    for line in lines:
        secret = sorted(vendors[one] for one in line.parts if one in hidden and vendors[one])
        if line.total not in hidden and secret:
            assert len(secret) > 1
            assert sum(secret) >= CELL_VENDORS_MIN
