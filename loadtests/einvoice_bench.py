"""The bench of e-invoices: signing, verifying, the day's end, pages; ratios within one run.

python -m loadtests.einvoice_bench                  all of it, into docs/benchmarks, five minutes
python -m loadtests.einvoice_bench --quick --json   the ratios, in half a minute
"""

import argparse
import csv
import json
import multiprocessing
import sys
import tempfile
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from loadtests.bench import einvoice, machine
from loadtests.bench.charts import number
from loadtests.bench.questions import Answer, Question
from market import clock

ROOT = Path(__file__).parents[1]
OUT = ROOT / "docs" / "benchmarks"
BATCH, QUICK_BATCH = 100_000, 2_000
BATCH_CELL, MEMORY_CELL, RAW_CELL = "day's end", "day's end, memory", "raw beside the day's end"
PACKAGES = ("cryptography", "lxml", "signxml", "reportlab", "segno", "pikepdf")
FAILED = 1

QUESTIONS = (
    Question(
        "E1", "An invoice of ten lines written, signed and serialised over the bare RSA-2048 signature",
        "ours RSA", "raw RSA-2048", floor=0.85, wished=0.95,
    ),
    Question(
        "E1-together", "The same, a hundred at a time as workers and day's ends sign them",
        "ours RSA together", "raw RSA-2048", floor=0.85, wished=0.95,
    ),
    Question(
        "E1-basket", "The same from the basket: amounts, totals, words and lookup code as well",
        "ours RSA from the basket", "raw RSA-2048",
    ),
    Question(
        "E2", "Written, signed and serialised with P-256 over signxml", "ours P-256", "signxml P-256",
        floor=3, wished=6,
    ),
    Question("E2-rsa", "Written, signed and serialised with RSA over signxml", "ours RSA", "signxml RSA"),
    Question("E3", "Verified over signxml, RSA", "ours verify", "signxml verify", floor=1.5, wished=2),
    Question(
        "E4", "A day's end, basket to signed messages 206, invoices over the bare signature",
        BATCH_CELL, RAW_CELL, floor=0.7, wished=0.85,
    ),
    Question(
        "E4-memory", "Memory the day's end needs beyond its first message", MEMORY_CELL, unit="MB",
        floor=64, wished=16, is_less_better=True,
    ),
    Question("E5-a4", "Pages A4 a second, each with a QR of its own", "page A4", unit="/s", floor=150),
    Question("E5-roll", "Rolls a second, each with a QR of its own", "page roll", unit="/s", floor=150),
    Question("E5-archive", "A4 pages with the XML inside a second", "archive A4", unit="/s"),
)  # fmt: skip


@dataclass(frozen=True)
class Row:
    """One figure of one repetition: a rate, or megabytes."""

    cell: str
    repetition: int
    count: int
    cpu_s: float
    figure: float


def main(arguments: Sequence[str]) -> int:
    """Run it. 0; 1 where a floor was missed."""
    given = _parser().parse_args(arguments)
    _settle_defaults(given)
    say = lambda line: print(line, file=sys.stderr, flush=True)  # noqa: E731
    with tempfile.TemporaryDirectory(prefix="cho-bench-") as folder:
        facts = machine.machine(Path(folder))
    rows: list[Row] = []
    acts = einvoice.cells()
    for repetition in range(1, given.repetitions + 1):
        found = einvoice.turns(acts, repetition, given.seconds)
        rows += [Row(one.cell, repetition, one.count, one.cpu_s, one.rate) for one in found]
        say(
            f"repetition {repetition}: "
            + ", ".join(f"{one.cell} {one.rate:,.0f}/s" for one in found)
        )
    rows += _batch_rows(given, say)
    answers = [Answer(question, _ratios(question, rows), "") for question in QUESTIONS]
    run = _run(arguments, given, facts, answers)
    if given.out is not None:
        write(run, rows, answers, given.out)
        say(f"written to {given.out}")
    print(json.dumps(run, ensure_ascii=False, indent=1) if given.json else lines(answers))
    return FAILED if any(one.is_reached is False for one in answers) else 0


def _batch_rows(given: argparse.Namespace, say: Any) -> Iterable[Row]:
    """In fresh processes, so that their memory is their own; one seller in each."""
    share = given.batch // given.processes
    with ProcessPoolExecutor(
        given.processes, mp_context=multiprocessing.get_context("spawn")
    ) as pool:
        for number_, one in enumerate(pool.map(einvoice.batch, [share] * given.processes), 1):
            say(f"day's end {number_}: {one}")
            rate = one.invoices / one.cpu_s
            yield Row(BATCH_CELL, number_, one.invoices, one.cpu_s, rate)
            yield Row(RAW_CELL, number_, 0, 0.0, one.raw_per_s)
            yield Row(MEMORY_CELL, number_, one.invoices, one.cpu_s, one.grown_mb)


def _ratios(question: Question, rows: Sequence[Row]) -> list[float]:
    over = [one.figure for one in rows if one.cell == question.over]
    if question.under is None:
        return over
    under = [one.figure for one in rows if one.cell == question.under]
    return [ours / theirs for ours, theirs in zip(over, under, strict=True)]


def _run(
    arguments: Sequence[str], given: argparse.Namespace, facts: dict[str, str],
    answers: Sequence[Answer],
) -> dict[str, Any]:  # fmt: skip
    stamp = {"date": clock.now().isoformat(timespec="seconds"), "commit": _commit()}
    return {
        **stamp,
        "command": " ".join(["python -m loadtests.einvoice_bench", *arguments]),
        "repetitions": given.repetitions,
        "seconds": given.seconds,
        "batch": given.batch,
        "processes": given.processes,
        "machine": facts,
        "versions": {**machine.versions(), **{name: version(name) for name in PACKAGES}},
        "questions": [_plain(one) | stamp for one in answers],
    }


def _commit() -> str:
    return machine.commit(ROOT)


def _plain(answer: Answer) -> dict[str, Any]:
    question = answer.question
    return {
        "id": question.id,
        "question": question.text,
        "ratio": _rounded(answer.ratio),
        "spread": [_rounded(one) for one in answer.spread] if answer.spread else None,
        "floor": question.floor,
        "wished": question.wished,
        "better": "less" if question.is_less_better else "more",
        "reached": answer.is_reached,
        "unit": question.unit,
        "bound_by": "one core, processor time",
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.4g}")


def lines(answers: Sequence[Answer]) -> str:
    """For a terminal."""
    said = []
    for one in answers:
        question = one.question
        sign = "≤" if question.is_less_better else "≥"
        floor = "" if question.floor is None else f"  floor {sign} {number(question.floor)}"
        missed = "  MISSED" if one.is_reached is False else ""
        ratio = "–" if one.ratio is None else number(one.ratio)
        said.append(
            f"{question.id:<12}{ratio:>8} {question.unit:<3}{floor}{missed}  {question.text}"
        )
    return "\n".join(said)


def write(
    run: dict[str, Any], rows: Sequence[Row], answers: Sequence[Answer], folder: Path
) -> None:
    """Replace what an earlier run left; in summary.json only our questions."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "einvoice.csv").open("w", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["cell", "repetition", "count", "cpu_s", "figure"])
        table.writerows([f"{v:.6g}" if isinstance(v, float) else v for v in asdict(one).values()]
                        for one in rows)  # fmt: skip
    (folder / "einvoice.json").write_text(json.dumps(run, ensure_ascii=False, indent=1) + "\n")
    (folder / "einvoice.md").write_text(page(run, answers))
    summary = folder / "summary.json"
    ours = {question.id for question in QUESTIONS}
    before = json.loads(summary.read_text()) if summary.exists() else []
    kept = [one for one in before if one["id"] not in ours]
    summary.write_text(json.dumps(kept + run["questions"], ensure_ascii=False, indent=1) + "\n")


def page(run: dict[str, Any], answers: Sequence[Answer]) -> str:
    """For people."""
    facts = ", ".join(f"{name} {value}" for name, value in run["machine"].items())
    table = []
    for one in answers:
        question = one.question
        sign = "≤" if question.is_less_better else "≥"
        bars = [f"{sign} {number(bar)}" if bar is not None else "" for bar in
                (question.floor, question.wished)]  # fmt: skip
        spread = "–".join(map(number, one.spread)) if one.spread else ""
        ratio = "" if one.ratio is None else f"**{number(one.ratio)} {question.unit}**"
        verdict = {None: "", True: "reached", False: "missed"}[one.is_reached]
        table.append(f"| {question.id} | {question.text} | {ratio} | {spread} | {bars[0]} | "
                     f"{bars[1]} | {verdict} |")  # fmt: skip
    versions = ", ".join(f"{name} {run['versions'][name]}" for name in ("python", *PACKAGES))
    return "\n".join(
        [
            "# E-invoices, measured",
            "",
            "All on one core and in processor time, the variants in turn in slices of 50 ms, so that",
            "what else the machine does cancels out. An invoice has ten lines. What bounds signing is",
            "the bare RSA-2048 signature of the same library; signxml signs and verifies the same",
            "invoice with one reference and no signing time, so it does a little less work than we do.",
            "",
            "    python -m loadtests.einvoice_bench",
            "",
            "| | question | ratio | spread | floor | wished | |",
            "|---|---|---|---|---|---|---|",
            *table,
            "",
            f"{run['date']}, commit {run['commit']}, `{run['command']}`, {run['repetitions']} "
            f"repetitions of {run['seconds']} s a cell; a day's end of {run['batch']:,} invoices in "
            f"{run['processes']} process. {facts}. {versions}.",
            "",
            "A day's end is one seller's: sellers are prepared side by side on as many cores as there",
            "are (`--processes`). `einvoice.csv` has every repetition, `einvoice.json` the run.",
            "",
        ]
    )  # fmt: skip


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="einvoice_bench",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--quick", action="store_true", help="in half a minute, written nowhere")
    parser.add_argument("--json", action="store_true", help="print everything for a machine")
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.0, help="of a cell in a repetition")
    parser.add_argument("--batch", type=int, help=f"invoices of the day's end ({BATCH:,})")
    parser.add_argument("--processes", type=int, default=1, help="that prepare the day's end")
    parser.add_argument("--out", type=Path, help="folder to write to (docs/benchmarks)")
    return parser


def _settle_defaults(given: argparse.Namespace) -> None:
    if given.quick:
        given.repetitions, given.seconds = min(given.repetitions, 3), min(given.seconds, 0.5)
    elif given.out is None:
        given.out = OUT
    given.batch = given.batch or (QUICK_BATCH if given.quick else BATCH)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
