"""What the authority asks (105, 302) and is asked beside invoices: occasions (106), summaries (400)."""

from datetime import date

import pytest

import einvoice
from einvoice import demands, envelope, errors
from einvoice.answers import Outcome
from einvoice.forms import Form
from market import ids
from tests.integration.einvoice.conftest import (
    NOW,
    OWNER_ID,
    PREFIX,
    SENDER,
    TAX_ID,
    command,
    signer_of,
)

SIGNER = signer_of(TAX_ID)
OFFICE = einvoice.Office(name="Thuế", code="38101", contact="Bà Ví Dụ", place="Thanh Hóa")
PARTY = einvoice.Party(tax_id=TAX_ID, name="HỘ VÍ DỤ", address="Sạp 12")


def header(kind):
    code = f"TCT{ids.new().hex.upper()}"
    return envelope.Header(
        version="2.1.0", sender="TCT", receiver=SENDER, kind=kind, code=code, tax_id=TAX_ID, count=1
    )


def review(authority, invoice, days=2):
    asked = demands.AskedInvoice(
        template=str(invoice.template), symbol=invoice.symbol, number=str(invoice.number),
        issued_on=invoice.issued_on, why="Số tiền khác sổ người mua", code=invoice.code,
    )  # fmt: skip
    return demands.review_message(
        header(envelope.REVIEW), "HỘ VÍ DỤ", [asked], days, authority.signer, NOW
    )


async def take(db, body, authority):
    return await einvoice.record_reply(db, body, now=NOW, pinned=authority.signer.certificate)


async def send_all(db, authority):
    for message in await einvoice.claim_pending(db, 10, NOW):
        answer = authority.answer(message.body)
        for reply in (answer.immediate, *answer.later):
            await take(db, reply, authority)


async def test_a_review_is_kept_once_with_its_last_day_and_settled_by_an_answer(
    registered, authority
):
    issued = await einvoice.issue(registered, command(), now=NOW)
    given = {"signer": SIGNER, "sender": SENDER, "new_id": ids.new, "now": NOW}
    await einvoice.prepare(registered, TAX_ID, **given)
    await send_all(registered, authority)
    notice = review(authority, issued.invoice)

    outcomes = [(await take(registered, notice, authority)).outcome for _ in range(2)]
    asked = await einvoice.demands_of(registered, OWNER_ID)
    await einvoice.notify_error(
        registered, issued.id, "Số tiền đúng như đã giao", office_name="Thuế", office_code="38101",
        place="Thanh Hóa", message_id=ids.new(), sender=SENDER, signer=SIGNER, now=NOW,
        answers=asked[0],
    )  # fmt: skip
    message = (await einvoice.claim_pending(registered, 10, NOW))[0]

    assert outcomes == [Outcome.RECORDED, Outcome.REPEATED]
    assert (asked[0].kind, asked[0].answer_by) == (302, date(2026, 11, 25))
    assert asked[0].invoices[0].number == "1"
    assert await einvoice.demands_of(registered, OWNER_ID) == []
    assert b"<Loai>2</Loai>" in message.body
    assert asked[0].number.encode() in message.body


async def test_a_forged_review_is_refused(registered, authority):
    issued = await einvoice.issue(registered, command(), now=NOW)
    forged = review(type(authority)(signer=signer_of("0199999999")), issued.invoice)

    with pytest.raises(errors.SealInvalid):
        await take(registered, forged, authority)

    assert await einvoice.demands_of(registered, OWNER_ID) == []


async def test_the_end_of_the_free_service_is_kept(registered, authority):
    notice = demands.service_message(
        header(envelope.SERVICE_ENDS), "HỘ VÍ DỤ", demands.FREE_PERIOD_OVER, date(2026, 12, 31),
        authority.signer, NOW,
    )  # fmt: skip

    await take(registered, notice, authority)

    asked = (await einvoice.demands_of(registered, OWNER_ID))[0]
    assert (asked.kind, asked.service_reason, asked.answer_by) == (105, 1, date(2026, 12, 31))


async def test_a_demand_on_a_seller_of_nobody_here_is_unknown(db, authority):
    notice = demands.service_message(
        header(envelope.SERVICE_ENDS), "HỘ VÍ DỤ", 1, date(2026, 12, 31), authority.signer, NOW
    )

    assert (await take(db, notice, authority)).outcome is Outcome.UNKNOWN


async def test_one_invoice_per_occurrence_is_asked_for_and_allowed(db, authority):
    authority.known.sellers.clear()
    asked = einvoice.OccasionRequest(
        seller=PARTY, buyer_name="Công ty Mua", what="Cho thuê sạp", amount_vnd=2_000_000,
        sold_on=NOW.date(),
    )  # fmt: skip
    message_id = ids.new()
    given = {"office": OFFICE, "message_id": message_id, "sender": SENDER, "signer": SIGNER}

    await einvoice.ask_occasion(db, OWNER_ID, asked, **given, now=NOW)
    before = await einvoice.message_state(db, message_id)
    await send_all(db, authority)

    assert (before.state, before.kind) == ("pending", 106)
    assert (await einvoice.message_state(db, message_id)).state == "accepted"


RENT = (einvoice.line("Cho thuê sạp", 1, 2_000_000, unit="Tháng"),)


@pytest.fixture
async def agreed(db, authority):
    """A 106 of a seller without registration, and the tax office's consent."""
    authority.known.sellers.clear()
    asked = einvoice.OccasionRequest(
        seller=PARTY, buyer_name="Công ty Mua", what="Cho thuê sạp", amount_vnd=2_000_000,
        sold_on=NOW.date(),
    )  # fmt: skip
    given = {"office": OFFICE, "message_id": ids.new(), "sender": SENDER, "signer": SIGNER}
    await einvoice.ask_occasion(db, OWNER_ID, asked, **given, now=NOW)
    await send_all(db, authority)
    return given["message_id"]


def sent_as(message_id):
    return {"payment_form": "TM/CK", "message_id": message_id, "sender": SENDER, "signer": SIGNER}


async def test_the_invoice_of_an_occasion_has_the_letter_l_and_comes_back_with_a_code(
    db, authority, agreed
):
    message_id = ids.new()

    made = await einvoice.send_occasion(db, agreed, RENT, **sent_as(message_id), now=NOW)
    before = await einvoice.coded_occasion(db, message_id)
    await send_all(db, authority)
    coded = await einvoice.coded_occasion(db, message_id)

    assert (made.symbol, made.number, before) == ("C26LAA", 1, None)
    assert (await einvoice.message_state(db, message_id)).state == "accepted"
    read = einvoice.read(coded)
    assert len(read.code) == 34
    assert (read.symbol, read.file_number, read.lines) == ("C26LAA", made.file_number, made.lines)
    assert einvoice.inspect(coded, now=NOW).codes(einvoice.Verdict.WRONG) == []


async def test_an_occasion_is_invoiced_once_for_what_was_asked_and_agreed(db, authority, agreed):
    dear = (einvoice.line("Cho thuê sạp", 1, 2_500_000),)
    with pytest.raises(errors.TotalsWrong):
        await einvoice.send_occasion(db, agreed, dear, **sent_as(ids.new()), now=NOW)
    with pytest.raises(errors.NotPossible):
        await einvoice.send_occasion(db, ids.new(), RENT, **sent_as(ids.new()), now=NOW)
    await einvoice.send_occasion(db, agreed, RENT, **sent_as(ids.new()), now=NOW)

    with pytest.raises(errors.NotPossible):
        await einvoice.send_occasion(db, agreed, RENT, **sent_as(ids.new()), now=NOW)


async def test_another_invoice_in_the_answer_is_refused(db, authority, agreed):
    message_id = ids.new()
    await einvoice.send_occasion(db, agreed, RENT, **sent_as(message_id), now=NOW)
    (pending,) = await einvoice.claim_pending(db, 10, now=NOW)
    (reply,) = authority.answer(pending.body).later
    other = reply.replace("Cho thuê sạp".encode(), "Cho thuê kho".encode())

    with pytest.raises(errors.DocumentInvalid):
        await einvoice.record_reply(db, other, now=NOW)

    assert await einvoice.coded_occasion(db, message_id) is None


async def test_an_occasion_without_goods_or_money_is_not_asked_for(db):
    asked = einvoice.OccasionRequest(
        seller=PARTY, buyer_name="A", what="", amount_vnd=0, sold_on=NOW.date()
    )
    given = {"office": OFFICE, "message_id": ids.new(), "sender": SENDER, "signer": SIGNER}

    with pytest.raises(errors.FieldInvalid):
        await einvoice.ask_occasion(db, OWNER_ID, asked, **given, now=NOW)


def table(lines, **changes):
    said = {"name": "HỘ VÍ DỤ", "tax_id": TAX_ID, "period_kind": "N", "period": "23/11/2026"}
    return einvoice.Summary(**{**said, "number": 1, "lines": tuple(lines), **changes})


async def test_a_summary_of_invoices_without_code_is_accepted_and_one_with_codes_is_not(
    db, authority
):
    await einvoice.record_registration(
        db, OWNER_ID, TAX_ID, "Công ty", PREFIX, now=NOW, forms=frozenset(Form)
    )
    lines = {}
    for form in (Form.WITHOUT_CODE, Form.AT_TILL):
        made = command(form=form, payment_form="TM/CK")
        issued = await einvoice.issue(db, made, now=NOW, signer=SIGNER)
        lines[form] = einvoice.lines_of(issued.invoice)
    states = []
    for number, form in enumerate(lines, 1):
        message_id = ids.new()
        given = {"message_id": message_id, "sender": SENDER, "signer": SIGNER, "now": NOW}
        await einvoice.file_summary(db, OWNER_ID, [table(lines[form], number=number)], **given)
        await send_all(db, authority)
        states.append(await einvoice.message_state(db, message_id))

    assert [one.state for one in states] == ["accepted", "rejected"]
    assert states[1].reasons[0].code == "K604"
