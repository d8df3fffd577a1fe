"""A market, a browser of a phone's size, and what every screen is held to."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, async_playwright, expect

from tests.browser.people import CHROMIUM, FLAGS, Market, Visitor, Visitors

OPEN_SECONDS_MAX = 400
expect.set_options(timeout=15_000)
"""Two cores may be shared with other tests; a screen that is right is right at once anyway."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.timeout(600))  # the first one opens the market
            if CHROMIUM is None:
                item.add_marker(pytest.mark.skip(reason="no chromium on this machine"))


@pytest.fixture(scope="session")
def market(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Market]:
    """A market with the demo's world, once for all browser tests.

    While one works on a page: `python tests/browser/opened.py DATA` and MARKET_TEST_OPENED=DATA.
    """
    already = os.environ.get("MARKET_TEST_OPENED")  # noqa: TID251 - chooses what is under test
    if already:
        facts = json.loads((Path(already) / "world.json").read_text())
        yield Market(facts["url"], facts)
        return
    data = Path(tmp_path_factory.mktemp("market"))
    environment = {k: v for k, v in os.environ.items() if not k.startswith("MARKET_")}  # noqa: TID251 - for a child
    log = (data / "opened.log").open("wb")
    process = subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("opened.py")), str(data)],
        env=environment | {"PYTHONPATH": str(Path(__file__).parents[2])},
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        deadline = time.monotonic() + OPEN_SECONDS_MAX
        while not (data / "world.json").exists():
            if process.poll() is not None or time.monotonic() > deadline:
                pytest.fail(
                    f"the market did not open:\n{(data / 'opened.log').read_text()[-3000:]}"
                )
            time.sleep(0.1)
        facts = json.loads((data / "world.json").read_text())
        yield Market(facts["url"], facts)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(5)
        log.close()


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    """Chromium, fresh for the test."""
    async with async_playwright() as playwright:
        opened = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield opened
        await opened.close()


@pytest.fixture
async def visitors(browser: Browser, market: Market) -> AsyncIterator[Visitors]:
    """People with phones. When the test is over, no page may have complained."""
    people = Visitors(browser, market)
    yield people
    complaints = [line for one in people.opened for line in one.watch.unexpected()]
    for one in people.opened:
        await one.context.close()
    assert complaints == []


@pytest.fixture
async def visitor(visitors: Visitors) -> Visitor:
    """One person with a phone of 360 × 640."""
    return await visitors.new()
