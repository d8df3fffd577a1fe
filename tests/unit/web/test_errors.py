"""Errors that no handler foresaw, told to programs."""

from typing import Any

import psycopg
import pytest
from litestar import Litestar, get
from litestar.testing import TestClient
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from market.web import errors


def client_of(error: Exception) -> TestClient[Litestar]:
    @get("/api/x", sync_to_thread=False)
    def fails() -> None:
        raise error

    def no_page(request: Any, problem: Any) -> Any:
        raise AssertionError("a program asked")

    return TestClient(Litestar([fails], exception_handlers={Exception: errors.handler(no_page)}))


@pytest.mark.parametrize(
    "error",
    [
        PoolTimeoutError("QueuePool limit of size 10 reached"),
        psycopg.OperationalError("QueuePool: the connection is closed"),
    ],
)
def test_when_too_many_wait_or_the_database_is_away_they_are_told_to_come_back(error) -> None:
    with client_of(error) as client:
        answer = client.get("/api/x")

    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert answer.json()["code"] == "busy"
    assert "QueuePool" not in answer.text


def test_what_nobody_foresaw_tells_nothing_of_the_inside() -> None:
    with client_of(RuntimeError("SELECT secret")) as client:
        answer = client.get("/api/x")

    assert (answer.status_code, answer.json()["code"]) == (500, "internal")
    assert "secret" not in answer.text
