"""The commands: instant help, exit codes, plain sentences."""

import subprocess
import sys
from pathlib import Path

import pytest

from market import cli, serve
from market.settings import SettingsError

ROOT = Path(__file__).parents[3]
HEAVY = ("litestar", "sqlalchemy", "sqlmodel", "dramatiq", "granian", "reportlab", "asyncpg")


def test_help_imports_nothing_heavy():
    program = f"import sys, market.cli; print([n for n in {HEAVY} if n in sys.modules])"

    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )

    assert done.stdout == "[]\n"


@pytest.mark.parametrize(
    "command", ["demo", "serve", "web", "worker", "relay", "simulate", "db", "audit", "integrator"]
)
def test_each_command_explains_itself(command, capsys):
    with pytest.raises(SystemExit) as left:
        cli.main([command, "--help"])

    assert left.value.code == 0
    assert f"market {command}" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments",
    [[], ["dance"], ["serve", "--port", "99999"], ["serve", "--port", "x"], ["db", "drop"],
     ["simulate", "lottery"]],
)  # fmt: skip
def test_a_wrong_command_line_ends_with_2(arguments, capsys):
    with pytest.raises(SystemExit) as left:
        cli.main(arguments)

    assert left.value.code == cli.MISUSED
    assert "usage: market" in capsys.readouterr().err


def test_a_simulator_there_is_none_of_is_named_with_those_there_are(capsys):
    code = cli.main(["serve", "--simulate", "bank,lottery"])

    assert code == cli.MISUSED
    assert "no simulator “lottery”, only bank, vnpay" in capsys.readouterr().err


def test_a_variable_of_the_wrong_kind_is_named(monkeypatch, capsys):
    monkeypatch.setenv("MARKET_PORT", "eight")

    code = cli.main(["relay"])

    assert code == cli.MISUSED
    assert "MARKET_PORT must be a whole number" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["web", "worker", "relay"])
def test_a_process_alone_without_a_database_says_how_to_have_one(command, tmp_path, capsys):
    code = cli.main([command, "--data", str(tmp_path)])

    assert code == cli.MISUSED
    assert "market serve" in capsys.readouterr().err


def test_interrupting_a_command_is_no_traceback(monkeypatch):
    def interrupted(plan: serve.Plan) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(serve, "run", interrupted)

    assert cli.main(["serve"]) == cli.INTERRUPTED


def test_every_simulator_of_the_command_line_has_its_port():
    assert set(cli.SIMULATORS) == set(serve.SIMULATORS)
    with pytest.raises(SettingsError):
        cli._chosen("lottery")
    assert cli._chosen("all") == cli.SIMULATORS
