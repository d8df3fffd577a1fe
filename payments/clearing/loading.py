"""A settlement file becomes a session: rows kept, sums checked, differences opened, in one commit."""

import hashlib
from collections.abc import Iterable
from datetime import date, datetime
from typing import Any
from uuid import UUID, uuid5

import asyncpg
import msgspec

from payments.clearing.errors import SessionExists
from payments.clearing.fees import FeeSchedule
from payments.events import CHANNEL
from payments.reconciliation import provider_file
from payments.reconciliation.classes import Class, Difference, Resolution
from payments.reconciliation.comparing import NOT_TAKEN, Compared, Comparison, comparing
from payments.reconciliation.staging import Progress
from payments.reconciliation.stripe_report import as_settlement_file

_NAMESPACE = UUID("0b6cf3f3-0d0f-5a3a-8a2f-3a54a2f0c7d1")


class Loaded(msgspec.Struct, frozen=True):
    """What became of a file."""

    session_id: UUID
    is_new: bool
    """False where this very file was loaded before: nothing changed."""
    comparison: Comparison | None
    """Of a new one."""


def _say_nothing(what: str, done: int, total: int) -> None:
    """Nobody looks on."""


async def load_provider_file(
    dsn: str,
    raw: bytes,
    *,
    session_id: UUID,
    acquirer: str,
    now: datetime,
    day: date | None = None,
    by: UUID | None = None,
    schedules: Iterable[FeeSchedule] | None = None,
    progress: Progress = _say_nothing,
) -> Loaded:
    """The session stands, reconciled, with its rows and differences. The same file again: no change.

    `dsn` is the owner's of the tables. Raises: RecordUnreadable, of the kind that fits;
    SessionExists; ReconciliationBusy.
    """
    raw = as_settlement_file(acquirer, raw)
    digest = hashlib.sha256(raw).digest()
    known = await _known(dsn, acquirer, digest)
    if known is not None:
        return Loaded(known, is_new=False, comparison=None)
    async with comparing(
        dsn, raw, acquirer=acquirer, day=day, schedules=schedules, progress=progress
    ) as done:
        progress("load", 0, 1)
        try:
            async with done.connection.transaction():
                await _write(done, session_id, digest, by, now)
        except (asyncpg.UniqueViolationError, asyncpg.DataError):
            for _ in provider_file.rows_of(raw, provider_file.layout_of(raw), day):
                pass  # it names the line
            raise
        progress("load", 1, 1)
        return Loaded(session_id, is_new=True, comparison=done.comparison)


async def _known(dsn: str, acquirer: str, digest: bytes) -> UUID | None:
    connection = await asyncpg.connect(dsn, timeout=10)
    try:
        found: UUID | None = await connection.fetchval(_SAME_FILE, acquirer, digest)
    finally:
        await connection.close()
    return found


async def _write(
    done: Compared, session_id: UUID, digest: bytes, by: UUID | None, now: datetime
) -> None:
    told, db = done.comparison, done.connection
    standing = await db.fetchval(_SAME_DAY, told.acquirer, told.day)
    if standing is not None:
        raise SessionExists(standing, told.acquirer, told.day)
    sums = told.sums
    await db.execute(
        _SESSION, session_id, told.acquirer, told.day, digest, sums.row_count, sums.amount_vnd,
        sums.fee_vnd, sums.fee_vat_vnd, sums.net_vnd, told.matched_count, by, now,
    )  # fmt: skip
    await db.execute(
        _ROWS, session_id, told.acquirer, told.day, NOT_TAKEN,
        [one.seq for one in told.assigned], [one.owner_id for one in told.assigned],
        [one.receipt_id for one in told.assigned],
    )  # fmt: skip
    await db.execute(
        "UPDATE payments.settlement_session SET state = 'checked' WHERE id = $1", session_id
    )
    owners = {one.seq: one for one in told.assigned}
    await write_differences(
        db,
        [
            msgspec.structs.replace(one, owner_id=owners[one.seq].owner_id)
            if one.owner_id is None and one.seq in owners
            else one
            for one in told.differences
        ],
        source=told.acquirer,
        day=told.day,
        now=now,
        session_id=session_id,
    )
    await db.execute(_CAME_LATER, told.acquirer, session_id, now)
    await db.execute(
        "UPDATE payments.settlement_session SET state = 'reconciled' WHERE id = $1", session_id
    )
    facts = {
        "acquirer": told.acquirer,
        "day": told.day.isoformat(),
        "row_count": sums.row_count,
        "net_vnd": sums.net_vnd,
        "difference_count": len(told.differences),
    }
    await db.execute(
        _EVENT, "session.reconciled", session_id, msgspec.json.encode(facts).decode(), now
    )
    await db.execute("SELECT pg_notify($1, '')", CHANNEL)


async def write_differences(
    db: Any,
    differences: Iterable[Difference],
    *,
    source: str,
    day: date | None,
    now: datetime,
    session_id: UUID | None = None,
    statement_id: UUID | None = None,
) -> None:
    """They stand, open. Of a bank statement one that is known already stays as it is."""
    place = session_id or source
    records = [
        (
            uuid5(_NAMESPACE, f"{place}:{one.class_}:{one.reference}:{one.seq if session_id else ''}"),
            session_id, statement_id, one.seq, one.owner_id, one.receipt_id, str(one.class_),
            source, day or date.fromisoformat(one.facts["day"]), one.reference, one.theirs_vnd,
            one.ours_vnd, one.held_vnd, msgspec.json.encode(one.facts).decode(), now,
        )
        for one in differences
    ]  # fmt: skip
    if records:
        await db.executemany(_DIFFERENCE, records)


_SAME_FILE = """
SELECT id FROM payments.settlement_session
WHERE acquirer = $1 AND digest = $2 AND state <> 'withdrawn'
"""
_SAME_DAY = """
SELECT id FROM payments.settlement_session
WHERE acquirer = $1 AND day = $2 AND state <> 'withdrawn'
"""
_SESSION = """
INSERT INTO payments.settlement_session
    (id, acquirer, day, state, digest, row_count, amount_vnd, fee_vnd, fee_vat_vnd, net_vnd,
     matched_count, loaded_by, loaded_at, problem)
VALUES ($1, $2, $3, 'loaded', $4, $5, $6, $7, $8, $9, $10, $11, $12, '')
"""
# A row's owner is its receipt's; of the others the comparison found it.
_ROWS = """
INSERT INTO payments.settlement_row
    (session_id, seq, owner_id, receipt_id, acquirer, day, txn_type, txn_ref, provider_txn_no,
     original_provider_txn_no, bank_code, occurred_at, amount_vnd, fee_vnd, fee_vat_vnd, net_vnd,
     remark)
SELECT $1, f.seq, COALESCE(a.owner_id, o.owner_id), COALESCE(a.receipt_id, o.id), $2, $3,
       f.txn_type, COALESCE(f.txn_ref, ''), f.provider_txn_no,
       COALESCE(f.original_provider_txn_no, ''), COALESCE(f.bank_code, ''),
       (left(f.digits, 8) || 'T' || substr(f.digits, 9, 6))::timestamp AT TIME ZONE interval '7 hours',
       f.amount, f.fee, f.fee_vat, f.net_amount, COALESCE(f.remark, '')
FROM (SELECT *, translate(txn_time, '-:T +', '') AS digits FROM payments.staging) f
LEFT JOIN payments.receipt o ON o.business_date = $3 AND o.gateway = $2
    AND o.provider_id = f.provider_txn_no AND o.direction = 'in' AND o.outcome <> ALL ($4::text[])
    AND f.txn_type = 'PAYMENT'
LEFT JOIN unnest($5::integer[], $6::uuid[], $7::uuid[]) AS a (seq, owner_id, receipt_id)
    ON a.seq = f.seq
"""
_DIFFERENCE = """
INSERT INTO payments.difference
    (id, session_id, statement_id, seq, owner_id, receipt_id, class, source, day, reference,
     theirs_vnd, ours_vnd, held_vnd, facts, state, resolution, reason, version, opened_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14::jsonb, 'open', '', '', 0, $15)
ON CONFLICT (id) DO NOTHING
"""
# What a file before did not have stands in this one: nobody need wait for it any more.
_CAME_LATER = f"""
WITH came AS (
    UPDATE payments.difference d
    SET state = 'resolved', resolution = '{Resolution.CAME_LATER}', version = d.version + 1,
        resolved_at = $3
    FROM payments.staging f
    WHERE d.source = $1 AND d.class = '{Class.MISSING_PROVIDER}' AND d.session_id <> $2
      AND d.resolution <> '{Resolution.CAME_LATER}' AND d.reference = f.provider_txn_no
      AND f.txn_type = 'PAYMENT'
    RETURNING d.id, d.version, d.owner_id
)
INSERT INTO payments.difference_change
    (difference_id, version, owner_id, action, reason, at, before, after)
SELECT id, version, owner_id, '{Resolution.CAME_LATER}', '', $3, '{{}}',
       jsonb_build_object('session_id', $2::uuid)
FROM came
"""  # noqa: S608 - our own words
_EVENT = """
INSERT INTO payments.event (kind, owner_id, subject_id, data, at) VALUES ($1, NULL, $2, $3::jsonb, $4)
"""
