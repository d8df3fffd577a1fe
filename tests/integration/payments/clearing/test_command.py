"""`market reconcile` as somebody types it."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import payments
from market import ids
from tests.integration.payments.clearing.conftest import NOON

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def market(database_url: str, tmp_path: Path) -> Run:
    def run(*arguments: str, told: bytes = b"") -> "subprocess.CompletedProcess[str]":
        environment = {k: v for k, v in os.environ.items() if not k.startswith("MARKET_")}  # noqa: TID251 - for a child
        done = subprocess.run(
            [sys.executable, "-m", "market.cli", "reconcile", *arguments],
            input=told, capture_output=True, timeout=120, check=False,
            env=environment | {"MARKET_DATABASE_URL": database_url, "MARKET_DATA": str(tmp_path)},
        )  # fmt: skip
        return subprocess.CompletedProcess(
            done.args, done.returncode, done.stdout.decode(), done.stderr.decode()
        )

    return run


async def test_a_file_that_agrees_exits_0(vendor, day, market, tmp_path):
    await day.take(vendor.id, 85_000)
    (tmp_path / "day.csv").write_bytes(day.file())

    done = market(str(tmp_path / "day.csv"))

    assert (done.returncode, done.stderr) == (0, "")
    assert "Everything agrees." in done.stdout
    assert "net 84,158 đ" in done.stdout


async def test_differences_exit_1_and_are_all_in_the_json(vendor, day, market):
    await day.take(vendor.id, 85_000, fee=766)
    await day.take(vendor.id, 12_345, told=False)

    done = market("-", "--acquirer", "vnpay", "--json", told=day.file())

    answer = json.loads(done.stdout)
    assert done.returncode == 1
    assert answer["counts"] == {"fee_mismatch": 1, "missing_local": 1}
    assert answer["differences"][0]["why"].startswith("they kept 766 đ")


async def test_loading_twice_changes_nothing(vendor, day, market):
    await day.take(vendor.id, 85_000)

    first, again = (market("-", "--load", "--json", told=day.file()) for _ in range(2))

    told = [json.loads(one.stdout) for one in (first, again)]
    assert [one["is_new"] for one in told] == [True, False]
    assert told[0]["session_id"] == told[1]["session_id"]


async def test_a_spoilt_file_says_the_line_and_what_to_do(vendor, day, market):
    await day.take(vendor.id, 85_000)

    done = market("-", "--json", told=day.file().replace(b"PAYMENT", b"PAYMNT"))

    assert done.returncode == 1
    assert "line 2: txn_type “PAYMNT” is unknown. Use PAYMENT" in done.stderr
    assert json.loads(done.stdout)["error"]["line"] == 2


async def test_a_file_of_another_day_than_asked_is_refused(vendor, day, market):
    await day.take(vendor.id, 85_000)

    done = market("-", "--day", "2026-11-21", told=day.file())

    assert done.returncode == 1
    assert "The row is of session 2026-11-22, not 2026-11-21." in done.stderr


def test_a_missing_file_and_a_wrong_day_exit_2(market):
    missing, wrong = market("/no/such/file"), market("-", "--day", "22/11/2026")

    assert (missing.returncode, wrong.returncode) == (2, 2)
    assert "/no/such/file" in missing.stderr


async def test_a_bank_statement_is_compared_line_by_line(vendor, ledger, market):
    for number, amount_vnd in ((1, 50_000), (2, 20_000), (3, 7_000)):
        told = payments.Confirmation(
            gateway="sepay", provider_id=str(number), amount_vnd=amount_vnd, occurred_at=NOON,
            reference=f"FT{number}", account_no=vendor.account_no, bank_bin="970436",
        )  # fmt: skip
        await ledger.settle(told, receipt_id=ids.new(), now=NOON)
    statement = (
        "date,reference,amount,description,account\n"
        f"2026-11-22,FT1,50000,a,{vendor.account_no}\n"
        f"2026-11-22,FT2,20001,b,{vendor.account_no}\n"
        f"2026-11-22,FT9,30000,c,{vendor.account_no}\n"
        f"2026-11-22,OTHER,7000,d,{vendor.account_no}\n"
    )

    done = market("-", "--bank", "--json", told=statement.encode())

    answer = json.loads(done.stdout)
    assert done.returncode == 1
    assert answer["matched_count"] == 2
    assert [(one["class"], one["reference"]) for one in answer["differences"]] == [
        ("amount_mismatch", "FT2"),
        ("missing_local", "FT9"),
    ]


async def test_a_mark_and_crlf_around_a_file_do_no_harm(vendor, day, market):
    await day.take(vendor.id, 85_000)

    marked = market("-", told=b"\xef\xbb\xbf" + day.file())
    crlf = market("-", told=day.file().replace(b"\n", b"\r\n"))

    assert [one.returncode for one in (marked, crlf)] == [0, 0]


async def test_a_settlement_file_saved_as_utf_16_or_empty_is_one_sentence(vendor, day, market):
    await day.take(vendor.id, 85_000)

    wide = market("-", told=day.file().decode().encode("utf-16"))
    empty = market("-", "--acquirer", "vnpay")

    assert [one.returncode for one in (wide, empty)] == [1, 1]
    assert wide.stderr.endswith("The file is UTF-16. Save it as UTF-8 and try again.\n")
    assert empty.stderr.endswith("The file is empty. Ask the acquirer for it again.\n")
    assert wide.stderr.count("\n") == empty.stderr.count("\n") == 1


def test_a_report_of_stripes_says_itself_whose_it_is(market):
    report = (
        b"balance_transaction_id,created_utc,currency,gross,fee,net,reporting_category,source_id,"
        b"payment_intent_id\ntxn_1,2026-11-20 03:00:00,vnd,85000,4710,80290,charge,ch_1,pi_1\n"
    )

    done = market("-", "--json", told=report)

    answer = json.loads(done.stdout)
    assert (answer["acquirer"], answer["day"]) == ("stripe", "2026-11-20")
    assert answer["counts"] == {"missing_local": 1}
