"""How much is tried, and from which seed: both can be chosen, and what was used is told."""

from random import SystemRandom

import pytest

import payments


@pytest.fixture(scope="session")
def operation_count(pytestconfig: pytest.Config) -> int:
    return pytestconfig.getoption("--ledger-operations")


@pytest.fixture
def ledger_seed(request: pytest.FixtureRequest) -> int:
    """Given, or a new one for every run; told in the summary, so that a failure can be replayed."""
    given = request.config.getoption("--ledger-seed")
    seed = SystemRandom().randrange(2**32) if given is None else given
    request.node.user_properties.append(("model seed", seed))
    return seed


@pytest.hookimpl
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Told of every run; a conftest of a folder is heard only for what was collected from it."""
    for reports in terminalreporter.stats.values():
        for report in reports:
            told = dict(getattr(report, "user_properties", ()))
            if getattr(report, "when", "") == "call" and "model seed" in told:
                name = report.nodeid.rpartition("::")[2]
                terminalreporter.write_line(
                    f"{name}: {told.get('operations', 'too few')} operations, replay with --ledger-seed {told['model seed']}"
                )


@pytest.fixture
def problems_of(database_url: str):
    """What the audit names."""

    async def problems() -> list[str]:
        report = await payments.audit(database_url)
        return [str(one) for one in report.problems]

    return problems
