# ruff: noqa: S608 - the queries are put together from constants of this package
"""The audit's comparisons in SQL: each lists the sentences of what is wrong, none takes a lock.

They trust no function of the database: what it could be made to say is written out here.
"""

from typing import NamedTuple

from payments.ledger.accounts import DEBIT_NORMAL, LANES
from payments.ledger.transfer import TransferKind
from payments.settlement import COUNTED, MOVES_NOTHING

WHOLE = "transfers are whole"
HOLD_DAYS_OVERDUE_MAX = 7
"""Holds this long past their deadline are not found by the job that frees them any more."""


class Check(NamedTuple):
    """One comparison. `reads` are the tables it goes through, for the progress."""

    name: str
    reads: tuple[str, ...]
    query: str
    """Where it takes lanes: those from $1 to $2, so that a long one goes in parts."""

    @property
    def is_by_lane(self) -> bool:
        """Whether it can go through the lanes in parts."""
        return "$1" in self.query


def _listed(words: object) -> str:
    assert isinstance(words, frozenset)
    return ", ".join(f"'{word}'" for word in sorted(words))


def _in_lanes(table: str) -> str:
    return f"{table}.lane BETWEEN $1 AND $2"


_DEBIT_KINDS = _listed(DEBIT_NORMAL)
_DEBITS = f"a.kind IN ({_DEBIT_KINDS})"
_SIGN = f"CASE WHEN {_DEBITS} THEN 1 ELSE -1 END"
_LANE = f"(get_byte(uuid_send(owner_id), 15) % {LANES})"
_RELEASED = int(TransferKind.RELEASED)
_CASH = int(TransferKind.CASH_SALE)
_REVERSAL = int(TransferKind.REVERSAL)
_GIVES_BACK = f"{int(TransferKind.REFUND)}, {_REVERSAL}"
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
_FED = "(SELECT COALESCE(max(position), 0) FROM payments.watermark WHERE name = 'statements')"
# The two sides of every transfer that the statements should have, as their accounts see them.
_LEGS = f"""
    SELECT t.lane, leg.account_id, t.position, t.id, t.owner_id, t.occurred_at, t.recorded_at,
           leg.debit_vnd, leg.credit_vnd, {_SIGN} * (leg.debit_vnd - leg.credit_vnd) AS amount_vnd
    FROM payments.transfer t CROSS JOIN LATERAL (
        VALUES (t.debit_id, t.amount_vnd, 0::bigint), (t.credit_id, 0::bigint, t.amount_vnd)
    ) AS leg (account_id, debit_vnd, credit_vnd)
    LEFT JOIN payments.account a ON a.lane = t.lane AND a.id = leg.account_id
    WHERE {_in_lanes("t")} AND t.position <= {_FED}
"""
_OPEN_HOLDS = """
    SELECT h.* FROM payments.hold h
    WHERE NOT EXISTS (SELECT FROM payments.hold_end e WHERE e.lane = h.lane AND e.hold_id = h.id)
"""

CHECKS = (
    Check(
        WHOLE,
        ("transfer",),
        f"""
        SELECT format('Transfer %s of lane %s at position %s has an empty field.', t.id, t.lane,
                      t.position)
        FROM payments.transfer t WHERE {_in_lanes("t")} AND NOT (t IS NOT NULL)
        """,
    ),
    Check(
        "balances sum to zero",
        ("account",),
        f"""
        SELECT format('The accounts of owner %s sum to %s đ, not to zero.', a.owner_id,
                      sum(CASE WHEN {_DEBITS} THEN a.balance_vnd ELSE -a.balance_vnd END))
        FROM payments.account a GROUP BY a.owner_id
        HAVING sum(CASE WHEN {_DEBITS} THEN a.balance_vnd ELSE -a.balance_vnd END) <> 0
        """,
    ),
    Check(
        "balances equal the journal",
        ("transfer", "account"),
        f"""
        WITH leg AS (
            SELECT t.lane, t.debit_id AS account_id, sum(t.amount_vnd) AS debit_vnd
            FROM payments.transfer t WHERE {_in_lanes("t")} GROUP BY 1, 2
            UNION ALL
            SELECT t.lane, t.credit_id, -sum(t.amount_vnd)
            FROM payments.transfer t WHERE {_in_lanes("t")} GROUP BY 1, 2
        ), total AS (
            SELECT lane, account_id, sum(debit_vnd) AS debit_vnd FROM leg GROUP BY 1, 2
        )
        SELECT format('Account %s holds %s đ, its transfers say %s đ.', a.id, a.balance_vnd,
                      {_SIGN} * COALESCE(t.debit_vnd, 0))
        FROM payments.account a LEFT JOIN total t ON t.lane = a.lane AND t.account_id = a.id
        WHERE {_in_lanes("a")} AND a.balance_vnd <> {_SIGN} * COALESCE(t.debit_vnd, 0)
        """,
    ),
    Check(
        "accounts within limits",
        ("account",),
        """
        SELECT format('Account %s holds %s đ, less than its smallest balance %s đ.', id,
                      balance_vnd, balance_vnd_min)
        FROM payments.account WHERE balance_vnd < balance_vnd_min
        """,
    ),
    Check(
        "transfers stay with their owner",
        ("transfer",),
        f"""
        SELECT format('Transfer %s touches an account that is not its owner''s.', t.id)
        FROM payments.transfer t
        LEFT JOIN payments.account d ON d.lane = t.lane AND d.id = t.debit_id
            AND d.owner_id = t.owner_id
        LEFT JOIN payments.account c ON c.lane = t.lane AND c.id = t.credit_id
            AND c.owner_id = t.owner_id
        WHERE {_in_lanes("t")} AND (d.id IS NULL OR c.id IS NULL)
        """,
    ),
    Check(
        "rows lie in their lane",
        ("transfer", "account", "hold"),
        f"""
        SELECT format('%s %s lies in lane %s.', what, id, lane) FROM (
            SELECT 'Transfer' AS what, id, lane FROM payments.transfer WHERE lane <> {_LANE}
            UNION ALL
            SELECT 'Account', id, lane FROM payments.account WHERE lane <> {_LANE}
            UNION ALL
            SELECT 'Hold', id, lane FROM payments.hold WHERE lane <> {_LANE}
            UNION ALL
            SELECT 'The end of hold', hold_id, lane FROM payments.hold_end WHERE lane <> {_LANE}
            UNION ALL
            SELECT 'Refund', id, lane FROM payments.refund WHERE lane <> {_LANE}
            UNION ALL
            SELECT 'A statement line of transfer', transfer_id, lane FROM payments.entry
            WHERE lane <> {_LANE}
            UNION ALL
            SELECT 'A day of account', account_id, lane FROM payments.account_day
            WHERE lane <> {_LANE}
        ) astray
        """,
    ),
    Check(
        "no transfer twice",
        ("transfer",),
        """
        SELECT format('Transfer %s stands %s times.', id, count(*))
        FROM payments.transfer GROUP BY lane, id HAVING count(*) > 1
        """,
    ),
    Check(
        "statements equal the journal",
        ("transfer", "entry"),
        f"""
        WITH leg AS ({_LEGS})
        SELECT CASE
            WHEN e.transfer_id IS NULL THEN
                format('The statement of account %s lacks transfer %s.', l.account_id, l.id)
            WHEN l.id IS NULL THEN
                format('The statement of account %s has a line of transfer %s that the journal '
                       'does not have.', e.account_id, e.transfer_id)
            ELSE format('The statement of account %s says %s đ of transfer %s, %s; the journal '
                        'says %s đ of transfer %s, %s.', e.account_id, e.amount_vnd, e.transfer_id,
                        e.occurred_at, l.amount_vnd, l.id, l.occurred_at) END
        FROM leg l FULL JOIN (SELECT * FROM payments.entry e WHERE {_in_lanes("e")}) e
            ON e.lane = l.lane AND e.account_id = l.account_id AND e.position = l.position
        WHERE e.transfer_id IS NULL OR l.id IS NULL
           OR (e.amount_vnd, e.transfer_id, e.owner_id, e.occurred_at, e.recorded_at)
              IS DISTINCT FROM (l.amount_vnd, l.id, l.owner_id, l.occurred_at, l.recorded_at)
        """,
    ),
    Check(
        "statements add up",
        ("entry",),
        f"""
        SELECT format('The statement of account %s says %s đ after transfer %s, but %s đ and %s đ '
                      'before.', account_id, balance_vnd, transfer_id, amount_vnd, before_vnd)
        FROM (
            SELECT e.*, COALESCE(lag(e.balance_vnd) OVER (
                PARTITION BY e.lane, e.account_id ORDER BY e.position), 0) AS before_vnd
            FROM payments.entry e WHERE {_in_lanes("e")}
        ) line
        WHERE balance_vnd <> before_vnd + amount_vnd
        """,
    ),
    Check(
        "days equal the journal",
        ("transfer", "account_day"),
        f"""
        WITH leg AS ({_LEGS}), total AS (
            SELECT l.lane, l.account_id, l.owner_id, sum(l.debit_vnd) AS debit_vnd,
                   (l.occurred_at AT TIME ZONE 'UTC' + interval '7 hours')::date AS day,
                   sum(l.credit_vnd) AS credit_vnd, count(*) AS entry_count
            FROM leg l GROUP BY 1, 2, 3, 5
        )
        SELECT format('Account %s has %s debits and credits of %s đ and %s đ on %s, the journal '
                      'has %s of %s đ and %s đ.', COALESCE(d.account_id, l.account_id),
                      COALESCE(d.entry_count, 0), COALESCE(d.debit_vnd, 0),
                      COALESCE(d.credit_vnd, 0), COALESCE(d.day, l.day),
                      COALESCE(l.entry_count, 0), COALESCE(l.debit_vnd, 0),
                      COALESCE(l.credit_vnd, 0))
        FROM total l FULL JOIN (SELECT * FROM payments.account_day d WHERE {_in_lanes("d")}) d
            ON d.lane = l.lane AND d.account_id = l.account_id AND d.day = l.day
        WHERE (d.owner_id, d.debit_vnd, d.credit_vnd, d.entry_count)
              IS DISTINCT FROM (l.owner_id, l.debit_vnd, l.credit_vnd, l.entry_count)
        """,
    ),
    Check(
        "what is held equals the open holds",
        ("account", "hold", "hold_end"),
        f"""
        WITH still AS ({_OPEN_HOLDS}), leg AS (
            SELECT lane, debit_id AS account_id, amount_vnd AS debit_vnd, 0 AS credit_vnd
            FROM still
            UNION ALL SELECT lane, credit_id, 0, amount_vnd FROM still
        ), total AS (
            SELECT lane, account_id, sum(debit_vnd) AS debit_vnd, sum(credit_vnd) AS credit_vnd
            FROM leg GROUP BY 1, 2
        ), held AS (
            SELECT a.id, a.held_in_vnd, a.held_out_vnd,
                   COALESCE(CASE WHEN {_DEBITS} THEN t.debit_vnd ELSE t.credit_vnd END, 0) AS in_vnd,
                   COALESCE(CASE WHEN {_DEBITS} THEN t.credit_vnd ELSE t.debit_vnd END, 0) AS out_vnd
            FROM payments.account a LEFT JOIN total t ON t.lane = a.lane AND t.account_id = a.id
        )
        SELECT format('Account %s holds %s đ back and expects %s đ, its open holds say %s đ and '
                      '%s đ.', id, held_out_vnd, held_in_vnd, out_vnd, in_vnd)
        FROM held WHERE (held_in_vnd, held_out_vnd) <> (in_vnd, out_vnd)
        """,
    ),
    Check(
        "holds ended as they should",
        ("hold", "hold_end"),
        """
        SELECT CASE
            WHEN h.id IS NULL THEN format('The end of hold %s has no hold.', e.hold_id)
            WHEN e.outcome <> 'posted' THEN
                format('Hold %s was %s, but %s đ of it are said to be posted.', h.id, e.outcome,
                       e.amount_vnd)
            WHEN t.id IS NULL THEN
                format('Hold %s was posted by transfer %s, which does not exist.', h.id, e.id)
            ELSE format('Hold %s of %s đ was posted with %s đ, transfer %s says %s đ.', h.id,
                        h.amount_vnd, e.amount_vnd, t.id, t.amount_vnd) END
        FROM payments.hold_end e
        LEFT JOIN payments.hold h ON h.lane = e.lane AND h.id = e.hold_id
            AND h.owner_id = e.owner_id
        LEFT JOIN payments.transfer t ON e.outcome = 'posted' AND t.lane = e.lane AND t.id = e.id
        WHERE h.id IS NULL
           OR e.outcome <> 'posted' AND e.amount_vnd <> 0
           OR e.outcome = 'posted' AND (
                t.id IS NULL OR e.amount_vnd NOT BETWEEN 1 AND h.amount_vnd
                OR (t.amount_vnd, t.kind, t.owner_id, t.debit_id, t.credit_id)
                   <> (e.amount_vnd, h.kind, h.owner_id, h.debit_id, h.credit_id))
        """,
    ),
    Check(
        "no hold outlives its deadline",
        ("hold",),
        f"""
        SELECT format('Hold %s of account %s should have ended %s; no job frees it any more.', id,
                      credit_id, expires_at)
        FROM ({_OPEN_HOLDS}) still
        WHERE expires_at < now() - interval '{HOLD_DAYS_OVERDUE_MAX} days'
        """,
    ),
    Check(
        "refunds have their transfers",
        ("refund",),
        f"""
        SELECT CASE
            WHEN t.id IS NULL THEN format('Refund %s of transfer %s moved nothing.', r.id,
                                          r.original_id)
            WHEN o.id IS NULL THEN format('Refund %s gives back transfer %s, which does not exist.',
                                          r.id, r.original_id)
            ELSE format('Refund %s of transfer %s says %s đ, its transfer %s đ of kind %s, the '
                        'original %s đ.', r.id, r.original_id, r.amount_vnd, t.amount_vnd, t.kind,
                        o.amount_vnd) END
        FROM payments.refund r
        LEFT JOIN payments.transfer t ON t.lane = r.lane AND t.id = r.id
        LEFT JOIN payments.transfer o ON o.lane = r.lane AND o.id = r.original_id
        WHERE t.id IS NULL OR o.id IS NULL OR t.kind NOT IN ({_GIVES_BACK})
           OR (t.amount_vnd, t.owner_id, o.owner_id) <> (r.amount_vnd, r.owner_id, r.owner_id)
           OR t.credit_id <> o.debit_id OR t.subject_id <> o.id
           OR t.kind = {_REVERSAL} AND (t.debit_id, t.amount_vnd) <> (o.credit_id, o.amount_vnd)
        """,
    ),
    Check(
        "what gives back has its refund",
        ("transfer",),
        f"""
        SELECT format('Transfer %s gives back transfer %s, but no refund says so.', t.id, o.id)
        FROM payments.transfer t
        JOIN payments.transfer o ON o.lane = t.lane AND o.id = t.subject_id
        LEFT JOIN payments.refund r ON r.lane = t.lane AND r.id = t.id AND r.original_id = o.id
        WHERE {_in_lanes("t")} AND t.kind IN ({_GIVES_BACK}) AND r.id IS NULL
        """,
    ),
    Check(
        "no more is given back than came",
        ("refund",),
        """
        SELECT format('Transfer %s moved %s đ, but %s đ of it were given back.', o.id, o.amount_vnd,
                      r.amount_vnd)
        FROM (SELECT lane, original_id, sum(amount_vnd) AS amount_vnd
              FROM payments.refund GROUP BY 1, 2) r
        JOIN payments.transfer o ON o.lane = r.lane AND o.id = r.original_id
        WHERE r.amount_vnd > o.amount_vnd
        """,
    ),
    Check(
        "receipts equal their transfers",
        ("transfer", "receipt"),
        f"""
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
    ),
    Check(
        "payments equal their receipts",
        ("payment", "receipt"),
        f"""
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
    ),
    Check(
        "no movement twice",
        ("receipt",),
        """
        SELECT format('%s told %s as %s receipts.', gateway, provider_id, count(*))
        FROM payments.receipt GROUP BY gateway, provider_id
        HAVING count(*) > 1 AND max(business_date) - min(business_date) <= 1
        """,
    ),
    Check(
        "receipts have events",
        ("receipt", "event"),
        """
        SELECT format('Receipt %s has %s events.', r.id, count(e.position))
        FROM payments.receipt r LEFT JOIN payments.event e
            ON e.subject_id = r.id AND e.kind = 'receipt.recorded'
        GROUP BY r.id HAVING count(e.position) <> 1
        """,
    ),
    Check(
        "cash sales have events",
        ("transfer", "event"),
        f"""
        SELECT format('Cash sale %s has %s events.', t.id, count(e.position))
        FROM payments.transfer t LEFT JOIN payments.event e
            ON e.subject_id = t.subject_id AND e.kind = 'receipt.recorded'
        WHERE t.kind = {_CASH} GROUP BY t.id HAVING count(e.position) <> 1
        """,
    ),
)
