"""Messages written before they are sent, and replies late, twice, out of order or forged."""

from dataclasses import replace
from datetime import timedelta

import pytest

import einvoice
from einvoice import envelope, errors
from einvoice.answers import Outcome
from einvoice.invoice import Method
from einvoice.memory import KnownInvoice
from market import ids
from tests.integration.einvoice.conftest import (
    NOW,
    OWNER_ID,
    SENDER,
    TAX_ID,
    Authority,
    command,
    lines,
    seller,
    signer_of,
)

LATER = NOW + timedelta(hours=12)


async def prepared(db, **changes):
    given = {"signer": signer_of(TAX_ID), "sender": SENDER, "new_id": ids.new, "now": NOW}
    return await einvoice.prepare(db, TAX_ID, **{**given, **changes})


async def sent(db, now=NOW):
    return (await einvoice.claim_pending(db, 10, now))[0]


async def states(db):
    found = await einvoice.invoices_of(db, OWNER_ID, NOW)
    return {one.invoice.number: one.state for one in found}


async def test_a_day_of_invoices_is_sent_and_accepted(registered, authority):
    for _ in range(3):
        await einvoice.issue(registered, command(), now=NOW)
    waiting = await einvoice.sellers_waiting(registered, 10)
    await prepared(registered)
    message = await sent(registered)
    answer = authority.answer(message.body)

    first = await einvoice.record_reply(registered, answer.immediate, now=NOW)
    verdict = await einvoice.record_reply(
        registered, answer.later[0], now=NOW, pinned=authority.signer.certificate
    )

    assert [(one.tax_id, one.invoice_count) for one in waiting] == [(TAX_ID, 3)]
    assert (first.outcome, first.accepted) == (Outcome.RECORDED, None)
    assert (verdict.accepted, len(verdict.invoice_ids)) == (True, 3)
    assert await states(registered) == {1: "accepted", 2: "accepted", 3: "accepted"}
    assert await einvoice.claim_pending(registered, 10, LATER) == []
    assert await prepared(registered) == []


async def test_without_an_answer_the_same_bytes_go_out_again(registered):
    await einvoice.issue(registered, command(), now=NOW)
    await prepared(registered)

    first = await sent(registered)
    at_once = await einvoice.claim_pending(registered, 10, NOW)
    again = await sent(registered, NOW + timedelta(seconds=30))

    assert at_once == []
    assert (again.body, again.code, again.attempts) == (first.body, first.code, 2)
    assert await states(registered) == {1: "sent"}


async def test_replies_in_the_wrong_order_and_twice_change_things_once(registered, authority):
    await einvoice.issue(registered, command(), now=NOW)
    await prepared(registered)
    answer = authority.answer((await sent(registered)).body)

    outcomes = [
        (await einvoice.record_reply(registered, one, now=NOW)).outcome
        for one in (answer.later[0], answer.immediate, answer.later[0], answer.immediate)
    ]

    assert outcomes == [Outcome.RECORDED, Outcome.IGNORED, Outcome.REPEATED, Outcome.REPEATED]
    assert await states(registered) == {1: "accepted"}


async def test_a_second_opinion_does_not_change_the_verdict(registered, authority):
    await einvoice.issue(registered, command(), now=NOW)
    await prepared(registered)
    message = await sent(registered)
    accepted = authority.answer(message.body).later[0]
    refused = Authority().answer(message.body).later[0]  # knows no seller

    await einvoice.record_reply(registered, accepted, now=NOW)
    second = await einvoice.record_reply(registered, refused, now=NOW)

    assert (second.outcome, second.accepted) == (Outcome.IGNORED, False)
    assert await states(registered) == {1: "accepted"}


async def test_a_reply_to_nothing_of_ours_is_unknown(registered, authority):
    stranger = envelope.technical_reply(
        envelope.Header(version="2.1.0", sender="TCT", kind=999, code="TCT" + "A" * 32),
        envelope.Header(version="2.1.0", sender=SENDER, kind=206, code=SENDER + "B" * 32),
        NOW,
    )

    receipt = await einvoice.record_reply(registered, stranger, now=NOW)

    assert receipt.outcome is Outcome.UNKNOWN


async def test_a_notice_signed_by_somebody_else_is_refused(registered, authority):
    await einvoice.issue(registered, command(), now=NOW)
    await prepared(registered)
    message = await sent(registered)
    forger = Authority(signer=signer_of("0199999999"))
    forger.admit()
    forged = forger.answer(message.body).later[0]

    with pytest.raises(errors.SealInvalid):
        await einvoice.record_reply(
            registered, forged, now=NOW, pinned=authority.signer.certificate
        )

    assert await states(registered) == {1: "sent"}


async def test_an_old_notice_in_a_new_envelope_is_refused(registered, authority):
    messages = []
    for _ in range(2):
        await einvoice.issue(registered, command(), now=NOW)
        await prepared(registered)
        messages.append(await sent(registered))
    notice = authority.answer(messages[0].body).later[0]
    swapped = notice.replace(
        f"<MTDTChieu>{messages[0].code}".encode(), f"<MTDTChieu>{messages[1].code}".encode()
    )

    with pytest.raises(errors.SealInvalid):
        await einvoice.record_reply(
            registered, swapped, now=NOW, pinned=authority.signer.certificate
        )


async def test_one_bad_invoice_is_found_by_halving_and_costs_no_other(registered, authority):
    for number in range(1, 7):
        await einvoice.issue(registered, command(), now=NOW)
        if number == 4:  # the authority knows number 4 with other content
            other = await einvoice.invoices_of(registered, OWNER_ID, NOW, 1)
            said = other[0].invoice
            key = (TAX_ID, said.template, said.symbol, said.number)
            authority.known.invoices[key] = KnownInvoice(key, "other", "other", 1)

    rounds = 0
    while await prepared(registered):
        rounds += 1
        for message in await einvoice.claim_pending(registered, 10, NOW):
            for reply in authority.answer(message.body).later:
                await einvoice.record_reply(registered, reply, now=NOW)

    expected = dict.fromkeys(range(1, 7), "accepted") | {4: "rejected"}
    assert await states(registered) == expected
    assert rounds <= 4
    rejected = (await einvoice.invoices_of(registered, OWNER_ID, NOW))[2]
    assert rejected.reasons[0].remedy


async def test_a_suspended_seller_s_package_is_refused_whole_and_not_halved(registered, authority):
    """No half escapes a refusal of the seller: one message, one reason, all kept for later."""
    issued = [await einvoice.issue(registered, command(), now=NOW) for _ in range(5)]
    authority.known.sellers[TAX_ID] = replace(authority.known.sellers[TAX_ID], suspended=True)
    await prepared(registered)
    refused = authority.answer((await sent(registered)).body).later[0]

    receipt = await einvoice.record_reply(registered, refused, now=NOW)

    assert [one.code for one in receipt.reasons] == ["K102"]
    assert await states(registered) == dict.fromkeys(range(1, 6), "rejected")
    assert await prepared(registered) == []
    authority.known.sellers[TAX_ID] = replace(authority.known.sellers[TAX_ID], suspended=False)
    for one in issued:
        await einvoice.resubmit(registered, one.id)
    assert len(await prepared(registered)) > 0


async def test_a_rejected_invoice_goes_out_again_under_a_new_id(registered):
    issued = await einvoice.issue(registered, command(), now=NOW)
    await prepared(registered)
    ignorant = Authority()
    first = await sent(registered)
    await einvoice.record_reply(registered, ignorant.answer(first.body).later[0], now=NOW)
    assert await states(registered) == {1: "rejected"}
    ignorant.admit()

    await einvoice.resubmit(registered, issued.id)
    await prepared(registered)
    second = await sent(registered)
    await einvoice.record_reply(registered, ignorant.answer(second.body).later[0], now=NOW)

    assert second.code != first.code
    assert await states(registered) == {1: "accepted"}


async def test_a_technical_refusal_rejects_the_package(registered):
    await einvoice.issue(registered, command(), now=NOW)
    await prepared(registered)
    message = await sent(registered)
    request = envelope.read_message(message.body).header
    refusal = envelope.technical_reply(
        envelope.Header(
            version="2.1.0",
            sender="TCT",
            kind=envelope.TECHNICAL,
            code="TCT" + "C" * 32,
            refers_to=message.code,
        ),
        request,
        NOW,
        [envelope.Reason("K007", "Số lượng không khớp với dữ liệu.")],
    )

    receipt = await einvoice.record_reply(registered, refusal, now=NOW)

    assert (receipt.accepted, receipt.reasons[0].code) == (False, "K007")
    assert await states(registered) == {1: "rejected"}


async def test_a_replacement_waits_for_what_it_replaces(registered, authority):
    issued = await einvoice.issue(registered, command(), now=NOW)
    new = ids.new()
    await einvoice.correct(
        registered,
        einvoice.CorrectInvoice(
            id=new,
            invoice_id=issued.id,
            method=Method.REPLACES,
            issued_at=NOW,
            lookup_code=einvoice.lookup_code(new.bytes[::-1]),
            lines=lines()[:1],
        ),
        now=NOW,
    )

    sizes = []
    while made := await prepared(registered):
        assert len(made) == 1
        message = await sent(registered)
        sizes.append(envelope.read_message(message.body).header.count)
        answer = authority.answer(message.body)
        await einvoice.record_reply(registered, answer.later[0], now=NOW)

    assert sizes == [1, 1]
    assert await states(registered) == {1: "accepted", 2: "accepted"}


async def test_pulled_replies_move_the_position_and_a_bad_one_costs_no_other(registered, authority):
    await einvoice.issue(registered, command(), now=NOW)
    await prepared(registered)
    answer = authority.answer((await sent(registered)).body)
    pulled = [
        einvoice.PulledReply(7, b"<TDiep>"),
        einvoice.PulledReply(8, answer.immediate),
        einvoice.PulledReply(9, answer.later[0]),
    ]

    receipts = await einvoice.record_replies(registered, pulled, source="demo", now=NOW)

    wanted = [Outcome.UNKNOWN, Outcome.RECORDED, Outcome.RECORDED]
    assert [one.outcome for one in receipts] == wanted
    assert await einvoice.pulled_to(registered, "demo") == 9
    assert await states(registered) == {1: "accepted"}


async def test_a_registration_brings_the_code_prefix(db):
    office = Authority()
    form = einvoice.Registration(
        seller=seller(),
        office_name="Thuế cơ sở Ví Dụ",
        office_code="38101",
        contact="Bà Ví Dụ",
        place="Thanh Hóa",
        on=NOW.date(),
    )
    given = {"sender": SENDER, "signer": signer_of(TAX_ID), "now": NOW}
    await einvoice.register(db, OWNER_ID, form, message_id=ids.new(), **given)
    with pytest.raises(errors.NothingToRegister):
        await einvoice.register(db, OWNER_ID, form, message_id=ids.new(), **given)
    answer = office.answer((await sent(db)).body)

    for reply in (answer.immediate, *answer.later):
        await einvoice.record_reply(db, reply, now=NOW, pinned=office.signer.certificate)

    state = await einvoice.registration_of(db, TAX_ID)
    assert (state.state, state.code_prefix) == ("accepted", "00001")
    issued = await einvoice.issue(db, command(), now=NOW)
    assert issued.invoice.code == "M2-26-00001-00000000001"


async def test_large_invoices_are_parted_into_messages_under_two_megabytes(registered):
    many = tuple(einvoice.line(f"{'Rau muống ' * 40}{i}", 1, 1_000) for i in range(1_000))
    for _ in range(4):
        await einvoice.issue(registered, command(lines=many), now=NOW)

    made = await prepared(registered)

    bodies = [one.body for one in await einvoice.claim_pending(registered, 10, NOW)]
    assert len(made) == len(bodies) == 2
    assert max(map(len, bodies)) <= 2_000_000


async def test_a_failure_is_kept_and_the_message_stays_due(registered):
    await einvoice.issue(registered, command(), now=NOW)
    await prepared(registered)
    message = await sent(registered)

    await einvoice.record_failure(registered, message.id, "ConnectError")

    assert (await sent(registered, LATER)).id == message.id
