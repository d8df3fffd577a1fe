"""A hall's operator issues for a stall that is not registered: from the contract to an accepted invoice."""

import asyncio
import json
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import text

import einvoice
from market import cli, clock, ids
from market.flows import invoice as invoice_flow
from market.flows import invoice_issuing
from market.flows.context import Context
from market.tables import HallRow, OperatorRow
from tests.integration.web.test_invoice_outage import Clock, authority

OPERATOR_ID = UUID(int=0x0F)
OPERATOR = "0107001729"


@pytest.fixture
async def operated(database, world):
    """The hall has an operator with a tax id."""
    async with database.as_system() as db:
        db.add(OperatorRow(id=OPERATOR_ID, name="CÔNG TY CHỢ", tax_id=OPERATOR))
        await db.flush()
        hall = await db.get(HallRow, world.hall_id)
        hall.operator_id = OPERATOR_ID
        db.add(hall)
    return world


@pytest.fixture
def run(database_url, settings, monkeypatch, capsys):
    """`market delegation …` on the same database and data folder, as JSON."""
    monkeypatch.setenv("MARKET_DATABASE_URL", database_url)

    def command(*arguments):
        code = cli.main(["delegation", *arguments, "--json", "--data", str(settings.data)])
        said = capsys.readouterr()
        return code, json.loads(said.out) if said.out else None, said.err

    return command


async def in_thread(call, *arguments):
    return await asyncio.to_thread(call, *arguments)


async def test_from_contract_to_accepted_invoice(
    database, settings, operated, tmp_path, open_sale, notify, follow, run
):
    today = clock.local_day(clock.now())
    moved = Clock(clock.now())
    async with authority(tmp_path, moved) as client:
        context = Context(database, replace(settings, tax_url=str(client.base_url)), moved)

        async def settle():
            for _ in range(3):
                moved.at += timedelta(seconds=40)
                await invoice_flow.send_invoices(context, {})

        await in_thread(run, "register", str(OPERATOR_ID), "--address", "1 Phố Chợ")
        await settle()
        days = {"--signed": today, "--from": today, "--to": today + timedelta(days=365)}
        words = [str(one) for pair in days.items() for one in pair]
        await in_thread(
            run, "agree", str(OPERATOR_ID), str(operated.vendor_id), "--address", "1 Phố Chợ",
            "--number", "UN-01", *words,
        )  # fmt: skip
        _, sent, _ = await in_thread(run, "file", str(OPERATOR_ID))
        await settle()
        _, listed, _ = await in_thread(run, "list", str(operated.vendor_id))
        sale = await open_sale()
        await notify(sale["memo"], 85_000)
        await follow()
        async with database.as_system() as db:
            issued = await invoice_issuing.issue_for_sale(
                db, UUID(sale["sale_id"]), now=clock.now()
            )
        await settle()
        async with database.as_system() as db:
            found = await einvoice.invoice_by_id(db, issued.id)

    assert (sent["count"], listed[0]["state"]) == (1, "accepted")
    said = found.invoice
    assert (said.seller.tax_id, said.delegate.tax_id) == ("038190000123", OPERATOR)
    assert said.symbol.endswith("UN")
    assert found.state == "accepted"


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("register", str(UUID(int=5)), "--address", "x"), "operator"),
        (("file", str(OPERATOR_ID)), "listed"),
        (("list", "7"), "is not an id"),
        (
            ("agree", str(OPERATOR_ID), str(UUID(int=7)), "--address", "x", "--number", "1",
             "--signed", "2026-11-01", "--from", "2026-11-01", "--to", "2026-12-01"),
            "vendor",
        ),
        (
            ("agree", str(OPERATOR_ID), str(UUID(int=7)), "--address", "x", "--number", "1",
             "--signed", "hôm qua", "--from", "2026-11-01", "--to", "2026-12-01"),
            "is not a day",
        ),
    ],
)  # fmt: skip
async def test_what_cannot_be_is_said_in_one_sentence(operated, run, arguments, why):
    code, out, err = await in_thread(run, *arguments)

    assert (code, out) == (cli.MISUSED, None)
    assert why in err
    assert err.count("\n") == 1


async def test_a_vendor_under_contract_may_be_invoiced_and_another_may_not(
    database, operated, settings
):
    today = clock.local_day(clock.now())
    contract = einvoice.Contract(
        seller=einvoice.Party(tax_id="038190000123", name="Hộ", address="Chợ"),
        delegate=einvoice.Party(tax_id=OPERATOR, name="CÔNG TY CHỢ", address="1 Phố Chợ"),
        number="1", signed_on=today, purpose="thay", payment_form="TM/CK", valid_from=today,
        valid_to=today,
    )  # fmt: skip
    contract_id = ids.new()
    async with database.as_system() as db:
        owners = {"owner_id": operated.vendor_id, "delegate_owner_id": OPERATOR_ID}
        await einvoice.agree(db, contract_id, contract, **owners, now=clock.now())
        before = await invoice_flow.is_possible(db, operated.vendor_id, "on_request")
        await db.execute(text("UPDATE einvoice.delegation SET state = 'accepted'"))
        after = await invoice_flow.is_possible(db, operated.vendor_id, "on_request")
        other = await invoice_flow.is_possible(db, operated.other_vendor_id, "on_request")

    assert (before, after, other) == (False, True, False)
