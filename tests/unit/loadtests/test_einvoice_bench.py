"""The bench of e-invoices: what it compares does its work, and what it writes leaves others alone."""

import json

import pytest

from loadtests import einvoice_bench as bench
from loadtests.bench import einvoice
from loadtests.bench.questions import Answer


def test_every_cell_does_its_work_and_every_question_has_its_cells():
    acts = einvoice.cells()

    for act in acts.values():
        assert act(3)
    behind = {bench.BATCH_CELL, bench.RAW_CELL, bench.MEMORY_CELL}
    for question in bench.QUESTIONS:
        assert {question.over, question.under or question.over} <= acts.keys() | behind


def test_the_cells_of_a_repetition_get_the_same_processor_time():
    spent = einvoice.turns({"a": lambda n: n, "b": lambda n: sum(range(n % 9))}, 1, 0.1)

    assert [one.cell for one in spent] == ["a", "b"]
    assert all(0.1 <= one.cpu_s < 0.2 and one.count > 0 for one in spent)


def test_a_days_end_keeps_every_invoice_within_the_messages():
    done = einvoice.batch(900)

    assert done.invoices == 900
    assert done.messages == 3
    assert done.raw_per_s > 0


@pytest.fixture
def answers() -> list[Answer]:
    return [Answer(one, [2.0, 1.0, 3.0], "") for one in bench.QUESTIONS]


def test_a_summary_keeps_the_questions_of_others_and_replaces_ours(tmp_path, answers):
    summary = tmp_path / "summary.json"
    summary.write_text(json.dumps([{"id": "P1-hot"}, {"id": "E1", "ratio": 0}]))
    stamp = {
        "date": "2026-11-23",
        "commit": "abc",
        "command": "x",
        "repetitions": 3,
        "seconds": 1.0,
    }
    plain = [bench._plain(one) for one in answers]
    run = {**stamp, "batch": 900, "processes": 1, "machine": {"cores": "2"}, "questions": plain,
           "versions": dict.fromkeys(("python", *bench.PACKAGES), "1")}  # fmt: skip

    bench.write(run, [bench.Row("a", 1, 2, 0.5, 4.0)], answers, tmp_path)

    found = json.loads(summary.read_text())
    assert [one["id"] for one in found] == ["P1-hot", *(one.id for one in bench.QUESTIONS)]
    assert found[1]["ratio"] == 2.0
    assert (tmp_path / "einvoice.csv").read_text().splitlines()[1] == "a,1,2,0.5,4"
    assert "| E1 |" in (tmp_path / "einvoice.md").read_text()


def test_a_missed_floor_is_said(answers):
    said = bench.lines(answers)

    assert "MISSED  Written, signed and serialised with P-256 over signxml" in said
    assert said.count("MISSED") == sum(one.is_reached is False for one in answers)
