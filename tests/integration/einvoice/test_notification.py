"""An error that needs a notice only: 303 goes out, 301 comes back, the invoice stays."""

import pytest

import einvoice
from einvoice import envelope, errors, notices
from einvoice.answers import Outcome
from market import ids
from tests.integration.einvoice.conftest import NOW, SENDER, TAX_ID, command, signer_of


async def accepted_invoice(db, authority) -> einvoice.IssuedInvoice:
    issued = await einvoice.issue(db, command(), now=NOW)
    given = {"signer": signer_of(TAX_ID), "sender": SENDER, "new_id": ids.new, "now": NOW}
    await einvoice.prepare(db, TAX_ID, **given)
    [message] = await einvoice.claim_pending(db, 10, NOW)
    for reply in authority.answer(message.body).later:
        await einvoice.record_reply(db, reply, now=NOW, pinned=authority.signer.certificate)
    return issued


async def notify(db, invoice_id, reason="Sai tên người mua", message_id=None) -> None:
    await einvoice.notify_error(
        db, invoice_id, reason, office_name="Thuế tỉnh Thanh Hóa", office_code="38000",
        place="Thanh Hóa", message_id=message_id or ids.new(), sender=SENDER,
        signer=signer_of(TAX_ID), now=NOW,
    )  # fmt: skip


async def test_a_notice_is_sent_and_its_result_recorded(registered, authority):
    issued = await accepted_invoice(registered, authority)

    await notify(registered, issued.id)
    [message] = await einvoice.claim_pending(registered, 10, NOW)
    answer = authority.answer(message.body)
    [receipt] = [
        await einvoice.record_reply(registered, one, now=NOW, pinned=authority.signer.certificate)
        for one in answer.later
    ]

    assert message.kind == notices.ERROR_AT_TILL
    assert (receipt.outcome, receipt.kind, receipt.accepted) == (Outcome.RECORDED, 301, True)
    assert (await einvoice.invoice_by_id(registered, issued.id)).state == "accepted"
    assert envelope.read_message(message.body).header.count == 1


async def test_the_same_notice_twice_goes_out_once(registered, authority):
    issued = await accepted_invoice(registered, authority)
    again = ids.new()

    await notify(registered, issued.id, message_id=again)
    await notify(registered, issued.id, message_id=again)

    assert len(await einvoice.claim_pending(registered, 10, NOW)) == 1


async def test_what_is_not_accepted_or_not_there_is_not_notified(registered, authority):
    waiting = await einvoice.issue(registered, command(), now=NOW)

    with pytest.raises(errors.NotCorrectable):
        await notify(registered, waiting.id)
    with pytest.raises(errors.InvoiceNotFound):
        await notify(registered, ids.new())


async def test_a_notice_needs_a_reason(registered, authority):
    issued = await accepted_invoice(registered, authority)

    with pytest.raises(errors.FieldInvalid):
        await notify(registered, issued.id, reason=" ")
