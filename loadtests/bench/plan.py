"""Every cell of the bench, by name, and which of them a run measures."""

from collections.abc import Callable, Sequence
from fnmatch import fnmatch
from functools import partial

from loadtests.bench.beside import Accompanied, Writers
from loadtests.bench.cell import Cell, Variant
from loadtests.bench.load import Load
from loadtests.bench.naive import Function, Session, Statements
from loadtests.bench.ours import (
    Arrays,
    Callers,
    Events,
    Holds,
    Linked,
    Ours,
    Refused,
    Replay,
    Settling,
)

Make = Callable[..., Variant]

NAIVE: tuple[tuple[str, Make, Sequence[str]], ...] = (
    ("session x8", Session, ("uniform", "hot")),
    ("statements x1", partial(Statements, connections=1), ("uniform",)),
    ("statements x8", Statements, ("uniform", "hot")),
    ("function x8", Function, ("uniform", "hot")),
)
"""Name, variant and shapes."""
OURS: tuple[tuple[str, Make, Sequence[str]], ...] = (
    ("array 100", partial(Arrays, batch=100), ("uniform",)),
    ("array 1000", partial(Arrays, batch=1_000), ("uniform", "hot")),
    ("array 8000", Arrays, ("uniform", "zipf", "hot")),
    ("object 100", partial(Ours, batch=100), ("uniform",)),
    ("object 1000", partial(Ours, batch=1_000), ("uniform",)),
    ("object 8000", Ours, ("uniform", "zipf", "hot")),
    ("callers 64", partial(Callers, callers=64), ("uniform",)),
    ("holds 8000", Holds, ("uniform",)),
    ("linked 8000", Linked, ("uniform",)),
    ("replay 8000", Replay, ("uniform",)),
    ("refused 8000", Refused, ("uniform",)),
    ("events 8000", Events, ("uniform",)),
    ("settle 2000", Settling, ("uniform", "hot")),
    ("two writers, own lanes", partial(Writers, is_disjoint=True), ("uniform",)),
    ("two writers, all lanes", partial(Writers, is_disjoint=False), ("uniform",)),
    ("array 8000 beside the sealer", partial(Accompanied, job="seal"), ("uniform",)),
    (
        "array 8000 beside the statements",
        partial(Accompanied, job="feed_statements"),
        ("uniform",),
    ),
)
GROWN = "array 8000"
QUICK = (
    "statements x8/*",
    "function x8/*",
    "session x8/uniform",
    "array 100/uniform",
    "array 1000/uniform",
    "array 8000/*",
    "object 8000/uniform",
    "replay 8000/*",
    "holds 8000/*",
    "settle 2000/uniform",
    "two writers, own lanes/*",
    "http *",
    "tigerbeetle *",
)
"""What `--quick` measures: the main ratios."""


def cells(rows: Sequence[int], patterns: Sequence[str]) -> list[Cell]:
    """The cells whose keys fit one of the patterns, in the order they are measured."""
    found = [
        Cell(name, _maker(make, shape), shape, is_naive=is_naive)
        for group, is_naive in ((NAIVE, True), (OURS, False))
        for name, make, shapes in group
        for shape in shapes
    ]
    found += [Cell(GROWN, _maker(Arrays, "uniform"), rows=count) for count in rows if count]
    return [cell for cell in found if fits(cell.key, patterns)]


def fits(key: str, patterns: Sequence[str]) -> bool:
    """Whether a cell is asked for; all are where nothing is."""
    return not patterns or any(fnmatch(key, pattern) for pattern in patterns)


def _maker(make: Make, shape: str) -> Callable[[str, Load], Variant]:
    return lambda url, load: make(url, load, shape)
