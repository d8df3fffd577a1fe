"""`market audit`: exit codes, progress, and heads of the hash chain kept in a file."""

import asyncio
import io
import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import psycopg
import pytest
from sqlalchemy.ext.asyncio import create_async_engine

import payments
from market import cli, ids
from market.db import Session, sqlalchemy_url

NOW = datetime(2026, 11, 23, 5, tzinfo=UTC)


class Terminal(io.StringIO):
    """Where a person looks on."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def sealed_url(database_url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """A market with a few sealed transfers, in the environment of its commands."""
    monkeypatch.setenv("MARKET_DATABASE_URL", database_url)
    asyncio.run(_trade(database_url))
    return database_url


async def _trade(url: str) -> None:
    owner_id = ids.new()
    engine = create_async_engine(sqlalchemy_url(url, "asyncpg"))
    async with Session(engine) as db:
        await payments.open_accounts(db, owner_id, now=NOW)
        await db.commit()
    await engine.dispose()
    ledger = payments.Ledger(url, "market_system")
    await ledger.start()
    cash, sales = (payments.account_id(owner_id, kind) for kind in ("cash", "sales"))
    for _ in range(3):
        sale = payments.Transfer(
            ids.new(), owner_id, cash, sales, 1_000, payments.TransferKind.OTHER, NOW
        )
        assert await ledger.post(sale) == [payments.Outcome.POSTED]
    await ledger.close()
    await payments.seal(url, now=NOW)


def changed(url: str, statement: str) -> None:
    """What a superuser did."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute(statement)


def test_a_ledger_that_agrees_ends_with_0_and_says_where_its_chain_ends(sealed_url, capsys):
    code = cli.main(["audit"])

    told = capsys.readouterr()
    assert code == cli.DONE
    assert "3 transfers, 0 receipts" in told.out
    assert "by round 1, " in told.out
    assert told.out.endswith("Everything agrees.\n")
    assert "  0% transfers are whole\n" in told.err, "plain lines where nobody looks on"
    assert "\r" not in told.err


def test_a_terminal_sees_a_bar_that_is_wiped_away(sealed_url, monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)

    cli.main(["audit"])

    told = terminal.getvalue()
    assert "░" in told
    assert "█" in told
    assert told.endswith("\r\x1b[2K")
    assert "\n" not in told


def test_quiet_is_quiet_and_json_is_json(sealed_url, capsys):
    code = cli.main(["audit", "--quiet", "--json"])

    told = capsys.readouterr()
    assert (code, told.err) == (cli.DONE, "")
    assert json.loads(told.out)["heads"]["number"] == 1


def test_a_changed_row_ends_with_1_and_is_named(sealed_url, capsys):
    changed(sealed_url, "UPDATE payments.transfer SET place_id = gen_random_uuid()")

    code = cli.main(["audit", "--quiet"])

    told = capsys.readouterr().out
    assert code == cli.FAILED
    assert told.count("was changed; now it says 1,000 đ") == 3
    assert told.endswith("Not everything agrees.\n")


def test_kept_heads_catch_a_chain_that_was_made_anew(sealed_url, tmp_path: Path, capsys):
    heads = tmp_path / "heads.json"
    assert cli.main(["audit", "--quiet", "--write-heads", str(heads)]) == cli.DONE
    changed(sealed_url, "UPDATE payments.transfer SET place_id = gen_random_uuid()")
    changed(sealed_url, "DELETE FROM payments.seal")
    changed(sealed_url, "DELETE FROM payments.watermark")
    asyncio.run(payments.seal(sealed_url, now=NOW))

    alone = cli.main(["audit", "--quiet"])
    with_heads = cli.main(["audit", "--quiet", "--heads", str(heads)])

    assert (alone, with_heads) == (cli.DONE, cli.FAILED)
    assert "Round 1 was " in capsys.readouterr().out


def test_heads_of_a_ledger_that_does_not_agree_are_not_kept(sealed_url, tmp_path: Path):
    heads = tmp_path / "heads.json"
    heads.write_text("good ones")
    changed(sealed_url, f"UPDATE payments.transfer SET subject_id = '{UUID(int=1)}'")

    code = cli.main(["audit", "--quiet", "--write-heads", str(heads)])

    assert code == cli.FAILED
    assert heads.read_text() == "good ones"


@pytest.mark.parametrize("content", [None, "no heads", '{"number": "x"}'])
def test_a_file_without_heads_is_said_in_a_sentence(sealed_url, tmp_path: Path, capsys, content):
    heads = tmp_path / "heads.json"
    if content is not None:
        heads.write_text(content)

    code = cli.main(["audit", "--heads", str(heads)])

    assert code == cli.MISUSED
    assert f"{heads} has no heads of the hash chain" in capsys.readouterr().err
