"""Keys in memory: read seldom, dead within ten seconds after they were revoked."""

import asyncio
from datetime import UTC, datetime
from uuid import UUID

import pytest

from market.integrators import Integrator, Keys, key_hash

BANK = Integrator(UUID(int=1), "A", "bank_a", ("970436",), datetime(2026, 1, 1, tzinfo=UTC))


class Store:
    """What the database would answer, and how often it was asked."""

    def __init__(self) -> None:
        self.at = 100.0
        self.known = {key_hash(b"good"): BANK}
        self.reads = 0
        self.fails = False

    async def load(self) -> dict[bytes, Integrator]:
        self.reads += 1
        found = dict(self.known)
        await asyncio.sleep(0)
        if self.fails:
            raise ConnectionRefusedError
        return found


async def ask(keys, key):
    """As the door asks: what is surely known first."""
    return keys.known(key) or await keys.find(key)


@pytest.fixture
def store():
    return Store()


@pytest.fixture
async def keys(store):
    opened = Keys(store.load, lambda: store.at)
    yield opened
    await opened.close()


async def test_a_key_is_known_after_one_reading(store, keys):
    found = [await ask(keys, b"good") for _ in range(100)]

    assert found == [BANK] * 100
    assert store.reads == 1


async def test_all_who_come_at_once_share_one_reading(store, keys):
    found = await asyncio.gather(*(ask(keys, b"good") for _ in range(50)))

    assert found == [BANK] * 50
    assert store.reads == 1


async def test_a_revoked_key_is_dead_within_ten_seconds(store, keys):
    await ask(keys, b"good")
    store.known = {}

    alive = []
    for _ in range(20):
        store.at += 0.5
        alive.append(await ask(keys, b"good") is not None)
        await asyncio.sleep(0)

    assert alive[0]
    assert not any(alive[8:])


async def test_after_a_quiet_hour_nobody_is_let_in_by_what_was_known(store, keys):
    await ask(keys, b"good")
    store.known = {}
    store.at += 3_600

    assert await ask(keys, b"good") is None


async def test_while_the_database_is_away_a_known_key_is_good_for_seconds_only(store, keys):
    await ask(keys, b"good")
    store.fails = True
    store.at += 5

    assert await ask(keys, b"good") == BANK
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    store.at += 5
    with pytest.raises(ConnectionRefusedError):
        await ask(keys, b"good")
    store.fails = False
    assert await ask(keys, b"good") == BANK


async def test_a_new_key_works_within_a_second(store, keys):
    assert await ask(keys, b"new") is None
    store.known[key_hash(b"new")] = BANK
    store.at += 1.1

    assert await ask(keys, b"new") == BANK


async def test_guessing_keys_does_not_burden_the_database(store, keys):
    for number in range(1_000):
        await ask(keys, b"guess %d" % number)

    assert store.reads == 1


async def test_who_gives_up_waiting_does_not_spoil_it_for_the_others(store, keys):
    impatient = asyncio.create_task(ask(keys, b"good"))
    patient = asyncio.create_task(ask(keys, b"good"))
    await asyncio.sleep(0)
    impatient.cancel()

    assert await patient == BANK
