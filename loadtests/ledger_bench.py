"""The bench of the ledger: every way to move money, in turn, on one PostgreSQL.

python -m loadtests.ledger_bench                  all of it, into docs/benchmarks
python -m loadtests.ledger_bench --quick --json   the main ratios, in five minutes
"""

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from loadtests.bench import fill, http, machine, naive, ours, plan, report, tigerbeetle
from loadtests.bench.cell import Cell, Measured, Skipped, measure
from loadtests.bench.load import OWNER_COUNT, Load
from loadtests.bench.questions import answers
from loadtests.bench.server import Server, Unfit, database_of, serving
from market import clock

ROOT = Path(__file__).parents[1]
OUT = ROOT / "docs" / "benchmarks"
SECONDS, QUICK_SECONDS = 4.0, 1.5
QUICK_SECONDS_MAX = 280
"""Of a whole quick run: no repetition begins that would end later."""
ROWS, QUICK_ROWS = "0,5M,20M", "0"
SEED = 20_261_123
FAILED, UNFIT = 1, 2

Say = Callable[[str], None]


@dataclass
class Bench:
    """One run: its server, its load, and what it found so far."""

    server: Server
    load: Load
    given: argparse.Namespace
    folder: Path
    say: Say
    measured: list[Measured] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    repetitions: int = 0
    """Done so far, or under way."""
    _grown: dict[int, str] = field(default_factory=dict)
    _began: float = field(default_factory=time.monotonic)

    def run(self) -> None:
        """Every cell once, then every cell again, …"""
        cells = plan.cells(self.given.rows, self.given.cases)
        others = [key for key in (*http.cells(), *tigerbeetle.cells()) if self._is_asked(key)]
        self._prepare(cells)
        count = (len(cells) + len(others)) * self.given.repetitions
        done = 0
        with http.Market(self.server, self.load, self._journal, self.folder) as market:
            beetle = tigerbeetle.TigerBeetle(
                self.given.tigerbeetle, self.given.tigerbeetle_binary, self.folder
            )
            for repetition in range(1, self.given.repetitions + 1):
                if not self._has_time(repetition - 1):
                    break
                self.repetitions = repetition
                for cell in cells:
                    done += 1
                    self._attempt(cell.key, done, count, partial(self._one, cell, repetition))
                for key in others:
                    done += 1
                    source = market if key.startswith("http") else beetle
                    one = partial(source.measure, key, self.load, repetition=repetition)
                    self._attempt(key, done, count, partial(one, seconds=self.given.seconds))

    def _has_time(self, done: int) -> bool:
        """Whether one more repetition like those before fits; `--quick` promises an end."""
        took = time.monotonic() - self._began
        is_left = not (done and self.given.quick) or took * (done + 1) / done < QUICK_SECONDS_MAX
        if not is_left:
            self.say(f"{done} repetitions took {took:.0f} s; there is no time for another")
        return is_left

    def _is_asked(self, key: str) -> bool:
        return plan.fits(key, self.given.cases)

    def _prepare(self, cells: Sequence[Cell]) -> None:
        """The databases that are copied before each cell, and those that are grown once."""
        self.say(f"{len(self.load.owners)} owners and their accounts")
        self._journal = self.server.make()
        asyncio.run(ours.prepare(self._journal, self.load))
        self._plain = self.server.make()
        naive.lay_out(self._plain, self.load)
        for rows in sorted({cell.rows for cell in cells if cell.rows}):
            self._grown[rows] = url = self.server.make(database_of(self._journal))
            began = time.monotonic()
            fill.fill(url, self.load, rows, partial(self._say_filled, rows))
            self.say(f"{rows:,} rows in {time.monotonic() - began:.0f} s")

    def _say_filled(self, rows: int, so_far: int) -> None:
        self.say(f"  {so_far:>12,} of {rows:,} rows")

    def _attempt(self, key: str, number: int, count: int, act: Callable[[], Measured]) -> None:
        if key in self.skipped:
            return
        try:
            one = act()
        except Skipped as reason:
            self.skipped[key] = str(reason)
            self.say(f"[{number:>3}/{count}] {key}: left out, {reason}")
            return
        except Exception as error:
            self.problems.append(f"{key}: {type(error).__name__}: {error}")
            self.skipped[key] = f"it failed: {type(error).__name__}: {error}"
            self.say(f"[{number:>3}/{count}] {key}: FAILED, {error}")
            return
        self.measured.append(one)
        wal = "" if one.wal_bytes is None else f"{one.wal_bytes:7,.0f} B WAL"
        self.say(f"[{number:>3}/{count}] {key:<44} {one.rate:>11,.0f}/s {wal}")

    def _one(self, cell: Cell, repetition: int) -> Measured:
        """A cell on a fresh copy of its database, or on the grown one."""
        if cell.rows:
            url = self._grown[cell.rows]
        else:
            url = self.server.make(database_of(self._plain if cell.is_naive else self._journal))
        try:
            one, problems = asyncio.run(
                measure(
                    self.server,
                    cell,
                    cell.make(url, self.load),
                    repetition=repetition,
                    seconds=self.given.seconds,
                )
            )
        finally:
            if not cell.rows:
                self.server.drop(url)
        self.problems += [f"{cell.key}, repetition {repetition}: {said}" for said in problems]
        return one


def main(arguments: Sequence[str]) -> int:
    """Run it. 0; 1 where an invariant did not hold; 2 where the server cannot be measured."""
    given = _parser().parse_args(arguments)
    _settle_defaults(given)
    say: Say = lambda line: print(line, file=sys.stderr, flush=True)  # noqa: E731
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="cho-bench-") as name:
        folder = Path(name)
        facts = machine.machine(folder)
        try:
            with serving(given.url, folder / "data") as server:
                settings = server.settings()
                bench = Bench(server, Load(given.seed, given.owners), given, folder, say)
                bench.run()
        except Unfit as reason:
            say(str(reason))
            return UNFIT
    run = report.Run(
        date=clock.now().isoformat(timespec="seconds"),
        commit=machine.commit(ROOT),
        command=_command(arguments),
        seed=given.seed,
        repetitions=bench.repetitions,
        seconds=given.seconds,
        owners=given.owners,
        machine=facts,
        versions=machine.versions(),
        settings=settings,
        measured=bench.measured,
        answers=answers(bench.measured, bench.skipped),
        skipped=bench.skipped,
        problems=bench.problems,
    )
    if given.out is not None:
        report.write(run, given.out)
        say(f"written to {given.out}")
    print(
        json.dumps(report.summary(run), ensure_ascii=False, indent=1)
        if given.json
        else report.lines(run)
    )
    say(f"{time.monotonic() - began:.0f} s")
    for problem in run.problems:
        say(f"WRONG: {problem}")
    return FAILED if run.problems else 0


def rows_of(text: str) -> list[int]:
    """`0,5M,20M` as numbers."""
    units = {"k": 1_000, "M": 1_000_000}
    found = []
    for part in filter(None, text.split(",")):
        unit = units.get(part[-1])
        try:
            found.append(int(part[:-1]) * unit if unit else int(part))
        except ValueError:
            raise argparse.ArgumentTypeError(f"{part!r} is no number of rows") from None
    return found


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="ledger_bench",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--quick", action="store_true", help="the main ratios, in five minutes")
    parser.add_argument("--json", action="store_true", help="print everything for a machine")
    parser.add_argument(
        "--rows", type=rows_of, help=f"rows there already ({ROWS}; --quick: {QUICK_ROWS})"
    )
    parser.add_argument(
        "--cases", default="", help='only cells like these: "array *,statements x8/hot"'
    )
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--seconds", type=float, help="of each measurement")
    parser.add_argument("--owners", type=int, default=OWNER_COUNT, help="with two accounts each")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--url", default="", help="a PostgreSQL to use instead of an embedded one")
    parser.add_argument("--tigerbeetle", default="", help="address of a fresh TigerBeetle")
    parser.add_argument("--tigerbeetle-binary", type=Path, help="its program")
    parser.add_argument("--out", type=Path, help=f"folder to write to ({OUT.relative_to(ROOT)};"
                        " --quick: none)")  # fmt: skip
    return parser


def _settle_defaults(given: argparse.Namespace) -> None:
    given.cases = [one.strip() for one in given.cases.split(",") if one.strip()]
    if given.quick:
        given.cases = given.cases or list(plan.QUICK)
    elif given.out is None:
        given.out = OUT
    given.seconds = given.seconds or (QUICK_SECONDS if given.quick else SECONDS)
    given.rows = given.rows if given.rows is not None else rows_of(
        QUICK_ROWS if given.quick else ROWS
    )  # fmt: skip


def _command(arguments: Sequence[str]) -> str:
    """As it was typed, but for what leads elsewhere on this machine."""
    kept, is_path = [], False
    for one in arguments:
        kept.append("…" if is_path else one)
        is_path = one in {"--url", "--out", "--tigerbeetle-binary"}
    return " ".join(["python -m loadtests.ledger_bench", *kept])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
