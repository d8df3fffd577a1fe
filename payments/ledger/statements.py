"""The writer's SQL. Every statement takes arrays: one for a whole batch, however large.

Order of locks, the same in every writer: lanes from the lowest, then payments by id. Whoever changes
a balance holds its owner's lane until the commit, and is numbered by the server only after that;
`checkout`, which holds payments, never waits for a lane. So nobody waits for another in a circle.
"""

DURABLE_SETTINGS = """
SELECT name, setting FROM pg_settings
WHERE name IN ('fsync', 'full_page_writes', 'synchronous_commit')
"""

# The fast way, all in one: see the migration that makes the function.
POST_TRANSFERS = """
SELECT payments.post_transfers($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15,
                               $16, $17, $18, $19, $20, $21)
"""

# How many of these transfers stand just so. No lock: what stands never changes.
COUNT_STANDING = """
SELECT count(*) FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
    AS x (lane, kind, amount_vnd, occurred_at, id, owner_id, debit_id, credit_id, subject_id,
          place_id)
JOIN payments.transfer t ON t.lane = x.lane AND t.id = x.id
WHERE t.id BETWEEN $11 AND $12
  AND (t.kind, t.amount_vnd, t.occurred_at, t.owner_id, t.debit_id, t.credit_id, t.subject_id,
       t.place_id)
    = (x.kind, x.amount_vnd, x.occurred_at, x.owner_id, x.debit_id, x.credit_id, x.subject_id,
       x.place_id)
"""

# ── Reading ─────────────────────────────────────────────────────────────────────────────────────

# No lock: receiving accounts are never deleted and never change hands, and what a code stands for
# never changes. Rows of the one kind have nothing in the columns of the other.
PAYEES_AND_CODES = """
SELECT account_no, id, owner_id, bank_bin, retired_at IS NOT NULL, NULL, NULL, NULL::uuid
FROM payments.payee WHERE account_no = ANY($1)
UNION ALL
SELECT NULL, subject_id, owner_id, NULL, NULL, code, kind, place_id
FROM payments.code WHERE code = ANY($2)
"""

# Locks every payment that the batch may be about, lowest id first: those named, and those of its
# codes whose owner receives on one of its bank accounts, or on the acquired road of any owner.
LOCK_PAYMENTS = """
SELECT id, owner_id, place_id, payee_id, amount_vnd, received_vnd, method, purpose, code, state,
       opened_at, expires_at, ended_at
FROM payments.payment WHERE id IN (
    SELECT unnest($1)
    UNION SELECT subject_id FROM payments.code WHERE code = ANY($2) AND kind = 'payment'
    UNION SELECT c.subject_id FROM payments.code c JOIN payments.payee p
        ON p.owner_id = c.owner_id AND p.account_no = ANY($4)
        WHERE c.code = ANY($3) AND c.kind = 'payment'
) ORDER BY id FOR UPDATE
"""

# The lanes named, and those of the owners of bank accounts, payments and codes.
LOCK_LANES = """
SELECT payments.lock_lanes(ARRAY(
    SELECT unnest($1)
    UNION SELECT payments.lane_of(owner_id) FROM payments.payee WHERE account_no = ANY($2)
    UNION SELECT payments.lane_of(owner_id) FROM payments.payment WHERE id = ANY($3)
    UNION SELECT payments.lane_of(owner_id) FROM payments.code WHERE code = ANY($4)
))
"""
NOW = "SELECT now()"

# No lock: only to suggest. The newest of each owner, for somebody waits beside the stall.
WAITING_PAYMENTS = """
SELECT p.id, p.owner_id, p.place_id, p.payee_id, p.amount_vnd, p.received_vnd, p.method, p.purpose,
       p.code, p.state, p.opened_at, p.expires_at, p.ended_at
FROM unnest($1::uuid[]) AS x (owner_id)
CROSS JOIN LATERAL (
    SELECT * FROM payments.payment w
    WHERE w.owner_id = x.owner_id AND w.state IN ('open', 'partial')
    ORDER BY w.opened_at DESC LIMIT 200
) p
"""

# No lock from here on: the lanes are ours.
ACCOUNTS = """
SELECT a.id, a.owner_id, a.kind, a.balance_vnd, a.balance_vnd_min, a.balance_vnd_max,
       a.held_out_vnd, a.held_in_vnd,
       CASE WHEN a.out_on = (now() AT TIME ZONE 'Asia/Ho_Chi_Minh')::date THEN a.out_vnd ELSE 0 END,
       a.out_vnd_max, a.frozen_at IS NOT NULL, a.closed_at IS NOT NULL
FROM unnest($1, $2) AS x (lane, id)
JOIN payments.account a ON a.lane = x.lane AND a.id = x.id
"""

# Rarely asked: does an account exist that its order's owner does not have?
ACCOUNTS_ELSEWHERE = "SELECT id FROM payments.account WHERE id = ANY($1)"

# By the ids of the batch, and of what it gives back. The bounds let the planner leave months out.
TRANSFERS = """
SELECT t.id, t.owner_id, t.debit_id, t.credit_id, t.subject_id, t.place_id, t.amount_vnd,
       t.occurred_at, t.kind
FROM unnest($1, $2) AS x (lane, id)
JOIN payments.transfer t ON t.lane = x.lane AND t.id = x.id
WHERE t.id BETWEEN $3 AND $4
"""

REFUNDED = """
SELECT r.lane, r.original_id, sum(r.amount_vnd)::bigint
FROM unnest($1, $2) AS x (lane, id)
JOIN payments.refund r ON r.lane = x.lane AND r.original_id = x.id
GROUP BY r.lane, r.original_id
"""

HOLDS = """
SELECT h.id, h.owner_id, h.debit_id, h.credit_id, h.subject_id, h.place_id, h.amount_vnd,
       h.occurred_at, h.kind, h.expires_at, e.outcome, e.id, e.amount_vnd
FROM unnest($1, $2) AS x (lane, id)
JOIN payments.hold h ON h.lane = x.lane AND h.id = x.id
LEFT JOIN payments.hold_end e ON e.lane = h.lane AND e.hold_id = h.id
"""

HOLD_ENDS = """
SELECT e.lane, e.id, e.hold_id, e.outcome
FROM unnest($1, $2) AS x (lane, id)
JOIN payments.hold_end e ON e.lane = x.lane AND e.id = x.id AND e.outcome <> 'expired'
"""

# A day around the told one: near midnight two sources may name two days. First those with the same
# id at the same gateway, then those with the same reference on the same account. Each is looked up by
# itself (OFFSET 0), with every condition of the partial index: without statistics of a young month the
# planner would rather walk through the whole day.
SEEN = """
SELECT 1, r.gateway, r.provider_id, r.id, r.digest, r.amount_vnd, r.outcome, r.payment_id,
       r.suggested_id, r.stand_id, r.owner_id, r.place_id
FROM unnest($1, $2, $3) AS x (day, gateway, provider_id)
CROSS JOIN (VALUES (-1), (0), (1)) AS d (days)
CROSS JOIN LATERAL (
    SELECT * FROM payments.receipt p
    WHERE p.business_date = x.day + d.days
      AND p.gateway = x.gateway AND p.provider_id = x.provider_id OFFSET 0
) r
UNION ALL
SELECT 2, r.account_no, r.reference, r.id, r.digest, r.amount_vnd, r.outcome, r.payment_id,
       r.suggested_id, r.stand_id, r.owner_id, r.place_id
FROM unnest($4, $5, $6) AS x (day, account_no, reference)
CROSS JOIN (VALUES (-1), (0), (1)) AS d (days)
CROSS JOIN LATERAL (
    SELECT * FROM payments.receipt p
    WHERE p.business_date = x.day + d.days
      AND p.account_no = x.account_no AND p.reference = x.reference
      AND p.reference <> '' AND p.account_no <> '' AND p.direction = 'in' OFFSET 0
) r
"""

# Credits that another source may have told of when one of the two gives no bank reference: the same
# amount on the same account within two minutes. Those without a reference have an index of their own;
# those with one are asked only for a confirmation without. However much one account takes in these
# minutes, only the newest are looked at.
ALIKE = """
SELECT r.account_no, r.amount_vnd, r.gateway, r.bank_bin, r.reference, r.memo, r.occurred_at,
       r.id, r.digest, r.amount_vnd, r.outcome, r.payment_id, r.suggested_id, r.stand_id,
       r.owner_id, r.place_id
FROM unnest($1, $2, $3, $4, $5, $6) AS x (day, account_no, amount_vnd, gateway, reference, at)
CROSS JOIN LATERAL (
    SELECT * FROM payments.receipt p
    WHERE p.business_date BETWEEN x.day - 1 AND x.day + 1
      AND p.account_no = x.account_no AND p.amount_vnd = x.amount_vnd
      AND p.occurred_at BETWEEN x.at - interval '2 minutes' AND x.at + interval '2 minutes'
      AND p.reference = '' AND p.account_no <> '' AND p.direction = 'in'
    ORDER BY p.occurred_at DESC LIMIT 50
) r
WHERE r.gateway <> x.gateway
UNION ALL
SELECT r.account_no, r.amount_vnd, r.gateway, r.bank_bin, r.reference, r.memo, r.occurred_at,
       r.id, r.digest, r.amount_vnd, r.outcome, r.payment_id, r.suggested_id, r.stand_id,
       r.owner_id, r.place_id
FROM unnest($1, $2, $3, $4, $5, $6) AS x (day, account_no, amount_vnd, gateway, reference, at)
JOIN payments.payee q ON x.reference = '' AND q.account_no = x.account_no
CROSS JOIN LATERAL (
    SELECT * FROM payments.receipt p
    WHERE p.business_date BETWEEN x.day - 1 AND x.day + 1 AND p.owner_id = q.owner_id
      AND p.occurred_at BETWEEN x.at - interval '2 minutes' AND x.at + interval '2 minutes'
    ORDER BY p.occurred_at DESC LIMIT 50
) r
WHERE r.gateway <> x.gateway AND r.account_no = x.account_no AND r.amount_vnd = x.amount_vnd
  AND r.reference <> '' AND r.direction = 'in'
"""

# ── Writing ─────────────────────────────────────────────────────────────────────────────────────

# Waits only for another transaction that opens the same account, in key order.
OPEN_ACCOUNTS = """
INSERT INTO payments.account
    (lane, id, owner_id, kind, place, balance_vnd, balance_vnd_min, opened_at)
SELECT x.lane, x.id, x.owner_id, x.kind, x.place, 0, x.balance_vnd_min, now()
FROM unnest($1, $2, $3, $4, $5, $6) AS x (lane, id, owner_id, kind, place, balance_vnd_min)
ORDER BY x.lane, x.id
ON CONFLICT DO NOTHING
"""

INSERT_TRANSFERS = """
INSERT INTO payments.transfer
    (position, amount_vnd, occurred_at, recorded_at, lane, kind, id, owner_id, debit_id, credit_id,
     subject_id, place_id)
SELECT base.position | x.number, x.amount_vnd, x.occurred_at, now(), x.lane, x.kind, x.id,
       x.owner_id, x.debit_id, x.credit_id, x.subject_id, x.place_id
FROM (SELECT payments.event_base() AS position) base,
     unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) WITH ORDINALITY
     AS x (lane, kind, amount_vnd, occurred_at, id, owner_id, debit_id, credit_id, subject_id,
           place_id, number)
"""

INSERT_HOLDS = """
INSERT INTO payments.hold
    (lane, kind, amount_vnd, occurred_at, recorded_at, expires_at, id, owner_id, debit_id,
     credit_id, subject_id, place_id)
SELECT x.lane, x.kind, x.amount_vnd, x.occurred_at, now(), x.expires_at, x.id, x.owner_id,
       x.debit_id, x.credit_id, x.subject_id, x.place_id
FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
     AS x (lane, kind, amount_vnd, occurred_at, id, owner_id, debit_id, credit_id, subject_id,
           place_id, expires_at)
"""

INSERT_HOLD_ENDS = """
INSERT INTO payments.hold_end (lane, hold_id, id, owner_id, outcome, amount_vnd, recorded_at)
SELECT x.*, now() FROM unnest($1, $2, $3, $4, $5, $6) x
"""

INSERT_REFUNDS = """
INSERT INTO payments.refund (lane, id, original_id, owner_id, amount_vnd)
SELECT * FROM unnest($1, $2, $3, $4, $5)
"""

# A commit of unknown outcome is run again: what stands stays.
KEEP_NOTICES = """
INSERT INTO payments.notice (id, gateway, headers, body, verdict, reason, received_at)
SELECT x.id, x.gateway, x.headers::jsonb, x.body, x.verdict, x.reason, x.received_at
FROM unnest($1, $2, $3, $4, $5, $6, $7)
     AS x (id, gateway, headers, body, verdict, reason, received_at)
ON CONFLICT (id) DO NOTHING
"""

MOVE_BALANCES = "SELECT payments.move_balances($1, $2, $3, $4, $5, $6)"

# Everything about money that came, in one trip. The payments are locked already; the transaction
# appends events by this statement alone, so it may count by itself.
WRITE_MONEY = """
WITH base AS (
    SELECT payments.event_base() AS position
), told AS (
    INSERT INTO payments.receipt
        (business_date, id, owner_id, payee_id, payment_id, suggested_id, stand_id, place_id,
         gateway, provider_id, reference, amount_vnd, direction, outcome, memo, account_no,
         bank_bin, payment_ref, detail, digest, occurred_at, recorded_at)
    SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16,
                         $17, $18, $19, $20, $21, $22)
), paid AS (
    UPDATE payments.payment p
    SET state = x.state, received_vnd = x.received_vnd, ended_at = x.ended_at
    FROM unnest($23, $24, $25, $26) AS x (id, state, received_vnd, ended_at)
    WHERE p.id = x.id
), appended AS (
    INSERT INTO payments.event (position, kind, owner_id, subject_id, data, at)
    SELECT base.position | x.number, x.kind, x.owner_id, x.subject_id, x.data::jsonb, x.at
    FROM base, unnest($27, $28, $29, $30, $31) WITH ORDINALITY
         AS x (kind, owner_id, subject_id, data, at, number)
), posted AS (
    INSERT INTO payments.transfer
        (position, amount_vnd, occurred_at, recorded_at, lane, kind, id, owner_id, debit_id,
         credit_id, subject_id, place_id)
    SELECT base.position | x.number, x.amount_vnd, x.occurred_at, now(), x.lane, x.kind, x.id,
           x.owner_id, x.debit_id, x.credit_id, x.subject_id, x.place_id
    FROM base, unnest($32, $33, $34, $35, $36, $37, $38, $39, $40, $41) WITH ORDINALITY
         AS x (lane, kind, amount_vnd, occurred_at, id, owner_id, debit_id, credit_id, subject_id,
               place_id, number)
), moved AS (
    SELECT payments.move_balances($42, $43, $44, $45, $46, $47)
)
SELECT pg_notify('payments_event', '') FROM moved
"""
