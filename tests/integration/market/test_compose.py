"""compose.yaml is read by a real Compose, and asks for every secret it needs."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
GIVEN = {
    "POSTGRES_PASSWORD": "a",
    "RABBITMQ_PASSWORD": "b",
    "MARKET_SECRET": "c",
    "MARKET_SEPAY_SECRET": "d",
    "MARKET_PUBLIC_URL": "https://market.example.test",
}


@pytest.fixture
def compose(tmp_path):
    program = shutil.which("docker-compose", path=str(Path(sys.executable).parent))
    assert program is not None

    def run(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [program, "-f", str(ROOT / "compose.yaml"), *arguments],
            env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), **environment},
            capture_output=True, text=True, check=False,
        )  # fmt: skip

    return run


def test_the_file_is_a_whole_market(compose):
    done = compose("config", "--format", "json", **GIVEN)

    found = json.loads(done.stdout)["services"]
    assert set(found) == {"postgres", "rabbitmq", "migrate", "web", "worker", "relay"}
    for name in ("postgres", "rabbitmq", "web"):
        assert found[name]["healthcheck"]["test"]
    for name in ("web", "worker", "relay"):
        migrate = found[name]["depends_on"]["migrate"]
        assert migrate["condition"] == "service_completed_successfully"


def test_valkey_comes_when_asked_for(compose):
    done = compose("--profile", "valkey", "config", "--services", **GIVEN)

    assert "valkey" in done.stdout.split()


@pytest.mark.parametrize("missing", GIVEN)
def test_a_secret_that_was_not_chosen_is_asked_for_by_name(compose, missing):
    given = {name: value for name, value in GIVEN.items() if name != missing}

    done = compose("config", "-q", **given)

    assert done.returncode != 0
    assert f"required variable {missing} is missing" in done.stderr


def test_the_commands_of_the_services_exist(compose):
    from market import cli

    services = json.loads(compose("config", "--format", "json", **GIVEN).stdout)["services"]

    for name in ("migrate", "web", "worker", "relay"):
        options = cli._parser().parse_args(services[name]["command"])
        assert callable(options.command)
