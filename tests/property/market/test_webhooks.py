"""The schedule of tries: enough of them, over long enough, never all at once."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from market import webhooks

drawn = st.floats(0, 1, allow_nan=False)


@given(st.lists(drawn, min_size=webhooks.TRIES_MAX, max_size=webhooks.TRIES_MAX))
def test_whatever_the_jitter_there_are_ten_tries_or_more_over_a_day_or_more(draws):
    waits = []
    while (wait := webhooks.wait_after(len(waits) + 1, draws[len(waits)])) is not None:
        waits.append(wait)

    assert len(waits) + 1 >= 10
    assert timedelta(hours=24) <= sum(waits, timedelta(0)) <= timedelta(days=3)
    assert all(timedelta(seconds=1) <= wait <= timedelta(hours=13) for wait in waits)


@given(st.integers(1, webhooks.TRIES_MAX - 1), drawn, drawn)
def test_more_jitter_is_a_longer_wait_and_the_schedule_never_shrinks(attempts, one, other):
    low, high = sorted((one, other))

    assert webhooks.wait_after(attempts, low) <= webhooks.wait_after(attempts, high)
    assert webhooks.SCHEDULE[attempts - 1] <= webhooks.wait_after(attempts, low)


@given(drawn)
def test_the_first_retry_comes_soon_and_the_last_try_has_none_after_it(draw):
    assert webhooks.wait_after(1, draw) <= timedelta(seconds=10)
    assert webhooks.wait_after(webhooks.TRIES_MAX, draw) is None
