"""Fines of D125 Art. 24 as amended by D310, and the reward of D254 41.5."""

from datetime import date

import pytest

from einvoice.fines import Fault, fine_of, reward_vnd_max

ON = date(2026, 11, 23)
M = 1_000_000


@pytest.mark.parametrize(
    ("fault", "count", "low", "high"),
    [
        (Fault.NOT_ISSUED, 1, 1, 2), (Fault.NOT_ISSUED, 2, 2, 10), (Fault.NOT_ISSUED, 9, 2, 10),
        (Fault.NOT_ISSUED, 10, 10, 30), (Fault.NOT_ISSUED, 19, 10, 30),
        (Fault.NOT_ISSUED, 20, 30, 50), (Fault.NOT_ISSUED, 50, 60, 80),
        (Fault.NOT_ISSUED, 100, 60, 80), (Fault.WRONG_TIME, 1, 0.5, 1.5),
        (Fault.WRONG_TIME, 2, 2, 5), (Fault.WRONG_TIME, 10, 5, 15), (Fault.WRONG_TIME, 20, 15, 30),
        (Fault.WRONG_TIME, 50, 30, 50), (Fault.WRONG_TIME, 1_000, 50, 70),
    ],
)  # fmt: skip
def test_the_bracket_follows_the_number_of_invoices(fault, count, low, high):
    """Art. 24.3 not issued, 24.2 at the wrong time; the middle is usual."""
    fine = fine_of(fault, count, ON)

    assert (fine.vnd_min, fine.vnd_max) == (low * M, high * M)
    assert fine.usual_vnd == (low + high) * M / 2


def test_circumstances_move_a_tenth_each_and_never_out_of_the_bracket():
    assert fine_of(Fault.NOT_ISSUED, 15, ON, circumstances=2).usual_vnd == 24 * M
    assert fine_of(Fault.NOT_ISSUED, 15, ON, circumstances=-1).usual_vnd == 18 * M
    assert fine_of(Fault.NOT_ISSUED, 15, ON, circumstances=20).usual_vnd == 30 * M


def test_nothing_missing_costs_nothing():
    assert fine_of(Fault.NOT_ISSUED, 0, ON) is None


def test_who_reports_gets_a_tenth_and_at_most_ten_million():
    """D254 41.5."""
    assert reward_vnd_max(20 * M, ON) == 2 * M
    assert reward_vnd_max(700 * M, ON) == 10 * M
