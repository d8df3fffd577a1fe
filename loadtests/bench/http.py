"""The ledger through the market's own HTTP endpoint, under wrk."""

from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType

from loadtests.bench.cell import Measured, Skipped
from loadtests.bench.load import Load
from loadtests.bench.server import Server

CELLS = (
    "http bare", "http durable", "http durable hot", "http bulk", "http naive", "http naive hot",
    "http overload",
)  # fmt: skip


def cells() -> list[str]:
    return list(CELLS)


class Market(AbstractContextManager["Market"]):
    def __init__(self, server: Server, load: Load, template: str, folder: Path) -> None:
        self._server = server

    def measure(self, key: str, load: Load, *, repetition: int, seconds: float) -> Measured:
        raise Skipped("not yet")

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        pass
