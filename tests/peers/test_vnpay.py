"""The simulated VNPAY as the public JavaScript client sees it, and our own checks of its requests."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from market import clock
from market.settings import Settings, as_environment
from payments import qr

SECRET = "PEERSECRET0000000000000000000001"


@pytest.fixture
def vnpay_url(tmp_path: Path) -> Iterator[str]:
    """VNPAY as a process of its own."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = Settings(data=tmp_path, vnpay_secret=SECRET)
    process = subprocess.Popen(
        [sys.executable, "-m", "market.cli", "simulate", "vnpay", "--port", str(port)],
        env=as_environment(settings), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        start_new_session=True,
    )  # fmt: skip
    url = f"http://127.0.0.1:{port}"
    deadline = time.monotonic() + 120
    while True:
        with contextlib.suppress(httpx.HTTPError):
            if httpx.get(f"{url}/health", timeout=2).status_code == 200:
                break
        assert time.monotonic() < deadline, "VNPAY did not start"
        time.sleep(0.1)
    yield url
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def test_the_public_client_pays_asks_and_refunds(ask_peer, vnpay_url) -> None:
    httpx.post(f"{vnpay_url}/control", json={"refund_s": 0}).raise_for_status()
    given = {
        "host": vnpay_url,
        "tmn": "CHODEMO1",
        "secret": SECRET,
        "now": int(clock.now().timestamp() * 1000),
        "ends": [("HD000123", "00"), ("HD000124", "24"), ("HD000125", "51")],
    }

    seen = ask_peer("vnpay", "vnpay.mjs", given)

    paid, cancelled, poor = (seen["payments"][reference] for reference, _ in given["ends"])
    assert "PaymentMethod.html" in paid["page"]
    assert all(
        one["told"]["isVerified"] and one["ipn"]["isVerified"] for one in (paid, cancelled, poor)
    )
    assert [one["ipn"]["isSuccess"] for one in (paid, cancelled, poor)] == [True, False, False]
    assert not any(one["tampered"] for one in (paid, cancelled, poor))
    assert paid["ipn"]["vnp_Amount"] == 85_000
    assert {"bank_code", "bank_name"} <= set(seen["banks"][0])
    assert (seen["queried"]["isVerified"], seen["queried"]["vnp_TransactionStatus"]) == (True, "00")
    assert seen["tooSoon"]["vnp_ResponseCode"] == "94"
    # Rightly signed; the client of this version divides the amount before it verifies a refund.
    assert (seen["refunded"]["vnp_ResponseCode"], seen["refunded"]["isVerified"]) == ("00", False)
    assert seen["tooMuch"]["vnp_ResponseCode"] == "93"
    assert qr.read(seen["code"]["qrcontent"]).amount_vnd == 85_000
