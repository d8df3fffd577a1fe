"""Who may wait: as many as the ledger commits in about a second."""

import heapq

import pytest

from market.web.admission import WAITING_MIN, Admission

BATCH_SECONDS = 0.01


class Simulated:
    """A ledger that commits `rate` a second, in groups; time passes only here."""

    def __init__(self, rate: float) -> None:
        self.at = 0.0
        self.rate = rate
        self.admission = Admission(lambda: self.at)
        self.queue: list[float] = []
        self.done: list[tuple[float, float]] = []
        """When, and how long it had waited."""
        self.refused = 0

    def run(self, arrivals_per_second: float, seconds: float) -> None:
        """Offer so many evenly; commit in groups of what waits, as far as the rate allows."""
        events = [
            (self.at + n / arrivals_per_second, 0)
            for n in range(int(seconds * arrivals_per_second))
        ]
        events += [(self.at + n * BATCH_SECONDS, 1) for n in range(1, int(seconds / BATCH_SECONDS))]
        heapq.heapify(events)
        credit = 0.0
        while events:
            self.at, is_batch = heapq.heappop(events)
            if not is_batch:
                self._arrive()
                continue
            credit = min(credit + self.rate * BATCH_SECONDS, self.rate * BATCH_SECONDS + 1)
            credit -= self._commit(int(credit))

    def _arrive(self) -> None:
        if self.admission.is_full:
            self.refused += 1
        else:
            self.admission.enter()
            self.queue.append(self.at)

    def _commit(self, count_max: int) -> int:
        group, self.queue = self.queue[:count_max], self.queue[count_max:]
        for entered in group:
            self.admission.leave()
            self.done.append((self.at, self.at - entered))
        return len(group)


@pytest.mark.parametrize("rate", [100, 1_000, 5_000])
def test_at_five_times_the_load_goodput_stays_at_the_peak_and_nobody_waits_for_long(rate):
    ledger = Simulated(rate)

    ledger.run(5 * rate, seconds=12)

    late = [waited for at, waited in ledger.done if at > 4]
    assert len(late) / 8 >= 0.9 * rate
    assert max(late) <= 1.6
    assert ledger.refused > 0


def test_what_the_ledger_can_do_is_never_refused():
    ledger = Simulated(5_000)

    ledger.run(4_500, seconds=4)

    assert ledger.refused == 0


def test_a_fast_ledger_may_have_more_waiting_though_it_is_often_idle():
    ledger = Simulated(8_000)

    ledger.run(4_000, seconds=2)

    assert 3_500 <= ledger.admission.waiting_max <= 4_500


def test_large_requests_one_after_another_show_what_is_possible():
    at = 0.0
    admission = Admission(lambda: at)

    for _ in range(10):
        admission.enter(1_000)
        at += 0.2
        admission.leave(1_000, 1_000)

    assert 4_500 <= admission.waiting_max <= 5_500


def test_a_burst_after_a_quiet_night_is_let_in():
    ledger = Simulated(5_000)
    ledger.run(10, seconds=60)

    ledger.run(900, seconds=1)

    assert ledger.refused == 0


def test_a_ledger_that_becomes_slow_is_noticed_within_seconds():
    ledger = Simulated(5_000)
    ledger.run(5_000, seconds=4)
    ledger.rate = 200

    ledger.run(1_000, seconds=45)

    assert ledger.admission.waiting <= 400


def test_nobody_joins_a_ledger_that_stands_still():
    ledger = Simulated(5_000)
    ledger.run(4_000, seconds=2)
    ledger.rate = 0

    ledger.run(1_000, seconds=5)

    assert ledger.admission.waiting <= 2_100
    assert ledger.refused >= 2_900


def test_a_few_may_always_wait():
    ledger = Simulated(0)

    ledger.run(10, seconds=5)

    assert ledger.refused == 0
    assert ledger.admission.waiting < WAITING_MIN


def test_what_failed_says_nothing_about_what_can_be_done():
    at = 0.0
    admission = Admission(lambda: at)
    before = admission.waiting_max

    admission.enter(50_000)
    at = 1.0
    admission.leave(50_000, done_count=0)

    assert (admission.waiting, admission.waiting_max) == (0, before)
