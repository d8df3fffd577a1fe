"""The simulated tax authority: takes messages, answers late, and misbehaves on demand."""

import base64
from pathlib import Path

import httpx
import pytest
from cryptography import x509

import einvoice
from einvoice import envelope, findings, memory
from einvoice.answers import Outcome
from einvoice.errors import AuthorityUnavailable
from market import clock, ids
from market.simulators import tax_memory
from market.simulators.state import Store
from market.simulators.tax import TaxConfig, create_app
from tests.integration.einvoice.conftest import (
    OWNER_ID,
    SENDER,
    TAX_ID,
    command,
    seller,
    signer_of,
)


@pytest.fixture
def config(tmp_path: Path) -> TaxConfig:
    return TaxConfig(tmp_path / "tax.sqlite", delay_s=0)


@pytest.fixture
async def trading(db):
    """A market that registers, issues, sends and pulls through a client of the authority."""
    return Trading(db)


class Trading:
    def __init__(self, db) -> None:
        self.db = db

    async def register(self, authority) -> None:
        now = clock.now()
        form = einvoice.Registration(
            seller=seller(),
            office_name="Thuế cơ sở Ví Dụ",
            office_code="38101",
            contact="Bà Ví Dụ",
            place="Thanh Hóa",
            on=clock.local_day(now),
        )
        given = {"sender": SENDER, "signer": signer_of(TAX_ID), "now": now}
        await einvoice.register(self.db, OWNER_ID, form, message_id=ids.new(), **given)
        await self.send(authority)
        await self.pull(authority)

    async def issue(self) -> einvoice.IssuedInvoice:
        now = clock.now()
        issued = await einvoice.issue(self.db, command(issued_at=now), now=now)
        await einvoice.prepare(
            self.db,
            TAX_ID,
            signer=signer_of(TAX_ID),
            sender=SENDER,
            new_id=ids.new,
            now=now,
        )
        return issued

    async def send(self, authority, now=None) -> list[Outcome]:
        outcomes = []
        for message in await einvoice.claim_pending(self.db, 10, now or clock.now()):
            reply = await authority.send(message.body)
            if reply is not None:
                receipt = await einvoice.record_reply(self.db, reply, now=clock.now())
                outcomes.append(receipt.outcome)
        return outcomes

    async def pull(self, authority) -> list[Outcome]:
        after = await einvoice.pulled_to(self.db, "demo")
        replies = await authority.replies(after)
        receipts = await einvoice.record_replies(
            self.db, replies, source="demo", now=clock.now(), pinned=await self.pinned(authority)
        )
        return [one.outcome for one in receipts]

    async def pinned(self, authority) -> x509.Certificate:
        response = await authority._client.get("/certificate")
        return x509.load_pem_x509_certificate(response.content)

    async def state_of(self, issued) -> str:
        return (await einvoice.invoice_by_id(self.db, issued.id)).state


async def test_a_seller_registers_and_an_invoice_is_accepted(config, running, trading):
    async with running(create_app(config)) as client:
        authority = einvoice.HTTPAuthority(client, "http://partner.test")
        await trading.register(authority)
        issued = await trading.issue()
        await trading.send(authority)
        await trading.pull(authority)
        page = await client.get("/", params={"code": issued.invoice.code})

    assert await trading.state_of(issued) == "accepted"
    assert "Có hóa đơn này" in page.text
    assert "110.750" in page.text


async def test_a_lost_answer_is_asked_for_with_the_same_bytes(config, running, trading):
    async with running(create_app(config)) as client:
        authority = einvoice.HTTPAuthority(client, "http://partner.test")
        await trading.register(authority)
        issued = await trading.issue()
        await client.post("/control", json={"lose": {"next": 1}, "drop": {"next": 1}})
        assert await trading.send(authority) == []
        assert await trading.pull(authority) == []

        later = clock.now() + einvoice.transmission.wait_before(1)
        assert await trading.send(authority, later) == [Outcome.RECORDED]
        await trading.pull(authority)
        page = (await client.get("/")).text

    assert await trading.state_of(issued) == "accepted"
    assert '<td class="figure">2</td>' in page  # one message, sent twice


async def test_doubled_and_reordered_answers_change_things_once(config, running, trading):
    async with running(create_app(config)) as client:
        authority = einvoice.HTTPAuthority(client, "http://partner.test")
        await trading.register(authority)
        issued = await trading.issue()
        once = {"next": 1}
        await client.post("/control", json={"silent": once, "double": once, "reorder": once})
        await trading.send(authority)
        outcomes = await trading.pull(authority)

    assert outcomes == [Outcome.RECORDED, Outcome.IGNORED, Outcome.REPEATED, Outcome.REPEATED]
    assert await trading.state_of(issued) == "accepted"


async def test_a_slow_answer_is_not_there_before_its_time(config, running, trading):
    async with running(create_app(config)) as client:
        authority = einvoice.HTTPAuthority(client, "http://partner.test")
        await trading.register(authority)
        issued = await trading.issue()
        await client.post("/control", json={"delay": {"next": 1}, "delay_s": 3600})
        await trading.send(authority)

        assert await trading.pull(authority) == []
    assert await trading.state_of(issued) == "sent"


async def test_an_authority_that_is_down_is_said_to_be(config, running):
    async with running(create_app(config)) as client:
        authority = einvoice.HTTPAuthority(client, "http://partner.test")
        await client.post("/control", json={"down": 1})

        with pytest.raises(AuthorityUnavailable):
            await authority.send(b"<TDiep/>")
        with pytest.raises(AuthorityUnavailable):
            await authority.replies(0)


async def test_an_authority_that_is_not_there_is_said_to_be():
    async with httpx.AsyncClient() as client:
        with pytest.raises(AuthorityUnavailable):
            await einvoice.HTTPAuthority(client, "http://127.0.0.1:9").send(b"<TDiep/>")


async def test_nonsense_is_refused_in_words(config, running):
    async with running(create_app(config)) as client:
        answer = await client.post("/messages", content=b"<!DOCTYPE x><TDiep/>")

    finding = findings.finding_in(envelope.read_message(answer.content))
    assert finding.accepted is False
    assert finding.reasons[0].code == "K001"


async def test_a_suspended_seller_is_told_so(config, running, trading):
    async with running(create_app(config)) as client:
        authority = einvoice.HTTPAuthority(client, "http://partner.test")
        await trading.register(authority)
        issued = await trading.issue()
        await client.post(f"/sellers/{TAX_ID}/suspend")
        await trading.send(authority)
        await trading.pull(authority)

    assert await trading.state_of(issued) == "rejected"
    found = await einvoice.invoice_by_id(trading.db, issued.id)
    assert "ngừng sử dụng" in found.reasons[0].text


async def test_a_seller_admitted_by_hand_keeps_its_prefix(config, running):
    async with running(create_app(config)) as client:
        given = {"tax_id": TAX_ID, "name": "Hộ Ví Dụ"}
        answers = [(await client.post("/sellers", json=given)).json() for _ in range(2)]
        wrong = await client.post("/sellers", json={"tax_id": "12", "name": "x"})

    assert answers[0] == answers[1]
    assert len(answers[0]["code_prefix"]) == 5
    assert wrong.status_code == 400


async def test_notices_are_pushed_where_asked(tmp_path, running, trading, hook):
    config = TaxConfig(tmp_path / "tax.sqlite", hook.url, push=True, delay_s=0)
    async with running(create_app(config)) as client:
        await trading.register(einvoice.HTTPAuthority(client, "http://partner.test"))
        notices = await hook.wait_for(2)

    kinds = [envelope.read_message(one.body).header.kind for one in notices]
    assert sorted(kinds) == [envelope.REGISTRATION_RECEIVED, envelope.REGISTRATION_DECIDED]
    assert set(hook.paths) == {"/hooks/tax"}


async def test_it_remembers_over_a_restart(config, running, trading):
    async with running(create_app(config)) as client:
        await trading.register(einvoice.HTTPAuthority(client, "http://partner.test"))
        before = await trading.pinned(einvoice.HTTPAuthority(client, "http://partner.test"))
    async with running(create_app(config)) as client:
        replies = (await client.get("/replies")).json()["replies"]
        page = (await client.get("/")).text
        after = await trading.pinned(einvoice.HTTPAuthority(client, "http://partner.test"))

    assert [one["position"] for one in replies] == [1, 2]
    assert base64.b64decode(replies[0]["xml"]).startswith(b"<TDiep>")
    assert TAX_ID in page
    assert before == after


async def test_it_runs_as_a_process_of_its_own(process, tmp_path, trading):
    config = f"TaxConfig(Path({str(tmp_path / 'own' / 'tax.sqlite')!r}), delay_s=0)"
    url = process("tax", config)
    async with httpx.AsyncClient(base_url=url) as client:
        authority = einvoice.HTTPAuthority(client, url)
        await trading.register(authority)
        issued = await trading.issue()
        await trading.send(authority)
        await trading.pull(authority)

    assert await trading.state_of(issued) == "accepted"


def test_invoices_without_code_are_remembered_one_by_one(tmp_path):
    store = Store(tmp_path / "tax.sqlite3", tax_memory.SCHEMA)
    remembered = tax_memory.Memory(store)
    keys_ = [("038190000123", 2, "K26TAA", number) for number in (1, 2)]

    for key in keys_:
        known = memory.KnownInvoice(key=key, digest="x", code="", payable_vnd=1)
        remembered.remember(memory.Answer(b"", invoices=(known,)), b"", clock.now())

    assert all(remembered.invoice(key) is not None for key in keys_)
    assert store.row("SELECT count(*) AS n FROM invoice")["n"] == 2
