# ruff: noqa: S608 - the queries are put together from constants of this package
"""Does everything still agree? Read in one snapshot, set-based, each disagreement in words."""

from collections.abc import Callable
from typing import Any

import asyncpg
import msgspec

from payments.ledger.accounts import DEBIT_NORMAL, LANES
from payments.ledger.transfer import TransferKind
from payments.settlement import COUNTED, MOVES_NOTHING

PROBLEM_COUNT_MAX = 100
"""Disagreements named per check; more of one kind say nothing new."""

Progress = Callable[[str, int, int], None]
"""Called with the check's name, how many checks are done, and how many there are."""


class Problem(msgspec.Struct, frozen=True):
    """One disagreement."""

    check: str
    sentence: str


class Report(msgspec.Struct, frozen=True):
    """What an audit looked at and what it found."""

    transfer_count: int
    receipt_count: int
    account_count: int
    payment_count: int
    event_count: int
    problems: tuple[Problem, ...]

    @property
    def is_clean(self) -> bool:
        """Whether everything agrees."""
        return not self.problems


async def audit(dsn: str, progress: Progress | None = None, *, role: str | None = None) -> Report:
    """Compare journal, balances, receipts, payments and events with each other.

    Works on a live system: one snapshot for all checks, no locks.
    """
    settings = {"application_name": "payments-audit", "jit": "off", "timezone": "UTC"}
    if role is not None:
        settings["role"] = role
    connection = await asyncpg.connect(dsn, server_settings=settings)
    try:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            return await _audit(connection, progress or _silent)
    finally:
        await connection.close()


async def _audit(connection: Any, progress: Progress) -> Report:
    problems: list[Problem] = []
    for index, (name, query) in enumerate(CHECKS.items()):
        progress(name, index, len(CHECKS))
        rows = await connection.fetch(f"{query} LIMIT {PROBLEM_COUNT_MAX}")
        problems += [Problem(name, row[0]) for row in rows]
    counts = await connection.fetchrow(_COUNTS)
    progress("", len(CHECKS), len(CHECKS))
    return Report(problems=tuple(problems), **dict(counts))


def _silent(name: str, done: int, total: int) -> None:
    return


def _listed(words: object) -> str:
    assert isinstance(words, frozenset)
    return ", ".join(f"'{word}'" for word in sorted(words))


_COUNTS = """
SELECT (SELECT count(*) FROM payments.transfer) AS transfer_count,
       (SELECT count(*) FROM payments.receipt) AS receipt_count,
       (SELECT count(*) FROM payments.account) AS account_count,
       (SELECT count(*) FROM payments.payment) AS payment_count,
       (SELECT count(*) FROM payments.event) AS event_count
"""
_DEBITS = f"a.kind IN ({_listed(DEBIT_NORMAL)})"
_LANE = f"(('x' || right(replace(owner_id::text, '-', ''), 2))::bit(8)::int % {LANES})"
_RELEASED = int(TransferKind.RELEASED)
_CASH = int(TransferKind.CASH_SALE)
_FROM_SETTLEMENT = ", ".join(
    str(int(kind))
    for kind in (
        TransferKind.SALE,
        TransferKind.HELD,
        TransferKind.RELEASED,
        TransferKind.TEST,
        TransferKind.CHARGE,
        TransferKind.STAND_SALE,
    )
)

CHECKS = {
    "balances sum to zero": f"""
        SELECT format('The accounts of owner %s sum to %s đ, not to zero.', a.owner_id,
                      sum(CASE WHEN {_DEBITS} THEN a.balance_vnd ELSE -a.balance_vnd END))
        FROM payments.account a GROUP BY a.owner_id
        HAVING sum(CASE WHEN {_DEBITS} THEN a.balance_vnd ELSE -a.balance_vnd END) <> 0
    """,
    "balances equal entries": f"""
        WITH entry AS (
            SELECT lane, debit_id AS account_id, sum(amount_vnd) AS debit_vnd
            FROM payments.transfer GROUP BY 1, 2
            UNION ALL
            SELECT lane, credit_id, -sum(amount_vnd) FROM payments.transfer GROUP BY 1, 2
        ), total AS (
            SELECT lane, account_id, sum(debit_vnd) AS debit_vnd FROM entry GROUP BY 1, 2
        )
        SELECT format('Account %s holds %s đ, its entries say %s đ.', a.id, a.balance_vnd,
                      CASE WHEN {_DEBITS} THEN 1 ELSE -1 END * COALESCE(t.debit_vnd, 0))
        FROM payments.account a LEFT JOIN total t ON t.lane = a.lane AND t.account_id = a.id
        WHERE a.balance_vnd <> CASE WHEN {_DEBITS} THEN 1 ELSE -1 END * COALESCE(t.debit_vnd, 0)
    """,
    "accounts within limits": """
        SELECT format('Account %s holds %s đ, less than its smallest balance %s đ.', id,
                      balance_vnd, balance_vnd_min)
        FROM payments.account WHERE balance_vnd < balance_vnd_min
    """,
    "transfers stay with their owner": """
        SELECT format('Transfer %s touches an account that is not its owner''s.', t.id)
        FROM payments.transfer t
        LEFT JOIN payments.account d ON d.lane = t.lane AND d.id = t.debit_id
            AND d.owner_id = t.owner_id
        LEFT JOIN payments.account c ON c.lane = t.lane AND c.id = t.credit_id
            AND c.owner_id = t.owner_id
        WHERE d.id IS NULL OR c.id IS NULL
    """,
    "rows lie in their lane": f"""
        SELECT format('%s %s lies in lane %s.', what, id, lane) FROM (
            SELECT 'Transfer' AS what, id, lane FROM payments.transfer WHERE lane <> {_LANE}
            UNION ALL
            SELECT 'Account', id, lane FROM payments.account WHERE lane <> {_LANE}
        ) astray
    """,
    "receipts equal their transfers": f"""
        WITH moved AS (
            SELECT lane, subject_id, sum(amount_vnd) FILTER (WHERE kind <> {_RELEASED}) AS vnd
            FROM payments.transfer WHERE kind IN ({_FROM_SETTLEMENT}) GROUP BY 1, 2
        )
        SELECT CASE WHEN r.id IS NULL
            THEN format('Transfers name receipt %s, which does not exist.', m.subject_id)
            ELSE format('Receipt %s (%s) says %s đ, its transfers %s đ.', r.id, r.outcome,
                        r.amount_vnd, COALESCE(m.vnd, 0)) END
        FROM payments.receipt r FULL JOIN moved m ON m.subject_id = r.id
        WHERE r.id IS NULL OR COALESCE(m.vnd, 0) <>
            CASE WHEN r.outcome IN ({_listed(MOVES_NOTHING)}) THEN 0 ELSE r.amount_vnd END
    """,
    "payments equal their receipts": f"""
        WITH came AS (
            SELECT payment_id, sum(amount_vnd) AS vnd FROM payments.receipt
            WHERE outcome IN ({_listed(COUNTED)}) AND payment_id IS NOT NULL GROUP BY 1
        )
        SELECT format('Payment %s (%s) received %s đ, its receipts say %s đ.',
                      COALESCE(p.id, c.payment_id), COALESCE(p.state, 'unknown'),
                      COALESCE(p.received_vnd, 0), COALESCE(c.vnd, 0))
        FROM payments.payment p FULL JOIN came c ON c.payment_id = p.id
        WHERE p.id IS NULL OR p.received_vnd <> COALESCE(c.vnd, 0)
    """,
    "no movement twice": """
        SELECT format('%s told %s as %s receipts.', gateway, provider_id, count(*))
        FROM payments.receipt GROUP BY gateway, provider_id
        HAVING count(*) > 1 AND max(business_date) - min(business_date) <= 1
    """,
    "no transfer twice": """
        SELECT format('Transfer %s stands %s times.', id, count(*))
        FROM payments.transfer GROUP BY id HAVING count(*) > 1
    """,
    "receipts have events": """
        SELECT format('Receipt %s has %s events.', r.id, count(e.position))
        FROM payments.receipt r LEFT JOIN payments.event e
            ON e.subject_id = r.id AND e.kind = 'receipt.recorded'
        GROUP BY r.id HAVING count(e.position) <> 1
    """,
    "cash sales have events": f"""
        SELECT format('Cash sale %s has %s events.', t.id, count(e.position))
        FROM payments.transfer t LEFT JOIN payments.event e
            ON e.subject_id = t.subject_id AND e.kind = 'receipt.recorded'
        WHERE t.kind = {_CASH} GROUP BY t.id HAVING count(e.position) <> 1
    """,
}
"""Every query lists the sentences of what is wrong; none of them takes a lock."""
