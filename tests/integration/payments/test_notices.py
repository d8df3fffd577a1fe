"""Every notice is kept raw, the forged ones too, and never a secret with it."""

from datetime import timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

import payments
from market import clock, ids
from payments.notices import VERDICTS, retention


async def test_notices_are_kept_with_their_verdict_newest_first(db, now):
    for index, verdict in enumerate(("verified", "forged", "malformed")):
        await payments.keep_notice(
            db,
            ids.new(),
            "sepay",
            {},
            b"\x00\xffraw" + bytes([index]),
            verdict,
            "wrong signature\x00",
            now=now + timedelta(seconds=index),
        )
    await db.commit()

    every = await payments.notices(db)
    forged = await payments.notices(db, verdict="forged")
    older = await payments.notices(db, before=every[0].received_at, limit=1)

    assert [one.verdict for one in every] == ["malformed", "forged", "verified"]
    assert [(one.body, one.reason) for one in forged] == [(b"\x00\xffraw\x01", "wrong signature")]
    assert [one.verdict for one in older] == ["forged"]


async def test_secrets_among_the_headers_are_never_stored(db, now):
    headers = {
        "Authorization": "Apikey secret",
        "Cookie": "session=secret",
        "Secure-Token": "secret",
        "X-Secret-Key": "secret",
        "X-SePay-Signature": "sha256=abc",
        "User-Agent": "sepay \ud83d" + "x" * 1_000,
    }

    await payments.keep_notice(db, ids.new(), "sepay", headers, b"", "verified", now=now)
    await db.commit()

    (kept,) = await payments.notices(db)
    assert set(kept.headers) == {"x-sepay-signature", "user-agent"}
    assert len(kept.headers["user-agent"]) == 500


async def test_a_forgery_may_fill_no_more_than_a_page(db, now):
    for verdict in ("verified", "forged"):
        await payments.keep_notice(db, ids.new(), "sepay", {}, b"x" * 100_000, verdict, now=now)
    await db.commit()

    kept = {one.verdict: len(one.body) for one in await payments.notices(db)}

    assert kept == {"verified": 65_536, "forged": 4_096}


async def test_notices_go_when_their_days_are_over_and_not_before(db, now, database_url):
    for days in (89, 91, 200):
        for verdict in VERDICTS:
            await payments.keep_notice(
                db, ids.new(), "sepay", {}, b"raw", verdict, now=now - timedelta(days=days)
            )
    await db.commit()

    gone = [await payments.forget_notices(database_url, now=now) for _ in range(2)]

    assert gone == [6, 0]
    kept = await payments.notices(db)
    assert {one.received_at for one in kept} == {now - timedelta(days=89)}


async def test_many_old_notices_go_in_bounded_steps(db, now, database_url):
    for _ in range(3):
        await payments.keep_notice(
            db, ids.new(), "sepay", {}, b"raw", "forged", now=now - timedelta(days=400)
        )
    await db.commit()

    gone = [await payments.forget_notices(database_url, now=now, count_max=2) for _ in range(3)]

    assert gone == [2, 1, 0]


async def test_the_markets_own_roles_may_not_delete_proof(db, now, database):
    await payments.keep_notice(db, ids.new(), "sepay", {}, b"raw", "verified", now=now)
    await db.commit()

    with pytest.raises(DBAPIError, match="permission denied"):
        async with database.as_system() as system:
            await system.execute(text("DELETE FROM payments.notice"))


@pytest.mark.parametrize(
    "statement",
    ["DELETE FROM payments.notice", "UPDATE payments.notice SET reason = 'x'",
     "TRUNCATE payments.notice"],
)  # fmt: skip
async def test_even_their_owner_cannot_change_notices_or_delete_young_ones(db, statement):
    await payments.keep_notice(db, ids.new(), "sepay", {}, b"raw", "verified", now=clock.now())
    await db.commit()

    with pytest.raises(DBAPIError, match="refused"):
        await db.execute(text(statement))


def test_each_verdict_has_one_rule_on_every_day(now):
    for verdict in VERDICTS:
        for days in (0, 30, 365, 3_650):
            kept = retention(verdict, now + timedelta(days=days))

            assert timedelta(days=30) <= kept <= timedelta(days=3_650)


def _broken(*_):
    raise ValueError("a bug")


async def test_a_notice_is_kept_by_the_commit_that_records_its_money(
    db, ledger, told, vendor, now, monkeypatch
):
    def raw(body):
        return payments.notice_of(
            ids.new(), "sepay", {"Authorization": "Apikey x", "Date": "now"}, body, "verified", now=now
        )  # fmt: skip

    one = told()
    first = await ledger.settle(one, receipt_id=ids.new(), now=now, notice=raw(b"one"))
    again = await ledger.settle(one, receipt_id=ids.new(), now=now, notice=raw(b"two"))
    monkeypatch.setattr("payments.ledger.batch.receipt_row", _broken)
    with pytest.raises(payments.SettlementFailed):
        await ledger.settle(
            told(),
            receipt_id=ids.new(),
            now=now,
            notice=raw(b"three"),
        )

    kept = await payments.notices(db)
    assert (first.outcome, again.outcome) == ("unmatched", "already_seen")
    assert {one.body for one in kept} == {b"one", b"two"}
    assert [one.headers for one in kept] == [{"date": "now"}] * 2
