"""Public JavaScript clients, asked in one node process for all cases of a test."""

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
SECONDS_MAX = 60

Ask = Callable[[str, str, Any], Any]


@pytest.fixture(scope="session")
def ask_peer() -> Ask:
    """`ask_peer("vietnam-qr-pay", "vietqr.mjs", cases)`: what the script answers to the cases."""

    def ask(package: str, script: str, cases: Any) -> Any:
        node = shutil.which("node")
        if node is None:
            pytest.skip("There is no node here: install it, then run `make peers`.")
        if not (HERE / "node_modules" / package / "package.json").is_file():
            pytest.skip(f"{package} is not installed here: run `make peers`.")
        done = subprocess.run(
            [node, str(HERE / script)],
            input=json.dumps(cases),
            capture_output=True,
            text=True,
            timeout=SECONDS_MAX,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return ask
