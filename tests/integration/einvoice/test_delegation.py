"""Delegated issuing: contract, list, answer, both parties on the invoice. Circular 91/2026, Art. 9."""

from dataclasses import replace
from datetime import date, timedelta
from uuid import UUID

import pytest

import einvoice
from einvoice import errors
from market import ids
from tests.integration.einvoice.conftest import (
    NOW,
    OWNER_ID,
    SENDER,
    TAX_ID,
    command,
    seller,
    signer_of,
)

OPERATOR_ID = UUID(int=0xB2)
OPERATOR = "0107001729"
PREFIX = "H9H9H"
SIGNER = signer_of(OPERATOR)
OFFICE = einvoice.Office(name="Thuế", code="38101", contact="Ông Ví Dụ", place="Thanh Hóa")
CONTRACT = einvoice.Contract(
    seller=einvoice.Party(tax_id=TAX_ID, name="HỘ KINH DOANH VÍ DỤ", address="Sạp 12"),
    delegate=einvoice.Party(tax_id=OPERATOR, name="CÔNG TY CHỢ VÍ DỤ", address="1 Phố Chợ"),
    number="UN-07",
    signed_on=date(2026, 11, 1),
    purpose="Lập hóa đơn từ máy tính tiền",
    payment_form="TM/CK",
    valid_from=date(2026, 11, 20),
    valid_to=date(2027, 11, 19),
)


@pytest.fixture
async def operated(db, authority):
    """The operator is registered, the seller is not."""
    authority.known.sellers.clear()
    authority.admit(OPERATOR, PREFIX)
    await einvoice.record_registration(db, OPERATOR_ID, OPERATOR, "CHỢ", PREFIX, now=NOW)
    return db


async def agree(db, contract=CONTRACT, contract_id=None):
    given = {"owner_id": OWNER_ID, "delegate_owner_id": OPERATOR_ID, "now": NOW}
    return await einvoice.agree(db, contract_id or ids.new(), contract, **given)


async def listed(db, authority):
    given = {"message_id": ids.new(), "sender": SENDER, "signer": SIGNER, "now": NOW}
    await einvoice.file_delegations(db, OPERATOR, office=OFFICE, **given)
    await answered(db, authority)
    return {
        one.contract.seller.tax_id: one for one in await einvoice.delegations_of(db, OPERATOR_ID)
    }


async def answered(db, authority):
    for message in await einvoice.claim_pending(db, 10, NOW):
        answer = authority.answer(message.body)
        for reply in (answer.immediate, *answer.later):
            await einvoice.record_reply(db, reply, now=NOW, pinned=authority.signer.certificate)


def delegated(**changes):
    by = CONTRACT.delegate
    delegate = einvoice.Delegate(tax_id=by.tax_id, name=by.name, address=by.address)
    return command(**{"delegate": delegate, "letters": CONTRACT.letters, **changes})


async def test_a_contract_is_listed_accepted_and_issued_under(operated, authority):
    draft = await agree(operated)
    held = await listed(operated, authority)

    issued = await einvoice.issue(operated, delegated(), now=NOW)
    waiting = await einvoice.sellers_waiting(operated, 10)
    await einvoice.prepare(
        operated, TAX_ID, signer=SIGNER, sender=SENDER, new_id=ids.new, now=NOW,
        delegate_tax_id=OPERATOR,
    )  # fmt: skip
    await answered(operated, authority)

    assert (draft.state, held[TAX_ID].state) == ("draft", "accepted")
    assert (issued.invoice.symbol, issued.invoice.code) == ("C26MUN", f"M2-26-{PREFIX}-00000000001")
    assert (issued.invoice.seller.tax_id, issued.invoice.delegate.name) == (
        TAX_ID,
        "CÔNG TY CHỢ VÍ DỤ",
    )
    assert [(one.tax_id, one.delegate_tax_id) for one in waiting] == [(TAX_ID, OPERATOR)]
    assert (await einvoice.invoice_by_id(operated, issued.id)).state == "accepted"


@pytest.mark.parametrize(
    ("changes", "when"),
    [
        ({}, "never listed"),
        ({"letters": "AB"}, "another series"),
        ({"issued_at": NOW - timedelta(days=4)}, "before it begins"),
    ],
)
async def test_without_an_accepted_contract_of_this_series_and_day_nothing_is_issued(
    operated, authority, changes, when
):
    await agree(operated)
    if when != "never listed":
        await listed(operated, authority)

    with pytest.raises(errors.DelegationMissing):
        await einvoice.issue(operated, delegated(**changes), now=NOW)


async def test_an_ended_contract_issues_nothing_more(operated, authority):
    await agree(operated)
    held = (await listed(operated, authority))[TAX_ID]
    await einvoice.issue(operated, delegated(), now=NOW)

    await einvoice.end_delegation(operated, held.id, now=NOW)

    with pytest.raises(errors.DelegationMissing):
        await einvoice.issue(operated, delegated(), now=NOW)


async def test_of_a_list_one_refused_contract_costs_no_other_and_may_be_listed_again(
    operated, authority
):
    other = "038190000456"
    authority.admit(other)
    authority.known.sellers[other] = replace(authority.known.sellers[other], suspended=True)
    await agree(operated)
    bad = replace(CONTRACT, number="UN-08", seller=replace(CONTRACT.seller, tax_id=other))
    await agree(operated, bad)

    first = await listed(operated, authority)
    authority.known.sellers[other] = replace(authority.known.sellers[other], suspended=False)
    second = await listed(operated, authority)

    assert (first[TAX_ID].state, first[other].state) == ("accepted", "refused")
    assert first[other].reasons[0].code == "K404"
    assert second[other].state == "accepted"
    with pytest.raises(errors.NothingToRegister):
        await listed(operated, authority)


async def test_who_is_not_registered_may_not_issue_for_others(db, authority):
    authority.known.sellers.clear()
    await agree(db)

    held = await listed(db, authority)

    assert (held[TAX_ID].state, held[TAX_ID].reasons[0].code) == ("refused", "K403")


async def test_the_authority_refuses_a_package_signed_by_a_stranger(operated, authority):
    await agree(operated)
    await listed(operated, authority)
    issued = await einvoice.issue(operated, delegated(), now=NOW)
    await einvoice.prepare(
        operated, TAX_ID, signer=signer_of("0199999999"), sender=SENDER, new_id=ids.new, now=NOW,
        delegate_tax_id=OPERATOR,
    )  # fmt: skip

    await answered(operated, authority)

    found = await einvoice.invoice_by_id(operated, issued.id)
    assert (found.state, found.reasons[0].code) == ("rejected", "K008")


async def test_the_same_contract_again_changes_nothing_and_another_under_its_id_is_refused(db):
    one = ids.new()
    first = await agree(db, contract_id=one)

    assert await agree(db, contract_id=one) == first
    with pytest.raises(errors.IdReused):
        await agree(db, replace(CONTRACT, purpose="Khác"), one)


@pytest.mark.parametrize(
    "changes",
    [
        {"valid_to": date(2026, 11, 19)},
        {"number": " "},
        {"delegate": CONTRACT.seller},
        {"signed_on": date(2026, 12, 1)},
        {"seller": replace(CONTRACT.seller, name="")},
    ],
)
async def test_a_contract_that_says_too_little_or_nonsense_is_refused(db, changes):
    with pytest.raises(errors.FieldInvalid):
        await agree(db, replace(CONTRACT, **changes))


async def test_the_delegate_s_counter_serves_every_seller_it_issues_for(operated, authority):
    await agree(operated)
    await agree(
        operated,
        replace(CONTRACT, number="UN-09", seller=replace(CONTRACT.seller, tax_id="038190000456")),
    )
    await listed(operated, authority)

    codes = [
        (await einvoice.issue(operated, delegated(seller=seller(tax_id)), now=NOW)).invoice.code
        for tax_id in (TAX_ID, "038190000456")
    ]

    assert [one[-3:] for one in codes] == ["001", "002"]
