"""The calendar of household filings: D68 8-10, C18 3-4."""

from datetime import date

from einvoice.filings import filings
from einvoice.household import TaxMethod

M = 1_000_000


def due(*quarters: int, **more: object) -> list[tuple[str, str, date]]:
    return [(one.form, one.period, one.due_on) for one in filings(2026, quarters, **more)]


def test_at_the_threshold_one_notice_by_the_end_of_january():
    assert due(250 * M, 250 * M, 250 * M, 250 * M) == [("01/TKN-CNKD", "2026", date(2027, 1, 31))]


def test_who_starts_in_the_first_half_notifies_twice():
    assert [one[2] for one in due(0, 1, 1, 1, started_on=date(2026, 5, 4))] == [
        date(2026, 7, 31), date(2027, 1, 31),
    ]  # fmt: skip
    assert len(due(0, 0, 1, 1, started_on=date(2026, 7, 1))) == 1


def test_quarterly_from_the_quarter_that_passes_the_threshold():
    assert due(0, 600 * M, 600 * M, 0) == [
        ("01/CNKD", "3/2026", date(2026, 10, 31)),
        ("01/CNKD", "4/2026", date(2027, 1, 31)),
    ]
    assert [one[2] for one in due(2_000 * M, 0, 0, 0)] == [
        date(2026, 4, 30), date(2026, 7, 31), date(2026, 10, 31), date(2027, 1, 31),
    ]  # fmt: skip


def test_by_profit_a_settlement_by_the_end_of_march():
    assert due(2_000 * M, 0, 0, 0, method=TaxMethod.PROFIT)[-1] == (
        "02/CNKD-TNCN-QTT", "2026", date(2027, 3, 31),
    )  # fmt: skip


def test_over_fifty_billion_monthly_by_the_twentieth():
    found = due(60_000 * M, 0, 0, 0)

    assert len(found) == 12
    assert (found[0][2], found[-1][2]) == (date(2026, 2, 20), date(2027, 1, 20))


def test_a_term_that_ends_on_a_sunday_ends_on_the_monday():
    """Civil Code 91/2015/QH13, Art. 148.5: 31 January 2027 is a Sunday."""
    (notice,) = filings(2026, (0, 0, 1, 1))

    assert (notice.due_on, notice.ends_on) == (date(2027, 1, 31), date(2027, 2, 1))
