"""How far the proof of the numbers goes: `pytest tests/faults/einvoice --invoice-numbers 1000000 --timeout 0`."""

import pytest

NUMBERS = 4_000
"""In the ordinary run."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Seen where this folder is named on the command line; elsewhere the ordinary number holds."""
    parser.addoption("--invoice-numbers", type=int, default=NUMBERS, help="numbers to issue")


@pytest.fixture
def numbers_wanted(pytestconfig: pytest.Config) -> int:
    return int(pytestconfig.getoption("--invoice-numbers", NUMBERS))
