"""What the bench is asked, as ratios within one run, and what the answers are held against."""

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from loadtests.bench.cell import Measured

BUSY_CORES = 0.8
"""From this share of a core on, a process is what holds the others up."""


@dataclass(frozen=True)
class Question:
    """One figure of `over`, or what it is over the same figure of `under`."""

    id: str
    text: str
    over: str
    under: str | None = None
    figure: str = "rate"
    unit: str = "×"
    floor: float | None = None
    wished: float | None = None
    is_less_better: bool = False
    note: str = ""
    """What the processors' shares alone do not tell of the bound."""


@dataclass(frozen=True)
class Answer:
    """A question's ratio in each repetition, and in what it was bound."""

    question: Question
    ratios: Sequence[float]
    bound_by: str

    @property
    def ratio(self) -> float | None:
        """The median; None where it was not measured."""
        return statistics.median(self.ratios) if self.ratios else None

    @property
    def spread(self) -> tuple[float, float] | None:
        """The least and the largest."""
        return (min(self.ratios), max(self.ratios)) if self.ratios else None

    @property
    def is_reached(self) -> bool | None:
        """Whether the floor is; None where there is no floor or no figure."""
        return self._beside(self.question.floor)

    @property
    def is_wish_reached(self) -> bool | None:
        """Whether what is wished is."""
        return self._beside(self.question.wished)

    def _beside(self, bar: float | None) -> bool | None:
        if bar is None or self.ratio is None:
            return None
        return self.ratio <= bar if self.question.is_less_better else self.ratio >= bar


FAST = "array 8000/uniform"
OBJECTS = "object 8000/uniform"
_DISK = "a row of 12 columns and its two index entries, without an index per account"
_ACCOUNTS = "the journal's rows and key, then one update for each account touched"

QUESTIONS = (
    Question(
        "P1-uniform",
        "Our writer over one asyncpg transaction per transfer",
        FAST, "statements x8/uniform", floor=40, wished=100,
        note="The other is bound by seven round trips and a flush for each transfer.",
    ),
    Question(
        "P1-hot",
        "Our writer over one asyncpg transaction per transfer, on one hot owner",
        "array 8000/hot", "statements x8/hot", floor=100, wished=250,
        note="The other waits for one row's lock, a flush at a time.",
    ),
    Question(
        "P1-objects",
        "Our writer with ordinary objects over one asyncpg transaction per transfer",
        OBJECTS, "statements x8/uniform", floor=40, wished=100,
        note="Beside the database, packing each object's ids and amounts.",
    ),
    Question(
        "P2-uniform",
        "Our writer over one SQL function per transfer",
        FAST, "function x8/uniform", floor=15, wished=30,
        note="The other is bound by a round trip and a flush for each transfer.",
    ),
    Question(
        "P2-hot",
        "Our writer over one SQL function per transfer, on one hot owner",
        "array 8000/hot", "function x8/hot", floor=40, wished=90,
    ),
    Question(
        "session-uniform",
        "Our writer over a SQLModel session per transfer",
        FAST, "session x8/uniform",
        note="The other is bound by Python: a unit of work of objects for each transfer.",
    ),
    Question(
        "session-hot", "Our writer over a SQLModel session per transfer, on one hot owner",
        "array 8000/hot", "session x8/hot",
    ),
    Question(
        "P3", "Batches of 1,000 over batches of 8,000",
        "array 1000/uniform", FAST, floor=0.55, wished=0.8,
        note="A smaller batch shares its commit and its round trip with fewer.",
    ),
    Question(
        "batch-100", "Batches of 100 over batches of 8,000", "array 100/uniform", FAST,
        note="The commit and the round trip of each batch.",
    ),
    Question(
        "objects", "Ordinary objects over arrays, batches of 8,000", OBJECTS, FAST,
        note="Packing each object's ids and amounts.",
    ),
    Question(
        "callers", "64 callers with a transfer each over one transaction per transfer",
        "callers 64/uniform", "statements x8/uniform",
        note="Batches are only as long as there are callers.",
    ),
    Question(
        "P4", "One owner's accounts over all alike",
        "array 8000/hot", FAST, floor=0.9, wished=1.1,
        note="A batch writes each account once, however often it is named.",
    ),
    Question(
        "zipf", "Zipf's law with exponent 1 over all alike", "array 8000/zipf", FAST,
        note=_ACCOUNTS,
    ),
    Question(
        "P5-5M", "At 5 million rows over an empty journal",
        "array 8000/uniform@5M", FAST, floor=0.85, wished=0.95,
        note="The key's pages of 64 lanes, which grow with the live month.",
    ),
    Question(
        "P5-20M", "At 20 million rows over an empty journal",
        "array 8000/uniform@20M", FAST, floor=0.85, wished=0.95,
        note="The key's pages of 64 lanes, which grow with the live month.",
    ),
    Question(
        "P6", "WAL per transfer, 10,000 accounts, batches of 8,000", FAST,
        figure="wal_bytes", unit="B", floor=600, wished=330, is_less_better=True, note=_ACCOUNTS,
    ),
    Question(
        "storage", "The journal on disk with its indexes, per transfer", FAST,
        figure="disk_bytes", unit="B", floor=600, wished=330, is_less_better=True, note=_DISK,
    ),
    Question(
        "P7-arrays", "Python's processor time per transfer, arrays", FAST,
        figure="python_us", unit="µs", floor=5, wished=0.5, is_less_better=True,
        note="Columns are cut out of the batch by numpy; no row becomes an object.",
    ),
    Question(
        "P7-objects", "Python's processor time per transfer, objects", OBJECTS,
        figure="python_us", unit="µs", floor=5, wished=0.5, is_less_better=True,
        note="Packing each object's ids and amounts.",
    ),
    Question(
        "P8", "A replay of what stands already over its first delivery",
        "replay 8000/uniform", FAST, floor=2, wished=4,
        note="The rows that stand are read and compared, nothing is written.",
    ),
    Question(
        "holds", "Held and then posted over plain transfers",
        "holds 8000/uniform", OBJECTS,
        note="Two orders and two commits a transfer; two rows more to write.",
    ),
    Question(
        "linked", "In linked pairs over plain transfers", "linked 8000/uniform", OBJECTS,
        note="A call and a judgement for each pair.",
    ),
    Question(
        "refused", "One in a hundred overdrawn over none", "refused 8000/uniform", FAST,
        note="A batch with a refusal is judged transfer by transfer.",
    ),
    Question(
        "events", "An event with every transfer over none", "events 8000/uniform", OBJECTS,
        note="The event's row and its JSON.",
    ),
    Question(
        "settle", "Whole confirmations (receipt, transfer, event) over one transaction per transfer",
        "settle 2000/uniform", "statements x8/uniform",
        note="Routing, the receipt's five indexes and the event of each confirmation.",
    ),
    Question(
        "sealer", "With the hash chain made beside it over without",
        "array 8000 beside the sealer/uniform", FAST,
        note="Two cores are shared with the sealer and its reading backend.",
    ),
    Question(
        "statements", "With statements and roll-ups fed beside it over without",
        "array 8000 beside the statements/uniform", FAST,
        note="Two cores are shared with the backend that writes the statements.",
    ),
    Question(
        "P15", "Two writers with lanes of their own over one",
        "two writers, own lanes/uniform", FAST, floor=1.3, wished=1.7,
        note="Two backends and two Python processes on the machine's cores.",
    ),
    Question(
        "two-shared", "Two writers that share all lanes over one",
        "two writers, all lanes/uniform", FAST,
        note="They take turns: a batch holds its lanes until its commit.",
    ),
    Question(
        "P9", "A durable confirmation over HTTP over the bare endpoint",
        "http durable", "http bare", floor=0.55, wished=0.9,
        note="A commit shared by at most 64, on the cores that Python and wrk use too.",
    ),
    Question(
        "P9-routed",
        "A durable confirmation over HTTP over a bare endpoint behind the framework's router",
        "http durable", "http bare routed", floor=0.55, wished=0.9,
    ),
    Question(
        "P10", "A durable confirmation over the naive endpoint",
        "http durable", "http naive", floor=4, wished=6,
        note="The other: a transaction and the ORM's objects for each request.",
    ),
    Question(
        "P10-hot", "A durable confirmation over the naive endpoint, all to one vendor",
        "http durable hot", "http naive hot", floor=7, wished=12,
    ),
    Question(
        "P11", "p99 of a durable confirmation over p99 of the bare endpoint",
        "http durable", "http bare",
        figure="call_ms_p99", floor=2.5, wished=1.2, is_less_better=True,
    ),
    Question(
        "P11-routed",
        "p99 of a durable confirmation over p99 of a bare endpoint behind the router",
        "http durable", "http bare routed",
        figure="call_ms_p99", floor=2.5, wished=1.2, is_less_better=True,
    ),
    Question(
        "P12", "Confirmations a second in bulk over one by one",
        "http bulk", "http durable", floor=5, wished=8,
        note="The reading and settling of each confirmation in Python.",
    ),
    Question(
        "overload", "Good answers at five times the connections over the peak",
        "http overload", "http durable", floor=0.9,
    ),
    Question(
        "memory", "Memory of the web process at full load", "http overload",
        figure="memory_mb", unit="MB", floor=300, is_less_better=True,
    ),
    Question(
        "P13", "Our writer over pgledger's function per transfer", FAST, "pgledger/uniform",
        floor=25, wished=60,
    ),
    Question(
        "P14-python", "Our writer over TigerBeetle's Python client",
        FAST, "tigerbeetle python/uniform", floor=1.5, wished=4,
        note="The other is bound by an object per transfer and per answer.",
    ),
    Question(
        "P14-native", "Our writer over TigerBeetle's own benchmark",
        FAST, "tigerbeetle native/uniform", floor=0.35, wished=1.0, note=_ACCOUNTS,
    ),
    Question(
        "P14-native-hot", "Our writer over TigerBeetle's own benchmark, one hot account",
        "array 8000/hot", "tigerbeetle native/hot", floor=0.35, wished=1.0, note=_ACCOUNTS,
    ),
)  # fmt: skip
"""The floors and wishes are those the settlement core was designed to."""


def answers(measured: Sequence[Measured], skipped: dict[str, str]) -> list[Answer]:
    """Every question with what this run says of it; `skipped` has a reason for cells left out."""
    return [_answer(question, measured, skipped) for question in QUESTIONS]


def of_cell(measured: Iterable[Measured], cell: str) -> list[Measured]:
    """What was measured of one cell, in the order of the repetitions."""
    return sorted((one for one in measured if one.cell == cell), key=lambda one: one.repetition)


def _answer(question: Question, measured: Sequence[Measured], skipped: dict[str, str]) -> Answer:
    over = {
        one.repetition: figure
        for one in of_cell(measured, question.over)
        if (figure := getattr(one, question.figure)) is not None
    }
    if question.under is None:
        ratios = list(over.values())
    else:
        under = {
            one.repetition: getattr(one, question.figure)
            for one in of_cell(measured, question.under)
        }
        ratios = [over[number] / under[number] for number in over if under.get(number)]
    if not ratios:
        return Answer(question, (), _why_not(question, skipped))
    return Answer(question, ratios, _bound_by(question, of_cell(measured, question.over)))


def _why_not(question: Question, skipped: dict[str, str]) -> str:
    cells = [cell for cell in (question.over, question.under) if cell in skipped]
    reason = "; ".join(dict.fromkeys(skipped[cell] for cell in cells))
    return f"Not measured: {reason or 'not part of this run'}."


def _bound_by(question: Question, runs: Sequence[Measured]) -> str:
    postgres = _cores([(one.postgres_us, one.rate) for one in runs])
    python = _cores([(one.python_us, one.rate) for one in runs])
    shares = [
        f"{name} uses {cores:.2f} of a core"
        for name, cores in (("PostgreSQL", postgres), ("Python", python))
        if cores is not None
    ]
    busy = max(postgres or 0.0, python or 0.0)
    if not shares:
        said = "The processors' shares could not be read"
    elif busy < BUSY_CORES:
        said = (
            f"Waiting (for the disk, a processor, each other) more than work: {', '.join(shares)}"
        )
    elif (postgres or 0.0) >= (python or 0.0):
        said = f"PostgreSQL: {', '.join(shares)}"
    else:
        said = f"Python: {', '.join(shares)}"
    note = question.note and " " + question.note[0].upper() + question.note[1:].rstrip(".") + "."
    return said + "." + note


def _cores(runs: Iterable[tuple[float | None, float]]) -> float | None:
    found = [us * rate / 1e6 for us, rate in runs if us is not None]
    return statistics.median(found) if found else None
