"""The processes of a market, each run alone: `market web`, `worker`, `relay`, `simulate`."""

import dataclasses
import os
import sys
from typing import TYPE_CHECKING

from market.embedded import Cluster
from market.settings import Settings, SettingsError, as_environment

if TYPE_CHECKING:  # a worker or relay need not import the web framework
    from litestar import Litestar

KILL_SECONDS = 3
"""Open streams (SSE) never end by themselves; without this a stop would wait for them for ever."""


def web(settings: Settings, workers: int) -> int:
    """Become the web server; does not return."""
    return _granian(
        _with_database(settings), "market.commands.processes:web_app", settings.port, workers
    )


def web_app() -> "Litestar":
    """The factory a web process calls: its logs first, then the application."""
    from market import app, logs

    logs.configure("web")
    made = app.create_app()
    app.be_ready()
    return made


def simulator(settings: Settings, name: str, port: int | None) -> int:
    """Become a simulated partner; does not return."""
    from market.serve import SIMULATORS

    target = f"market.commands.simulators:{name}"
    return _granian(settings, target, SIMULATORS[name] if port is None else port, 1)


def worker(settings: Settings) -> int:
    """Run jobs until told to stop."""
    from market import logs
    from market import worker as process

    logs.configure("worker")
    return process.main(_with_database(settings))


def relay(settings: Settings) -> int:
    """Hand facts and work on until told to stop."""
    from market import logs
    from market import relay as process

    logs.configure("relay")
    return process.main(_with_database(settings))


def _granian(settings: Settings, target: str, port: int, workers: int) -> int:
    settings = dataclasses.replace(settings, data=settings.data.resolve())
    command = [
        sys.executable, "-m", "granian", "--interface", "asgi", "--factory",
        "--host", settings.host, "--port", str(port), "--workers", str(workers),
        "--workers-kill-timeout", str(KILL_SECONDS),
        "--respawn-failed-workers", "--respawn-interval", "0.2",
        "--no-ws", "--log-level", "warning", target,
    ]  # fmt: skip
    os.execve(sys.executable, command, as_environment(settings))


def _with_database(settings: Settings) -> Settings:
    if settings.database_url:
        return settings
    cluster = Cluster(settings.data.resolve())
    if cluster.pid() is None:
        raise SettingsError(
            f"No database runs in {settings.data}. "
            "Start the whole market with `market serve`, or set MARKET_DATABASE_URL."
        )
    return dataclasses.replace(settings, database_url=cluster.url("market"))
