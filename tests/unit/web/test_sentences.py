"""Every error of payments that may reach a person has a sentence of its own, with a way on."""

import importlib
import pkgutil

import pytest

import payments
from market.app import create_app
from market.settings import Settings
from market.web import errors
from payments.errors import LedgerError, PaymentError

TOO_WIDE = {Exception, PaymentError, LedgerError}
"""What these say fits nothing in particular."""
NEVER_OVER_HTTP = {
    "clearing_error": "the tree of settlement sessions; each kind has its own",
    "refund_error": "the tree of refunds; each kind has its own",
    "chain_broken": "told by the job that seals, and by the audit",
    "journal_unreadable": "told by the job that seals, and by the audit",
    "not_durable": "the ledger does not start",
    "live_key_refused": "the market does not start",
    "fee_schedule_invalid": "a file of ours that its own test reads",
    "fee_unknown": "no session is loaded of an acquirer whose fees nobody wrote down",
    "file_unreadable": "at the command line alone",
    "format_unknown": "the command asks which form a statement has; a screen tries them all",
}


def kinds() -> list[type[PaymentError]]:
    """Every class of the tree, wherever in the package it is."""
    for module in pkgutil.walk_packages(payments.__path__, "payments."):
        if "migrations" not in module.name:
            importlib.import_module(module.name)
    found: list[type[PaymentError]] = []
    waiting = [PaymentError]
    while waiting:
        for kind in waiting.pop().__subclasses__():
            found.append(kind)
            waiting.append(kind)
    return sorted(set(found), key=lambda kind: kind.__name__)


@pytest.fixture(scope="module", autouse=True)
def every_screen() -> None:
    """Has registered its sentences."""
    create_app(Settings(secret="test" * 8))


@pytest.mark.parametrize("kind", kinds(), ids=lambda kind: kind.__name__)
def test_an_error_of_payments_is_told_by_a_sentence_that_fits_it(kind: type[PaymentError]) -> None:
    if kind in TOO_WIDE or kind.code in NEVER_OVER_HTTP:
        return
    fitting = [one for one in kind.__mro__ if one in errors._SHAPES]

    assert fitting, f"{kind.__name__} is told by nothing"
    assert fitting[0] not in TOO_WIDE, f"{kind.__name__} is only told as {fitting[0].__name__}"


def test_what_is_left_out_is_there() -> None:
    codes = {kind.code for kind in kinds()}

    assert set(NEVER_OVER_HTTP) <= codes


def test_no_sentence_is_only_an_apology() -> None:
    for code, shape in errors.told():
        assert len(shape.title) >= 12, code
        assert shape.title[-1] in ".?", code
