import xml.etree.ElementTree as ET

import pytest

from loadtests.bench.cell import Measured, percentile
from loadtests.bench.charts import Bar, picture
from loadtests.bench.questions import QUESTIONS, answers
from loadtests.ledger_bench import rows_of

PLAIN = {
    "transfers": 100, "seconds": 1.0, "disk_bytes": 238.0, "call_ms_p50": 1.0, "call_ms_p99": 2.0,
    "memory_mb": None, "errors": 0,
}  # fmt: skip


@pytest.fixture
def measured():
    def measured(cell, *rates, wal_bytes=320.0, postgres_us=5.0, python_us=0.5):
        return [
            Measured(
                cell=cell, repetition=number, rate=rate, wal_bytes=wal_bytes,
                postgres_us=postgres_us, python_us=python_us, **PLAIN,
            )
            for number, rate in enumerate(rates, 1)
        ]  # fmt: skip

    return measured


def answer_of(question_id, found, skipped=None):
    return next(one for one in answers(found, skipped or {}) if one.question.id == question_id)


def test_a_ratio_is_taken_within_each_repetition_and_the_median_is_said(measured):
    found = measured("array 8000/uniform", 100, 300, 200) + measured(
        "statements x8/uniform", 1, 2, 4
    )

    answer = answer_of("P1-uniform", found)

    assert answer.ratio == 100
    assert answer.spread == (50, 150)


def test_a_repetition_that_one_side_lacks_is_left_out(measured):
    found = measured("array 8000/uniform", 100, 300) + measured("statements x8/uniform", 1)

    assert list(answer_of("P1-uniform", found).ratios) == [100]


@pytest.mark.parametrize(("rate", "is_reached"), [(39, False), (40, True)])
def test_a_floor_is_reached_from_its_own_value_on(measured, rate, is_reached):
    found = measured("array 8000/uniform", rate) + measured("statements x8/uniform", 1)

    assert answer_of("P1-uniform", found).is_reached is is_reached


@pytest.mark.parametrize(("wal_bytes", "is_reached"), [(601.0, False), (600.0, True)])
def test_where_less_is_better_the_floor_lies_above(measured, wal_bytes, is_reached):
    found = measured("array 8000/uniform", 100, wal_bytes=wal_bytes)

    assert answer_of("P6", found).is_reached is is_reached


def test_a_question_without_its_cells_says_why(measured):
    answer = answer_of("P14-native", [], {"tigerbeetle native/uniform": "it is not here"})

    assert answer.ratio is None
    assert answer.spread is None
    assert answer.is_reached is None
    assert answer.bound_by == "Not measured: it is not here."


@pytest.mark.parametrize(
    ("postgres_us", "python_us", "bound"),
    [(9.5, 1, "PostgreSQL: "), (3, 9, "Python: "), (2, 1, "Waiting (for the disk")],
)
def test_what_bounds_it_follows_from_the_processors_shares(measured, postgres_us, python_us, bound):
    found = measured("array 8000/uniform", 100_000, postgres_us=postgres_us, python_us=python_us)

    assert answer_of("P6", found).bound_by.startswith(bound)


def test_every_question_has_an_id_and_a_sentence_of_its_own():
    assert len({one.id for one in QUESTIONS}) == len(QUESTIONS)
    assert len({one.text for one in QUESTIONS}) == len(QUESTIONS)


def test_a_picture_names_its_bars_and_its_floor(measured):
    found = measured("array 8000/uniform", 100) + measured("statements x8/uniform", 1)
    bars = [Bar("array <8000>", 100, 90, 110), Bar("statements", 1, 1, 1)]

    drawn = ET.fromstring(picture(answer_of("P1-uniform", found), bars, "a second"))  # noqa: S314

    said = "".join(drawn.itertext())
    assert "array <8000>" in said
    assert "floor 40.0" in said
    assert "wished 100" in said


def test_percentiles_of_few_values():
    assert percentile([], 99) == 0
    assert percentile([7.0], 99) == 7
    assert percentile([1.0, 2.0, 3.0], 50) == 2


def test_rows_may_be_written_short():
    assert rows_of("0,20k,5M") == [0, 20_000, 5_000_000]
