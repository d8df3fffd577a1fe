"""Every notice is kept raw, the forged ones too, and never a secret with it."""

from datetime import timedelta

import payments
from market import ids


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
