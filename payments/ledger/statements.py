"""The writer's SQL. Every statement takes arrays: one for a whole batch, however large.

Order of locks, the same in every writer and in `checkout`: payments by id, then new accounts by
key, then accounts by key. Nobody who holds a later kind waits for an earlier one, so two writers
never wait for each other in a circle.
"""

DURABLE_SETTINGS = """
SELECT name, setting FROM pg_settings
WHERE name IN ('fsync', 'full_page_writes', 'synchronous_commit')
"""

# No lock: receiving accounts are never deleted and never change hands.
PAYEES = """
SELECT id, owner_id, bank_bin, account_no, retired_at IS NOT NULL AS is_retired
FROM payments.payee WHERE account_no = ANY($1::text[])
"""

# No lock: what a code stands for never changes.
CODES = """
SELECT code, owner_id, kind, subject_id, place_id
FROM payments.code WHERE code = ANY($1::text[])
"""

# Locks every payment of the batch, lowest id first.
LOCK_PAYMENTS = """
SELECT id, owner_id, place_id, payee_id, amount_vnd, received_vnd, method, purpose, code, state,
       opened_at, expires_at, ended_at
FROM payments.payment WHERE id = ANY($1::uuid[]) ORDER BY id FOR UPDATE
"""

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

# Waits only for another writer that opens the same account, in key order.
OPEN_ACCOUNTS = """
INSERT INTO payments.account
    (lane, id, owner_id, kind, place, balance_vnd, balance_vnd_min, opened_at)
SELECT x.lane, x.id, x.owner_id, x.kind, x.place, 0, x.balance_vnd_min, now()
FROM unnest($1::smallint[], $2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::bigint[])
    AS x (lane, id, owner_id, kind, place, balance_vnd_min)
ORDER BY x.lane, x.id
ON CONFLICT DO NOTHING
"""

# Locks every account of the batch in key order.
LOCK_ACCOUNTS = """
SELECT a.id, a.owner_id, a.kind, a.balance_vnd, a.balance_vnd_min, a.balance_vnd_max,
       a.closed_at IS NOT NULL AS is_closed
FROM unnest($1::smallint[], $2::uuid[]) AS x (lane, id)
JOIN payments.account a ON a.lane = x.lane AND a.id = x.id
ORDER BY a.lane, a.id FOR UPDATE OF a
"""

# No lock, and rarely asked: does an account exist that its transfer's owner does not have?
ACCOUNTS_ELSEWHERE = "SELECT id FROM payments.account WHERE id = ANY($1::uuid[])"

# No lock: the accounts are locked, so nobody else can be posting these.
SEEN_TRANSFERS = """
SELECT t.id, t.owner_id, t.debit_id, t.credit_id, t.amount_vnd, t.kind, t.occurred_at,
       t.subject_id, t.place_id
FROM unnest($1::smallint[], $2::uuid[]) AS x (lane, id)
JOIN payments.transfer t ON t.lane = x.lane AND t.id = x.id
"""

# No lock. A day around the told one: near midnight two sources may name two days.
SEEN_BY_PROVIDER = """
SELECT r.gateway AS key_1, r.provider_id AS key_2, r.id, r.digest, r.amount_vnd, r.outcome,
       r.payment_id, r.suggested_id, r.stand_id, r.owner_id, r.place_id
FROM unnest($1::date[], $2::text[], $3::text[]) AS x (day, gateway, provider_id)
CROSS JOIN (VALUES (-1), (0), (1)) AS d (days)
JOIN payments.receipt r ON r.business_date = x.day + d.days
    AND r.gateway = x.gateway AND r.provider_id = x.provider_id
"""
SEEN_BY_REFERENCE = """
SELECT r.account_no AS key_1, r.reference AS key_2, r.id, r.digest, r.amount_vnd, r.outcome,
       r.payment_id, r.suggested_id, r.stand_id, r.owner_id, r.place_id
FROM unnest($1::date[], $2::text[], $3::text[]) AS x (day, account_no, reference)
CROSS JOIN (VALUES (-1), (0), (1)) AS d (days)
JOIN payments.receipt r ON r.business_date = x.day + d.days
    AND r.account_no = x.account_no AND r.reference = x.reference
    AND r.reference <> '' AND r.direction = 'in'
"""

INSERT_TRANSFERS = """
INSERT INTO payments.transfer
    (position, lane, kind, amount_vnd, occurred_at, recorded_at, id, owner_id, debit_id, credit_id,
     subject_id, place_id)
SELECT base.position | x.number, lane, kind, amount_vnd, occurred_at, now(), id, owner_id,
       debit_id, credit_id, subject_id, place_id
FROM (SELECT payments.event_base() AS position) base,
     unnest($1::smallint[], $2::smallint[], $3::bigint[], $4::timestamptz[], $5::uuid[],
            $6::uuid[], $7::uuid[], $8::uuid[], $9::uuid[], $10::uuid[]) WITH ORDINALITY
    AS x (lane, kind, amount_vnd, occurred_at, id, owner_id, debit_id, credit_id,
          subject_id, place_id, number)
"""

INSERT_RECEIPTS = """
INSERT INTO payments.receipt
    (business_date, id, owner_id, payee_id, payment_id, suggested_id, stand_id, place_id,
     gateway, provider_id, reference, amount_vnd, direction, outcome, memo, account_no, bank_bin,
     payment_ref, detail, digest, occurred_at, recorded_at)
SELECT * FROM unnest(
    $1::date[], $2::uuid[], $3::uuid[], $4::uuid[], $5::uuid[], $6::uuid[], $7::uuid[],
    $8::uuid[], $9::text[], $10::text[], $11::text[], $12::bigint[], $13::text[], $14::text[],
    $15::text[], $16::text[], $17::text[], $18::text[], $19::text[], $20::bytea[],
    $21::timestamptz[], $22::timestamptz[])
"""

# The rows are locked already.
UPDATE_ACCOUNTS = """
UPDATE payments.account a SET balance_vnd = a.balance_vnd + x.delta_vnd
FROM unnest($1::smallint[], $2::uuid[], $3::bigint[]) AS x (lane, id, delta_vnd)
WHERE a.lane = x.lane AND a.id = x.id
"""

# The rows are locked already.
UPDATE_PAYMENTS = """
UPDATE payments.payment p
SET state = x.state, received_vnd = x.received_vnd, ended_at = x.ended_at
FROM unnest($1::uuid[], $2::text[], $3::bigint[], $4::timestamptz[])
    AS x (id, state, received_vnd, ended_at)
WHERE p.id = x.id
"""

# The writer's transaction appends by this statement alone, so it may count by itself.
INSERT_EVENTS = """
INSERT INTO payments.event (position, kind, owner_id, subject_id, data, at)
SELECT base.position | x.number, x.kind, x.owner_id, x.subject_id, x.data::jsonb, x.at
FROM (SELECT payments.event_base() AS position) base,
     unnest($1::text[], $2::uuid[], $3::uuid[], $4::text[], $5::timestamptz[])
     WITH ORDINALITY AS x (kind, owner_id, subject_id, data, at, number)
"""
NOTIFY = "SELECT pg_notify('payments_event', '')"
