"""Who asks at the same moment is answered together, each with their own answer."""

import asyncio

import pytest

from market.joint import SIZE_MAX, Joint


class Rounds:
    """Answers with twice the number, and remembers who was asked together."""

    def __init__(self):
        self.seen = []
        self.go_on = asyncio.Event()
        self.go_on.set()

    async def __call__(self, asked):
        self.seen.append(list(asked))
        await self.go_on.wait()
        if 13 in asked:
            raise ValueError("unlucky")
        return [2 * one for one in asked]


async def test_a_lone_caller_is_a_round():
    rounds = Rounds()

    assert await Joint(rounds).ask(4) == 8

    assert rounds.seen == [[4]]


async def test_who_comes_during_a_round_shares_the_next():
    rounds = Rounds()
    joint = Joint(rounds)
    rounds.go_on.clear()
    first = asyncio.create_task(joint.ask(1))
    await asyncio.sleep(0)
    others = [asyncio.create_task(joint.ask(one)) for one in (2, 3, 4)]
    await asyncio.sleep(0)
    rounds.go_on.set()

    assert await asyncio.gather(first, *others) == [2, 4, 6, 8]

    assert rounds.seen == [[1], [2, 3, 4]]


async def test_a_round_that_fails_is_told_to_its_callers_and_to_no_other():
    joint = Joint(Rounds())

    with pytest.raises(ValueError, match="unlucky"):
        await joint.ask(13)

    assert await joint.ask(5) == 10


async def test_a_caller_who_left_costs_the_others_nothing():
    rounds = Rounds()
    joint = Joint(rounds)
    rounds.go_on.clear()
    callers = [asyncio.create_task(joint.ask(one)) for one in (1, 2)]
    await asyncio.sleep(0)
    callers[0].cancel()
    rounds.go_on.set()

    assert await callers[1] == 4


async def test_a_crowd_is_answered_in_rounds_of_bounded_size():
    rounds = Rounds()
    joint = Joint(rounds)

    told = await asyncio.gather(*(joint.ask(one) for one in range(14, SIZE_MAX + 64)))

    assert told == [2 * one for one in range(14, SIZE_MAX + 64)]
    assert max(map(len, rounds.seen)) == SIZE_MAX
