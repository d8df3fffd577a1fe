"""The end of a seller's day: everything in packages under 2 MB, the one bad invoice found, progress told."""

import einvoice
from einvoice import envelope
from einvoice.markup import BYTES_MAX
from einvoice.memory import KnownInvoice
from market import ids
from tests.integration.einvoice.conftest import NOW, OWNER_ID, SENDER, TAX_ID, command, signer_of

COUNT = 620
BAD = 333


async def test_a_day_of_hundreds_is_packed_sent_and_bisected(registered, authority):
    issued = await einvoice.issue_all(registered, [command() for _ in range(COUNT)], now=NOW)
    key = (TAX_ID, 2, "C26MAA", BAD)
    authority.known.invoices[key] = KnownInvoice(key, "other", "other", 1)  # with other content
    given = {"signer": signer_of(TAX_ID), "sender": SENDER, "new_id": ids.new, "now": NOW}
    sizes, counts, progress = [], [], []

    while True:
        while await einvoice.prepare(registered, TAX_ID, **given):
            pass
        due = await einvoice.claim_pending(registered, 10, NOW)
        if not due:
            break
        for message in due:
            sizes.append(len(message.body))
            counts.append(envelope.read_message(message.body).header.count)
            for reply in authority.answer(message.body).later:
                await einvoice.record_reply(registered, reply, now=NOW)
        progress.append(await einvoice.progress_of(registered, OWNER_ID, NOW.date()))

    assert len(issued) == COUNT
    assert max(sizes) <= BYTES_MAX
    assert counts[:2] == [500, 120]
    assert len(progress) <= 10
    taken = [one.accepted for one in progress]
    assert taken == sorted(taken)
    assert (progress[0].accepted, progress[-1].accepted) == (120, COUNT - 1)
    assert (progress[-1].rejected, progress[-1].waiting) == (1, 0)
