"""The locks: pinned by hash, without an address, the tests' containing the base's."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
LOCKS = ("requirements-base.lock", "requirements-test.lock", "requirements-cluster.lock")


def pinned(name: str) -> dict[str, str]:
    found = re.findall(r"^([a-z0-9._-]+)(?:\[[^]]*\])?==(\S+)", (ROOT / name).read_text(), re.M)
    return dict(found)


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_has_no_address_and_no_option_but_hashes(name):
    text = (ROOT / name).read_text()

    assert "://" not in text
    assert not re.search(r"^\s*-(?!-hash=)", text, re.M)


@pytest.mark.parametrize("name", LOCKS)
def test_every_package_of_a_lock_is_pinned_and_hashed(name):
    entries = re.split(r"\n(?=\S)", (ROOT / name).read_text().strip())

    assert [one for one in entries if "==" not in one or "--hash=sha256:" not in one] == []


@pytest.mark.parametrize("name", LOCKS[1:])
def test_a_larger_lock_has_the_base_at_the_same_versions(name):
    assert pinned(LOCKS[0]).items() <= pinned(name).items()
