"""What a run leaves behind: raw rows, a summary for machines, pictures, and a page for people."""

import csv
import json
import re
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from loadtests.bench.cell import Measured
from loadtests.bench.charts import Bar, number, picture
from loadtests.bench.questions import Answer, of_cell

FIGURES = {
    "rate": "transfers a second",
    "wal_bytes": "bytes of WAL per transfer",
    "disk_bytes": "bytes per transfer",
    "python_us": "µs per transfer",
    "call_ms_p99": "milliseconds",
    "memory_mb": "MB",
}


@dataclass(frozen=True)
class Run:
    """Everything one run found, and what it ran on."""

    date: str
    commit: str
    command: str
    seed: int
    repetitions: int
    seconds: float
    owners: int
    machine: dict[str, str]
    versions: dict[str, str]
    settings: dict[str, str]
    measured: Sequence[Measured]
    answers: Sequence[Answer]
    skipped: dict[str, str]
    problems: Sequence[str]


def summary(run: Run) -> dict[str, Any]:
    """For machines: every question with its ratio, and what it was measured on."""
    return {
        "date": run.date,
        "commit": run.commit,
        "command": run.command,
        "seed": run.seed,
        "repetitions": run.repetitions,
        "seconds": run.seconds,
        "owners": run.owners,
        "machine": run.machine,
        "versions": run.versions,
        "settings": run.settings,
        "problems": list(run.problems),
        "questions": [
            {
                "id": answer.question.id,
                "question": answer.question.text,
                "ratio": _rounded(answer.ratio),
                "spread": [_rounded(one) for one in answer.spread] if answer.spread else None,
                "floor": answer.question.floor,
                "wished": answer.question.wished,
                "better": "less" if answer.question.is_less_better else "more",
                "reached": answer.is_reached,
                "unit": answer.question.unit,
                "bound_by": answer.bound_by,
                "date": run.date,
                "commit": run.commit,
            }
            for answer in run.answers
        ],
        "cells": [_cell_row(run, key) for key in _keys(run)],
    }


def lines(run: Run) -> str:
    """For a terminal: the answers against their floors."""
    rows = []
    for answer in run.answers:
        if answer.ratio is None or answer.spread is None:
            continue
        question = answer.question
        sign = "≤" if question.is_less_better else "≥"
        bars = "" if question.floor is None else f"  floor {sign} {number(question.floor)}"
        rows.append(
            f"{question.id:<16}{number(answer.ratio):>8} {question.unit:<3}"
            f" ({number(answer.spread[0])} to {number(answer.spread[1])}){bars}"
            f"{'  MISSED' if answer.is_reached is False else ''}  {question.text}"
        )
    return "\n".join(rows)


def write(run: Run, folder: Path) -> None:
    """Replace what an earlier run left in `folder`."""
    (folder / "charts").mkdir(parents=True, exist_ok=True)
    for old in (folder / "charts").glob("*.svg"):
        old.unlink()
    for answer in run.answers:
        if answer.ratio is not None:
            unit = FIGURES[answer.question.figure]
            path = folder / "charts" / f"{answer.question.id}.svg"
            path.write_text(picture(answer, _bars(run, answer), unit))
    with (folder / "raw.csv").open("w", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow([field.name for field in fields(Measured)])
        rows.writerows([_plain(value) for value in asdict(one).values()] for one in run.measured)
    said = summary(run)
    questions = [*said["questions"], *_of_other_benches(folder)]
    for name, content in (("summary.json", questions), ("run.json", said)):
        (folder / name).write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n")
    (folder / "README.md").write_text(page(run))


def _of_other_benches(folder: Path) -> list[dict[str, Any]]:
    """What others left in the summary: e-invoices' questions are E1, E2, …, the road's R1, R2."""
    file = folder / "summary.json"
    known = json.loads(file.read_text()) if file.exists() else []
    return [one for one in known if re.match(r"[ER]\d", one["id"])]


def page(run: Run) -> str:
    """For people: the ratios against their floors, then every cell, then the pictures."""
    return "\n".join(
        [
            "# The ledger, measured",
            "",
            "Every figure is a ratio within one run: all variants are measured in turn, again and",
            "again, on the same machine, and a repetition's ratio is taken within that repetition.",
            "Rates of other machines differ; the ratios are what to compare.",
            "",
            "    make bench                                           # all of it, half an hour",
            "    python -m loadtests.ledger_bench --quick --json      # the main ratios, 5 minutes",
            "",
            "`raw.csv` has every cell of every repetition, `summary.json` the answers for machines,",
            "`run.json` the answers with the machine, the settings and the median of every cell;",
            "[tried.md](tried.md) says what was tried on the hot path and what came of it.",
            "",
            "## The run",
            "",
            *_facts(run),
            "",
            f"Before every cell: a database of its own, copied from one with {run.owners:,} owners and",
            "two accounts of each, all opened by the ledger itself; a warm-up; CHECKPOINT. After it, outside the clock: every acknowledged",
            "id stands in the journal exactly once and nothing else does, every balance changed by",
            "what its entries say, all balances together are zero, every outcome is the expected one.",
            *_verdict(run),
            "",
            "## Against the floors",
            "",
            "| | question | ratio | spread | floor | wished | |",
            "|---|---|---|---|---|---|---|",
            *[_answer_row(answer) for answer in run.answers if answer.ratio is not None],
            "",
            "## Not measured in this run",
            "",
            *_unanswered(run),
            "",
            "## Every cell",
            "",
            *_GLOSSARY,
            "",
            "Medians; rates with the least and the largest. A call is a batch, a transaction or a",
            "request. Processor time per transfer is split into PostgreSQL (all its processes) and",
            "Python (the caller's process; over HTTP the server's).",
            "",
            "| cell | per second | WAL B | PostgreSQL µs | Python µs | call p50 ms | p99 ms |",
            "|---|---|---|---|---|---|---|",
            *[_cell_line(_cell_row(run, key)) for key in _keys(run)],
            "",
            "## A picture of each",
            "",
            *[
                line
                for answer in run.answers
                if answer.ratio is not None
                for line in (
                    f"### {answer.question.id}: {answer.question.text}",
                    "",
                    f"![{answer.question.text}](charts/{answer.question.id}.svg)",
                    "",
                    answer.bound_by,
                    "",
                )
            ],
        ]
    )


_GLOSSARY = (
    "| cell | what it does |",
    "|---|---|",
    "| session, statements, function x8 | a transaction per transfer on plain tables, over 8"
    " connections: a SQLModel session; asyncpg with five statements; one PL/pgSQL function. All"
    " write the transfer, two entries and two balances |",
    "| array 100, 1000, 8000 | our ledger, `post_array`, so many transfers a call, two calls in"
    " flight, so that a commit holds exactly one call |",
    "| object … | the same with `post(*transfers)` |",
    "| callers 64 | 64 tasks that post one transfer each |",
    "| holds | a hold and its posting, two commits a transfer |",
    "| linked | pairs, each `post(a, b, linked=True)` |",
    "| replay | everything stands there already |",
    "| refused | one in a hundred would overdraw |",
    "| events | an event with each transfer |",
    "| settle | 2,000 callers of `settle`: receipt, transfer, event |",
    "| two writers | two processes: lanes of their own, or all lanes shared |",
    "| beside the sealer, the statements | while another process seals, or feeds statements,"
    " without a pause longer than 0.2 s |",
    "| http … | one web process under `wrk -t1 -c64`; bare: the same way without the ledger; bare"
    " routed: decode and encode behind the framework's router; naive: a transaction per request by"
    " the ORM; bulk: 100 a request, 8 connections; overload: 320 connections |",
    "| …/uniform, zipf, hot | whose money moves: all owners alike, Zipf's law, always one |",
    "| …@5M | that many rows are there before, all in the month that is being written |",
)


def _facts(run: Run) -> list[str]:
    listed = {
        "date": run.date,
        "commit": run.commit or "unknown",
        "command": f"`{run.command}`",
        "seed": str(run.seed),
        "repetitions": f"{run.repetitions}, each cell {run.seconds:g} s at most",
        "machine": _in_words(run.machine),
        "versions": _in_words(run.versions),
        "PostgreSQL": _in_words(run.settings),
    }
    return ["| | |", "|---|---|", *[f"| {name} | {said} |" for name, said in listed.items()]]


def _verdict(run: Run) -> list[str]:
    if not run.problems:
        return ["All of that held in every cell of this run."]
    return ["", "**This run is not to be believed:**", "", *[f"- {one}" for one in run.problems]]


def _answer_row(answer: Answer) -> str:
    question = answer.question
    assert answer.ratio is not None
    assert answer.spread is not None
    bars = ["" if bar is None else number(bar) for bar in (question.floor, question.wished)]
    sign = "≤ " if question.is_less_better else "≥ "
    return (
        f"| {question.id} | {question.text} | **{number(answer.ratio)} {question.unit}** "
        f"| {number(answer.spread[0])}–{number(answer.spread[1])} "
        f"| {bars[0] and sign + bars[0]} | {bars[1] and sign + bars[1]} | {_mark(answer)} |"
    )


def _mark(answer: Answer) -> str:
    if answer.is_wish_reached:
        return "as wished"
    return {None: "", True: "reached", False: "**missed**"}[answer.is_reached]


def _unanswered(run: Run) -> list[str]:
    lines = [
        f"- {answer.question.id} ({answer.question.text}): {answer.bound_by}"
        for answer in run.answers
        if answer.ratio is None
    ]
    return lines or ["Every question has its answer."]


def _cell_row(run: Run, key: str) -> dict[str, Any]:
    runs = of_cell(run.measured, key)
    row: dict[str, Any] = {"cell": key}
    for field in fields(Measured):
        if field.name in {"cell", "repetition"}:
            continue
        values = [value for one in runs if (value := getattr(one, field.name)) is not None]
        row[field.name] = _rounded(statistics.median(values)) if values else None
    row["rate_spread"] = [_rounded(f(one.rate for one in runs)) for f in (min, max)]
    return row


def _cell_line(row: dict[str, Any]) -> str:
    least, most = row["rate_spread"]
    figures = ("wal_bytes", "postgres_us", "python_us", "call_ms_p50", "call_ms_p99")
    rest = " | ".join("" if row[name] is None else number(row[name]) for name in figures)
    return f"| {row['cell']} | {number(row['rate'])} ({number(least)}–{number(most)}) | {rest} |"


def _bars(run: Run, answer: Answer) -> list[Bar]:
    question = answer.question
    bars = []
    for key in (question.over, question.under):
        values = [
            value
            for one in of_cell(run.measured, key or "")
            if (value := getattr(one, question.figure)) is not None
        ]
        if key and values:
            bars.append(Bar(key, statistics.median(values), min(values), max(values)))
    return bars


def _keys(run: Run) -> list[str]:
    return list(dict.fromkeys(one.cell for one in run.measured))


def _in_words(facts: dict[str, str]) -> str:
    return ", ".join(f"{name} {said}" for name, said in facts.items())


def _rounded(value: float | None) -> float | None:
    """Four digits that count."""
    return None if value is None else float(f"{value:.4g}")


def _plain(value: object) -> object:
    return round(value, 3) if isinstance(value, float) else ("" if value is None else value)
