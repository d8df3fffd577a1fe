"""Ordinary invoices: with a code the authority gives (200, 202), without code (203)."""

from datetime import timedelta

import pytest

import einvoice
from einvoice import envelope, errors, seal
from einvoice.answers import Outcome
from einvoice.forms import Form
from einvoice.invoice import Method
from market import ids
from tests.integration.einvoice.conftest import (
    NOW,
    OWNER_ID,
    PREFIX,
    SENDER,
    TAX_ID,
    Authority,
    command,
    lines,
    signer_of,
)

SIGNER = signer_of(TAX_ID)
LATER = NOW + timedelta(hours=12)


@pytest.fixture
async def company(db):
    """A seller registered for every form; committed."""
    await einvoice.record_registration(
        db, OWNER_ID, TAX_ID, "Công ty Ví Dụ", PREFIX, now=NOW, forms=frozenset(Form)
    )
    await db.commit()
    return db


def ordinary(form=Form.WITH_CODE, **changes):
    return command(form=form, payment_form="TM/CK", **changes)


def vat_lines():
    return (
        einvoice.line("Bàn gỗ", 1, 1_000_000, unit="cái", vat_rate="8%"),
        einvoice.line("Rau", 2, 10_000, unit="kg", vat_rate="5%"),
    )


async def issue(db, **changes):
    return await einvoice.issue(db, ordinary(**changes), now=NOW, signer=SIGNER)


async def send_all(db, authority, now=NOW):
    """Prepare, send and take in every answer; the kinds that went out."""
    given = {"signer": SIGNER, "sender": SENDER, "new_id": ids.new, "now": now}
    while await einvoice.prepare(db, TAX_ID, **given):
        pass
    kinds = []
    for message in await einvoice.claim_pending(db, 100, now):
        kinds.append(message.kind)
        answer = authority.answer(message.body)
        for reply in (answer.immediate, *answer.later):
            await einvoice.record_reply(db, reply, now=now, pinned=authority.signer.certificate)
    return kinds


async def test_a_coded_invoice_gets_its_code_and_keeps_its_signed_bytes(company, authority):
    issued = await issue(company, template=1, lines=vat_lines())

    kinds = await send_all(company, authority)
    found = await einvoice.invoice_by_id(company, issued.id)

    assert kinds == [envelope.FOR_A_CODE]
    assert (issued.invoice.symbol, issued.invoice.code) == ("C26TAA", "")
    assert (found.state, len(found.invoice.code)) == ("accepted", 34)
    by_seller = seal.verify(found.xml, seal.SELLER)
    by_authority = seal.verify(found.xml, seal.AUTHORITY_ON_INVOICE)
    assert (by_seller.tax_id, by_authority.tax_id) == (TAX_ID, "0100000000")
    assert found.invoice.totals == issued.invoice.totals


async def test_each_coded_invoice_is_a_message_of_its_own_and_those_without_go_together(
    company, authority
):
    for form in (Form.WITH_CODE, Form.WITHOUT_CODE, Form.AT_TILL) * 2:
        await issue(company, form=form)

    kinds = await send_all(company, authority)

    found = await einvoice.invoices_of(company, OWNER_ID, NOW)
    assert sorted(kinds) == [200, 200, 203, 206]
    assert {one.state for one in found} == {"accepted"}
    assert sorted(one.invoice.symbol for one in found) == sorted(["C26MAA", "C26TAA", "K26TAA"] * 2)
    assert sorted(one.invoice.number for one in found) == [1, 1, 1, 2, 2, 2]


async def test_an_ordinary_invoice_without_a_signer_takes_no_number(company):
    with pytest.raises(errors.SignerFailed):
        await einvoice.issue(company, ordinary(), now=NOW)

    assert (await issue(company)).invoice.number == 1


async def test_a_form_that_is_not_registered_is_not_issued(registered):
    with pytest.raises(errors.FormNotRegistered):
        await issue(registered)


async def test_a_coded_invoice_is_adjusted_and_replaced_in_its_own_form(company, authority):
    issued = [await issue(company) for _ in range(2)]
    await send_all(company, authority)
    made = []
    for one, method in zip(issued, (Method.REPLACES, Method.ADJUSTS), strict=True):
        new = ids.new()
        correction = einvoice.CorrectInvoice(
            id=new,
            invoice_id=one.id,
            method=method,
            issued_at=NOW,
            lookup_code=einvoice.lookup_code(new.bytes[::-1]),
            lines=lines()[:1],
        )
        made.append(await einvoice.correct(company, correction, now=NOW, signer=SIGNER))

    kinds = await send_all(company, authority)

    assert kinds == [200, 200]
    assert [one.invoice.number for one in made] == [3, 4]
    states = [(await einvoice.invoice_by_id(company, one.id)).state for one in made]
    assert states == ["accepted", "accepted"]


async def test_a_lost_code_is_asked_for_with_the_same_bytes_and_is_the_same(company, authority):
    issued = await issue(company)
    given = {"signer": SIGNER, "sender": SENDER, "new_id": ids.new, "now": NOW}
    await einvoice.prepare(company, TAX_ID, **given)
    first = (await einvoice.claim_pending(company, 10, NOW))[0]
    before = authority.answer(first.body)
    again = (await einvoice.claim_pending(company, 10, LATER))[0]
    after = authority.answer(again.body)

    outcomes = [
        (await einvoice.record_reply(company, one, now=LATER)).outcome
        for one in (after.later[0], after.immediate, before.later[0])
    ]

    assert (again.body, after.later) == (first.body, before.later)
    assert outcomes == [Outcome.RECORDED, Outcome.IGNORED, Outcome.REPEATED]
    found = await einvoice.invoice_by_id(company, issued.id)
    assert found.invoice.code == einvoice.read(found.xml).code != ""


async def test_a_code_on_another_invoice_is_refused(company, authority):
    answers = []
    given = {"signer": SIGNER, "sender": SENDER, "new_id": ids.new, "now": NOW}
    for _ in range(2):
        await issue(company)
    await einvoice.prepare(company, TAX_ID, **given)
    messages = await einvoice.claim_pending(company, 10, NOW)
    answers = [authority.answer(one.body) for one in messages]
    swapped = (
        answers[0]
        .later[0]
        .replace(
            f"<MTDTChieu>{messages[0].code}".encode(), f"<MTDTChieu>{messages[1].code}".encode()
        )
    )

    with pytest.raises(errors.DocumentInvalid, match="another one"):
        await einvoice.record_reply(company, swapped, now=NOW, pinned=authority.signer.certificate)


async def test_a_coded_invoice_signed_by_a_stranger_is_refused(company, authority):
    await issue(company)
    given = {"signer": SIGNER, "sender": SENDER, "new_id": ids.new, "now": NOW}
    await einvoice.prepare(company, TAX_ID, **given)
    message = (await einvoice.claim_pending(company, 10, NOW))[0]
    forger = Authority(signer=signer_of("0199999999"))
    forger.admit()

    with pytest.raises(errors.SealInvalid):
        await einvoice.record_reply(
            company,
            forger.answer(message.body).later[0],
            now=NOW,
            pinned=authority.signer.certificate,
        )


async def test_a_refused_code_says_why(company):
    issued = await issue(company)

    await send_all(company, Authority())  # knows no seller

    found = await einvoice.invoice_by_id(company, issued.id)
    assert (found.state, found.invoice.code) == ("rejected", "")
    assert found.reasons[0].remedy


async def test_of_a_package_without_codes_only_the_named_invoices_are_refused(company, authority):
    issued = [await issue(company, form=Form.WITHOUT_CODE) for _ in range(3)]
    given = {"signer": SIGNER, "sender": SENDER, "new_id": ids.new, "now": NOW}
    await einvoice.prepare(company, TAX_ID, **given)
    message = (await einvoice.claim_pending(company, 10, NOW))[0]
    said = issued[1].invoice
    wrong = envelope.InvalidInvoice(
        str(said.template), said.symbol, str(said.number), "2026-11-23",
        (envelope.Reason("K113", "Sai số tiền", "Lập lại"),),
    )  # fmt: skip
    header = envelope.Header(
        version="2.1.0", sender="TCT", kind=204, code="TCT" + "A" * 32, refers_to=message.code,
        tax_id=TAX_ID, count=3,
    )  # fmt: skip
    verdict = envelope.check_result(
        header, TAX_ID, "Ví Dụ", envelope.SOME_INVALID, (), authority.signer, NOW, [wrong]
    )

    await einvoice.record_reply(company, verdict, now=NOW, pinned=authority.signer.certificate)

    found = [await einvoice.invoice_by_id(company, one.id) for one in issued]
    assert [one.state for one in found] == ["accepted", "rejected", "accepted"]
    assert [one.delivered_at is not None for one in found] == [True, False, True]
    assert found[1].reasons[0].text == "Sai số tiền"


async def test_a_change_of_registration_adds_a_form_and_the_former_holds_meanwhile(
    registered, authority
):
    form = einvoice.Registration(
        seller=command().seller, office_name="Thuế", office_code="38101", contact="Bà Ví Dụ",
        place="Thanh Hóa", on=NOW.date(), is_change=True,
        invoice_forms=frozenset({Form.AT_TILL, Form.WITH_CODE}),
    )  # fmt: skip
    given = {"message_id": ids.new(), "sender": SENDER, "signer": SIGNER, "now": NOW}
    await einvoice.register(registered, OWNER_ID, form, **given)
    meanwhile = await einvoice.issue(registered, command(), now=NOW)

    await send_all(registered, authority)

    state = await einvoice.registration_of(registered, TAX_ID)
    assert (state.state, state.code_prefix) == ("accepted", PREFIX)
    assert state.forms == {Form.AT_TILL, Form.WITH_CODE}
    assert meanwhile.invoice.number == 1
    assert (await issue(registered)).invoice.symbol == "C26TAA"


async def test_a_form_the_authority_does_not_know_of_is_refused_by_it(company, authority):
    known = authority.known.sellers[TAX_ID]
    authority.known.sellers[TAX_ID] = type(known)(
        TAX_ID, known.name, known.code_prefix, forms=(Form.AT_TILL.value,)
    )
    issued = await issue(company)

    await send_all(company, authority)

    found = await einvoice.invoice_by_id(company, issued.id)
    assert (found.state, found.reasons[0].code) == ("rejected", "K103")
