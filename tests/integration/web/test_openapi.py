"""Every answer of the API is one its OpenAPI document names: generated requests against a real server."""

import asyncio
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import schemathesis
import schemathesis.specs.openapi.checks as openapi_checks
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.core.failures import Failure, FailureGroup
from sqlalchemy import make_url

from market import clock, ids, integrators
from market.db import Database
from market.integrators import Integrator

CHECKS = [
    schemathesis.checks.not_a_server_error,
    openapi_checks.status_code_conformance,
    openapi_checks.content_type_conformance,
]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def served(server_url, template, tmp_path_factory, build_world) -> Iterator[tuple[str, str, str]]:
    """A real server over a small market; its address, a vendor's session token, a bank's key."""
    import psycopg

    name = f"openapi_{os.getpid()}"
    with psycopg.connect(server_url, autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
    url = make_url(server_url).set(database=name).render_as_string(hide_password=False)

    async def build() -> tuple[str, str]:
        database = Database(url, pool_size=2)
        world = await build_world(database)
        bank = Integrator(ids.new(), "Ngân hàng", "bank_a", ("970436",), clock.now())
        async with database.as_system() as db:
            key = await integrators.add(db, bank)
        await database.close()
        return str(world.tokens["vendor"]), key

    token, key = asyncio.run(build())
    port = _free_port()
    data = Path(tmp_path_factory.mktemp("openapi"))
    environment = {**os.environ, "MARKET_DATABASE_URL": url, "MARKET_DATA": str(data)}  # noqa: TID251 - a process of its own
    server = subprocess.Popen(
        [
            sys.executable, "-m", "granian", "--interface", "asgi", "--factory", "--host",
            "127.0.0.1", "--port", str(port), "--workers-kill-timeout", "3",
            "market.app:create_app",
        ],
        env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    base = f"http://127.0.0.1:{port}"
    deadline = time.monotonic() + 60
    while True:
        try:
            if httpx.get(f"{base}/health", timeout=2).status_code == 200:
                break
        except httpx.HTTPError:
            assert time.monotonic() < deadline, "the server did not start"
            time.sleep(0.1)
    yield base, token, key
    server.terminate()
    server.wait(15)
    with psycopg.connect(server_url, autocommit=True) as admin:
        admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="module")
def api(served):
    base, _, _ = served
    return schemathesis.openapi.from_url(f"{base}/schema/openapi.json").include(
        path_regex="^/(api|hooks)/"
    )


def test_every_answer_is_documented_and_none_is_a_crash(api, served):
    base, token, key = served
    csrf = _csrf(base)
    headers = {"cookie": f"cho_session={token}; cho_csrf={csrf}", "x-csrftoken": csrf}
    headers["authorization"] = f"Bearer {key}"
    wrong: list[str] = []

    for result in api.get_all_operations():
        operation = result.ok()

        @settings(
            max_examples=12,
            deadline=None,
            derandomize=True,
            database=None,
            phases=[Phase.explicit, Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy())
        def check(case):
            answer = case.call(base_url=base, headers=headers, timeout=20)
            case.validate_response(answer, checks=CHECKS)

        try:
            check()
        except (FailureGroup, Failure) as failed:
            wrong.append(f"{operation.label}: {failed}"[:600])

    assert not wrong, "\n".join(wrong)


_CSRF: dict[str, str] = {}


def _csrf(base: str) -> str:
    if base not in _CSRF:
        _CSRF[base] = httpx.get(f"{base}/health").cookies["cho_csrf"]
    return _CSRF[base]
