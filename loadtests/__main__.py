"""`python -m loadtests`: headless load on a running demo market, then the count of every payment."""

import argparse
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from market import serve, settings

HERE = Path(__file__).parent


def command(arguments: Sequence[str]) -> list[str]:
    """The locust command line for these arguments.

    Raises: SystemExit with a sentence where no market is found.
    """
    parser = argparse.ArgumentParser(prog="loadtests", description=__doc__)
    parser.add_argument("--data", type=Path, default=Path(".market"), help="its data directory")
    parser.add_argument("--url", default="", help="where the market is (as its data says)")
    parser.add_argument("--users", type=int, default=40)
    parser.add_argument("--seconds", type=int, default=30)
    parser.add_argument("--rush", action="store_true", help="a morning's rush instead of even load")
    parser.add_argument("--csv", default="", help="also write figures to files of this prefix")
    given = parser.parse_args(arguments)
    state = serve.state_of(given.data) or {}
    url = given.url or state.get("url", "")
    database_url = settings.from_environment().database_url or state.get("database_url", "")
    if not url or not database_url:
        parser.exit(2, f"No market runs on {given.data}: start `market demo`, or give --data.\n")
    files = [str(HERE / "locustfile.py"), *([str(HERE / "shapes.py")] if given.rush else [])]
    found = [
        sys.executable, "-m", "locust", "-f", ",".join(files), "--headless", "--host", url,
        "--users", str(given.users), "--database-url", database_url, "--only-summary",
        "--exit-code-on-error", "1", "--stop-timeout", "10",
    ]  # fmt: skip
    if not given.rush:
        found += ["--spawn-rate", str(given.users / 5), "--run-time", f"{given.seconds}s"]
    return found + (["--csv", given.csv] if given.csv else [])


def main(arguments: Sequence[str]) -> int:
    """Run it; the exit code says whether every answer and every đồng was right."""
    return subprocess.run(command(arguments), check=False, cwd=HERE.parent).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
