"""Integrators: admitted by command, keys hashed, seen by nobody who signs in."""

import json

import pytest
from sqlalchemy import text

from market import cli, clock, ids, integrators
from market.errors import NotFound
from market.integrators import GatewayTaken, Integrator, IntegratorInvalid, key_hash
from payments.banks import BankUnknown


def integrator(**fields):
    default = {"id": ids.new(), "name": "Ngân hàng A", "gateway": "bank_a",
               "bank_bins": ("970436",), "created_at": clock.now()}  # fmt: skip
    return Integrator(**(default | fields))


async def test_the_key_is_stored_as_its_hash_alone(db):
    made = integrator()

    key = await integrators.add(db, made)

    assert key.startswith("cho_")
    assert len(key) > 40
    assert await integrators.by_key_hash(db) == {key_hash(key.encode()): made}
    stored = (await db.execute(text("SELECT t::text FROM market.integrator t"))).scalar_one()
    assert key not in stored


async def test_a_revoked_key_is_no_longer_among_them_and_stays_on_record(db):
    made = integrator()
    await integrators.add(db, made)
    now = clock.now()

    await integrators.revoke(db, made.id, now=now)
    await integrators.revoke(db, made.id, now=clock.now())

    assert await integrators.by_key_hash(db) == {}
    (found,) = await integrators.integrators(db)
    assert (found.id, found.revoked_at) == (made.id, now)


async def test_an_unknown_integrator_cannot_be_revoked(db):
    with pytest.raises(NotFound):
        await integrators.revoke(db, ids.new(), now=clock.now())


async def test_a_second_key_of_the_same_partner_stands_beside_the_first(db):
    keys = {await integrators.add(db, integrator()) for _ in range(2)}

    assert set(await integrators.by_key_hash(db)) == {key_hash(key.encode()) for key in keys}


@pytest.mark.parametrize("other", [{"name": "B"}, {"bank_bins": ("970405",)}, {"bank_bins": ()}])
async def test_two_partners_do_not_share_a_gateway(db, other):
    first = integrator()
    await integrators.add(db, first)

    with pytest.raises(GatewayTaken):
        await integrators.add(db, integrator(**other))

    await integrators.revoke(db, first.id, now=clock.now())
    assert await integrators.add(db, integrator(**other))


@pytest.mark.parametrize(
    "wrong",
    [{"name": " "}, {"name": "x" * 101}, {"name": "a\nb"}, {"gateway": "sepay"}, {"gateway": "signed-b"}, {"gateway": "cash"},
     {"gateway": "A"}, {"gateway": "a b"}, {"gateway": "bank_a\n"}, {"gateway": ""}],
)  # fmt: skip
async def test_what_cannot_be_an_integrator_is_refused(db, wrong):
    with pytest.raises(IntegratorInvalid):
        await integrators.add(db, integrator(**wrong))


async def test_a_bank_nobody_knows_is_refused(db):
    with pytest.raises(BankUnknown):
        await integrators.add(db, integrator(bank_bins=("970436", "000000")))


async def test_nobody_who_signs_in_sees_or_changes_them(db, database):
    from market.db import Viewer

    made = integrator()
    await integrators.add(db, made)
    await db.commit()

    viewer = Viewer(person_id=ids.new(), roles=("admin", "clerk", "official"))
    async with database.as_viewer(viewer) as session:
        seen = (await session.execute(text("SELECT count(*) FROM market.integrator"))).scalar_one()
        changed = await session.execute(text("UPDATE market.integrator SET revoked_at = now()"))

    assert (seen, changed.rowcount) == (0, 0)


def test_the_commands_add_show_and_revoke(database_url, monkeypatch, capsys):
    monkeypatch.setenv("MARKET_DATABASE_URL", database_url)
    add = ["integrator", "add", "Ngân hàng A", "--gateway", "bank_a", "--bank", "970436", "--json"]

    assert cli.main(add) == cli.DONE
    added = json.loads(capsys.readouterr().out)
    assert cli.main(["integrator", "list", "--json"]) == cli.DONE
    (shown,) = json.loads(capsys.readouterr().out)
    assert cli.main(["integrator", "revoke", added["id"]]) == cli.DONE
    assert cli.main(["integrator", "list"]) == cli.DONE
    told = capsys.readouterr().out

    assert added["key"].startswith("cho_")
    assert "key" not in shown
    assert (shown["id"], shown["bank_bins"], shown["revoked_at"]) == (added["id"], ["970436"], None)
    assert "revoked" in told
    assert added["key"] not in told


def test_the_key_is_printed_for_people_too(database_url, monkeypatch, capsys):
    monkeypatch.setenv("MARKET_DATABASE_URL", database_url)

    assert cli.main(["integrator", "add", "Thẻ", "--gateway", "cards"]) == cli.DONE

    told = capsys.readouterr().out
    assert "acquirer" in told
    assert "cho_" in told


@pytest.mark.parametrize(
    "arguments",
    [["add", "A", "--gateway", "sepay"], ["add", "A", "--gateway", "x1", "--bank", "1"],
     ["revoke", "x"], ["revoke", "019aafc2-7b1c-7d10-8f6e-51a3c2d4e5f6"]],
)  # fmt: skip
def test_what_cannot_be_done_ends_with_2_and_a_sentence(
    database_url, monkeypatch, capsys, arguments
):
    monkeypatch.setenv("MARKET_DATABASE_URL", database_url)

    assert cli.main(["integrator", *arguments]) == cli.MISUSED
    assert capsys.readouterr().err.startswith("market: ")
