"""The set-up on a bare machine: a copy of the clone with locks of no packages, and no network."""

import ast
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from market import bootstrap

ROOT = Path(__file__).parents[3]
PYTHON = str(Path(sys.base_prefix) / "bin" / "python3")
NOBODY = 65534
pytestmark = pytest.mark.timeout(300)  # making an environment takes ten seconds on an idle machine
FILES = ("__init__.py", "__main__.py", "bootstrap.py")
UNKNOWN_PACKAGE = (
    "a-package-nobody-has==1.0.0 --hash=sha256:"
    "0000000000000000000000000000000000000000000000000000000000000000\n"
)


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """What a fresh clone has, as far as the set-up looks at it."""
    return make_clone(tmp_path / "chợ clone")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone that was set up once, to copy from."""
    folder = make_clone(tmp_path_factory.mktemp("made") / "clone")
    done = run(folder, "setup")
    assert (done.returncode, done.stdout) == (0, "Ready.\n"), done.stderr
    assert "Setting up" in done.stderr
    return folder


@pytest.fixture
def ready(made: Path, tmp_path: Path) -> Path:
    """A clone that is set up."""
    return Path(shutil.copytree(made, tmp_path / "ready", symlinks=True))


def make_clone(folder: Path) -> Path:
    (folder / "market").mkdir(parents=True)
    for name in FILES:
        shutil.copy(ROOT / "market" / name, folder / "market" / name)
    (folder / "pyproject.toml").touch()
    for lock in bootstrap.LOCKS.values():
        (folder / lock).write_text("# nothing\n")
    return folder


def run(clone: Path, *arguments: str, **more: str) -> "subprocess.CompletedProcess[str]":
    """`python3 -m market …` in the clone, with pip alone and no way to any package source."""
    environment = {
        "PATH": "/usr/bin:/bin",
        "HOME": str(clone),
        "PIP_INDEX_URL": "http://127.0.0.1:9/simple",
        "PIP_RETRIES": "0",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    }
    return subprocess.run(
        [PYTHON, "-m", "market", *arguments], cwd=clone, env=environment | more,
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_a_second_run_finds_what_the_first_made(ready):
    again = run(ready, "setup")

    assert (again.returncode, again.stdout, again.stderr) == (0, "Ready.\n", "")


def test_the_clone_can_be_imported_from_any_folder(made, tmp_path):
    done = subprocess.run(
        [made / ".venv/bin/python", "-c", "import market; print(market.__file__)"],
        cwd=tmp_path, capture_output=True, text=True, check=True,
    )  # fmt: skip

    assert done.stdout.strip() == str(made / "market" / "__init__.py")


@pytest.mark.parametrize("torn", ["bin/python", "pyvenv.cfg"])
def test_an_environment_torn_by_an_interruption_is_made_anew(ready, torn):
    (ready / ".venv" / "market-ready.json").unlink()
    (ready / ".venv" / torn).unlink()

    again = run(ready, "setup")

    assert (again.returncode, again.stdout) == (0, "Ready.\n"), again.stderr


def test_a_changed_lock_is_installed_again(ready):
    (ready / "requirements-base.lock").write_text("# changed\n")

    again = run(ready, "setup")

    assert again.returncode == 0
    assert "Setting up" in again.stderr


def test_the_test_lock_serves_the_base_commands_too(ready):
    run(ready, "setup", "--test")

    base = run(ready, "setup")

    assert base.stderr == ""


def test_without_a_network_the_first_run_says_so_and_leaves_no_stamp(ready):
    (ready / "requirements-base.lock").write_text(UNKNOWN_PACKAGE)

    done = run(ready, "setup")

    assert done.returncode == 1
    assert "The first run needs a network, later ones do not." in done.stderr
    assert not (ready / ".venv" / "market-ready.json").exists()


def test_a_python_without_ensurepip_names_the_package_to_install(clone, tmp_path):
    site = tmp_path / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text("import sys; sys.modules['ensurepip'] = None\n")

    done = run(clone, "setup", PYTHONPATH=str(site))

    assert done.returncode == 1
    assert "sudo apt install python3-venv" in done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_a_clone_that_may_not_be_written_says_what_to_do(clone):
    if not os.access("/usr/bin/python3", os.X_OK):
        pytest.skip("no Python that user nobody may run")
    for folder in (clone, *clone.parents):
        folder.chmod(0o755)
        if folder.name.startswith("pytest-of-"):
            break

    done = subprocess.run(
        ["/usr/bin/python3", "-m", "market", "setup"], cwd=clone, env={"PATH": "/usr/bin:/bin"},
        user=NOBODY, group=NOBODY, extra_groups=[], capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert done.returncode == 1
    assert "copy it to a folder of your own" in done.stderr or "python3-venv" in done.stderr


@pytest.mark.parametrize(
    ("output", "sentence"),
    [
        ("OSError: [Errno 28] No space left on device", "The disk is full."),
        ("error: No space left on device (os error 28)", "The disk is full."),
        ("THESE PACKAGES DO NOT MATCH THE HASHES", "A package is not the one that was tested"),
        ("error sending request: dns error: name resolution", "could not be fetched"),
        ("[Errno 30] Read-only file system: '.venv'", "A file cannot be written."),
        ("something new", "The set-up failed. Its last words:\nsomething new"),
    ],
)
def test_each_failure_has_a_plain_sentence(output, sentence):
    assert sentence in bootstrap.explain(output)


@pytest.mark.parametrize("name", ["__init__.py", "__main__.py"])
def test_an_old_python_can_read_the_file_that_tells_it_so(name):
    source = (ROOT / "market" / name).read_text()

    ast.parse(source, feature_version=(3, 6))


def test_a_too_old_python_is_told_which_one_is_needed(clone):
    pretend = (
        "import runpy, sys; sys.version_info = (3, 8, 10, 'final', 0);"
        "sys.argv = ['market', 'demo']; runpy.run_module('market', run_name='__main__')"
    )

    done = subprocess.run(
        [PYTHON, "-c", pretend], cwd=clone, capture_output=True, text=True, check=False
    )

    assert done.returncode == 1
    assert "Python 3.11 or newer is needed, this is 3.8" in done.stderr


def test_the_stamp_names_the_locks_it_was_made_from(made):
    stamp = json.loads((made / ".venv" / "market-ready.json").read_text())

    assert set(stamp) == {"python", "base"}
