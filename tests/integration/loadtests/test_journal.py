import os
import re
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import psycopg
import pytest

from loadtests.journal import Journal, wrong_in
from market.settings import Settings, as_environment

ROOT = Path(__file__).parents[3]
READY_SECONDS = 60


@pytest.fixture
def market_url(demo_url, tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    given = Settings(database_url=demo_url, data=tmp_path, port=port, demo=True)
    web = subprocess.Popen(
        [sys.executable, "-m", "market.cli", "web", "--port", str(port)],
        cwd=ROOT, env=as_environment(given), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    url = f"http://127.0.0.1:{port}"
    _wait_for(url, web)
    yield url
    web.terminate()
    web.wait(timeout=15)


def _wait_for(url, process):
    until = time.monotonic() + READY_SECONDS
    while time.monotonic() < until and process.poll() is None:
        try:
            if httpx.get(f"{url}/health").status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    raise AssertionError("the web did not answer")


def acknowledged(database_url):
    with psycopg.connect(database_url) as connection:
        notices = connection.execute(
            "SELECT provider_id, amount_vnd FROM payments.receipt WHERE outcome = 'stand' LIMIT 50"
        ).fetchall()
        cash = connection.execute(
            "SELECT id::text, amount_vnd FROM market.sale WHERE method = 'cash' LIMIT 50"
        ).fetchall()
    return Journal(dict(notices), dict(cash))


def test_what_is_in_the_ledger_once_is_found_right(demo_url):
    journal = acknowledged(demo_url)

    assert len(journal.notices) == len(journal.cash) == 50
    assert list(wrong_in(demo_url, journal)) == []


def test_a_payment_that_was_acknowledged_and_is_not_there_is_told(demo_url):
    journal = acknowledged(demo_url)
    journal.notices["987654321"] = 50_000
    journal.cash["01a1fd03-14c0-74d7-96fc-08e0a40085d3"] = 20_000

    wrong = list(wrong_in(demo_url, journal))

    assert len(wrong) == 2
    assert "987654321" in wrong[0]


def test_an_amount_that_is_one_dong_off_is_told(demo_url):
    journal = acknowledged(demo_url)
    first = next(iter(journal.notices))
    journal.notices[first] += 1

    assert len(list(wrong_in(demo_url, journal))) == 1


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_locust_plays_all_roles_and_every_payment_is_in_the_ledger_once(
    market_url, demo_url, tmp_path
):
    environment = os.environ | {"MARKET_DATABASE_URL": demo_url}  # noqa: TID251 - for a process
    played = subprocess.run(
        [sys.executable, "-m", "loadtests", "--data", str(tmp_path), "--url", market_url,
         "--users", "8", "--seconds", "8"],
        cwd=ROOT, env=environment, capture_output=True, text=True, timeout=180, check=False,
    )  # fmt: skip

    said = re.search(r"(\d+) notices and \d+ cash sales acknowledged; each is", played.stdout)

    assert played.returncode == 0, played.stdout + played.stderr
    assert said is not None
    assert int(said.group(1)) > 0
