"""One transfer told by two services, of which one gives no bank reference, is one receipt."""

from dataclasses import replace
from datetime import timedelta

import pytest

from market import ids
from payments.settlement import SettlementOutcome as Was

pytestmark = pytest.mark.usefixtures("vendor")


@pytest.fixture
def both(told):
    """What two services say of one transfer: the first with the bank's reference, the second without."""

    def made(text: str = "rau muong", **changes):
        first = told(text)
        fields = {
            "gateway": "payos", "reference": "", "occurred_at": first.occurred_at, "memo": text,
        }  # fmt: skip
        return first, told(**(fields | changes))

    return made


@pytest.mark.parametrize("order", [1, -1], ids=["reference first", "reference last"])
async def test_the_second_to_tell_is_told_that_it_is_known(settle, both, order):
    first, second = both()[::order]

    outcomes = [(await settle(one)).outcome for one in (first, second, second)]

    assert outcomes == [Was.UNMATCHED, Was.ALREADY_SEEN, Was.ALREADY_SEEN]


async def test_a_payment_is_not_paid_twice_by_it(settle, both, open_payment):
    payment = await open_payment()
    first, second = both(
        f"MBVCB.1.{payment.code}.CT tu 1 toi 2", memo=f"{payment.code} chuyen tien"
    )

    outcomes = [(await settle(one)).outcome for one in (first, second)]

    assert outcomes == [Was.SETTLED, Was.ALREADY_SEEN]


@pytest.mark.parametrize(
    "changes",
    [
        {"amount_vnd": 45_001},
        {"memo": "ca tim"},
        {"reference": "FT-other"},
        {"gateway": "sepay"},
        {"bank_bin": "970422"},
        {"later": timedelta(minutes=2, seconds=1)},
    ],
    ids=lambda changes: next(iter(changes)),
)
async def test_what_differs_is_other_money(settle, both, changes):
    later = changes.get("later")
    first, second = both(**({} if later else changes))
    if later:
        second = replace(second, occurred_at=first.occurred_at + later)

    await settle(first)
    settled = await settle(second)

    assert settled.outcome is not Was.ALREADY_SEEN


async def test_it_is_seen_within_one_batch_too(ledger, both, now):
    first, second = both()

    answers = [ledger.settle_soon(one, receipt_id=ids.new(), now=now) for one in (first, second)]

    assert [(await one).outcome for one in answers] == [Was.UNMATCHED, Was.ALREADY_SEEN]


async def test_two_equal_transfers_by_one_service_are_two(settle, told):
    first = told("rau muong", reference="")
    second = told("rau muong", reference="", occurred_at=first.occurred_at)

    assert [(await settle(one)).outcome for one in (first, second)] == [Was.UNMATCHED] * 2
