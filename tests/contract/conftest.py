"""Each subject in turn, with its gateway; and how many forgeries are tried."""

import pytest

from payments.gateways import Gateway, Secrets
from tests.contract.subjects import SECRET, SUBJECTS, Subject

FORGED_DEFAULT = 2_000


def pytest_addoption(parser: pytest.Parser) -> None:
    """How many forged notices are tried in all; see docs/notices.md."""
    parser.addoption("--forged", type=int, default=FORGED_DEFAULT, help="forged notices to try")


@pytest.fixture
def forged_count(request: pytest.FixtureRequest) -> int:
    """As asked for; the default where this folder is not named on the command line."""
    return int(request.config.getoption("--forged", FORGED_DEFAULT))


@pytest.fixture(params=SUBJECTS, ids=lambda one: one.name)
def subject(request: pytest.FixtureRequest) -> Subject:
    found: Subject = request.param
    return found


@pytest.fixture
def gateway(subject: Subject) -> Gateway:
    return subject.gateway(Secrets(SECRET))
