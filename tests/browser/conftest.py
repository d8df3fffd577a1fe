"""A market, a browser of a phone's size, and what every screen is held to."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, async_playwright, expect

from tests.browser.opening import Openings
from tests.browser.people import CHROMIUM, FLAGS, Market, Visitor, Visitors

HERE = Path(__file__).parent
OPENINGS = pytest.StashKey[Openings]()
ONE_LOOP = pytest.mark.asyncio(loop_scope="session")
expect.set_options(timeout=15_000)
"""Two cores may be shared with other tests; a screen that is right is right at once anyway."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.browser)
            item.add_marker(ONE_LOOP, append=False)  # Chromium's, which outlives a test
            item.add_marker(pytest.mark.timeout(600))  # the first one opens the market
            if CHROMIUM is None:
                item.add_marker(pytest.mark.skip(reason="no chromium on this machine"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> Iterator[None]:
    """Open markets cost whoever comes next a tenth of a core."""
    try:
        return (yield)
    finally:
        if OPENINGS in item.config.stash and (
            nextitem is None or HERE not in nextitem.path.parents
        ):
            item.config.stash[OPENINGS].close()


@pytest.fixture(scope="session")
def openings(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Openings]:
    """The markets that this worker opens."""
    made = Openings(lambda kind: Path(tmp_path_factory.mktemp(kind)))
    request.config.stash[OPENINGS] = made
    yield made
    made.close()


@pytest.fixture(scope="module")
def market(openings: Openings) -> Market:
    """A market with the demo's world, shared by all browser tests that need no more."""
    return openings.market("opened")


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    """Chromium. Each visitor's context shares nothing with the others."""
    async with async_playwright() as playwright:
        opened = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield opened
        await opened.close()


@pytest_asyncio.fixture(loop_scope="session")
async def visitors(browser: Browser, market: Market) -> AsyncIterator[Visitors]:
    """People with phones. When the test is over, no page may have complained."""
    people = Visitors(browser, market)
    yield people
    complaints = [line for one in people.opened for line in one.watch.unexpected()]
    for one in people.opened:
        await one.context.close()
    assert complaints == []


@pytest_asyncio.fixture(loop_scope="session")
async def visitor(visitors: Visitors) -> Visitor:
    """One person with a phone of 360 × 640."""
    return await visitors.new()
