"""How many may wait for the ledger: as many as it commits in about a second, by what it did lately.

More would only wait longer for the same commits, and give up meanwhile: work for nobody.
"""

from collections.abc import Callable

WAIT_SECONDS = 1.0
"""What waits is done in about so long; a partner's own limit is rarely shorter than five seconds."""
WAITING_MIN = 64
"""So many may always wait: a few quick batches, however slow the last second was."""
RATE_AT_START = 1_000.0
"""Believed until something was measured; less than half of what two cores do."""
WINDOW_SECONDS = 0.25
BUSY_SECONDS = 0.5
"""If what waits needs longer than this, the ledger never idles: what it does is what it can."""
STALL_SECONDS = 2.0
"""Without any commit for so long, nobody joins those who wait."""


class Admission:
    """Counts who waits and what gets done. `clock` counts seconds and never goes back."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._rate = RATE_AT_START
        self._window_start = self._done_at = clock()
        self._done = 0
        self.waiting = 0
        """How many have entered and not left."""

    @property
    def waiting_max(self) -> float:
        """How many may wait now."""
        return max(WAITING_MIN, self._rate * WAIT_SECONDS)

    @property
    def is_full(self) -> bool:
        """Whether the next one is to be sent away."""
        if self.waiting < WAITING_MIN:
            return False
        if self.waiting >= self._rate * WAIT_SECONDS:
            return True
        return self._clock() - self._done_at > STALL_SECONDS

    def enter(self, count: int = 1) -> None:
        """So many wait from now on."""
        if not self.waiting:
            at = self._clock()
            if at - self._done_at > WINDOW_SECONDS:  # while nobody asked, nothing was measured
                self._window_start = at
                self._done = 0
            self._done_at = at
        self.waiting += count

    def leave(self, count: int = 1, done_count: int = 1) -> None:
        """So many wait no longer; so many of them are durable."""
        self.waiting -= count
        if not done_count:
            return
        self._done += done_count
        self._done_at = at = self._clock()
        elapsed = at - self._window_start
        if elapsed >= WINDOW_SECONDS:
            self._learn(self._done / elapsed)
            self._window_start = at
            self._done = 0

    def _learn(self, measured: float) -> None:
        if measured > self._rate:
            self._rate = measured
        elif self.waiting > measured * BUSY_SECONDS:
            self._rate = (self._rate + measured) / 2
