"""partitions holds refunds statements seals"""

from alembic import op

revision = '0002'
down_revision = '0001'
branch_labels = None
depends_on = None


FUNCTIONS = (
    # The smallest UUID of version 7 that an instant can lead.
    """
    CREATE FUNCTION payments.uuid_floor(at timestamptz) RETURNS uuid LANGUAGE sql IMMUTABLE AS
    $$ SELECT (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0')
               || repeat('0', 20))::uuid $$
    """,
    # One month of a table. What lies in the rest already (a phone's clock was ahead) moves over.
    """
    CREATE FUNCTION payments.make_partition(
        parent text, key text, name text, low text, high text
    ) RETURNS integer LANGUAGE plpgsql AS $$
    DECLARE
        is_early boolean;
    BEGIN
        IF to_regclass('payments.' || quote_ident(name)) IS NOT NULL THEN
            RETURN 0;
        END IF;
        EXECUTE format('CREATE TABLE payments.%I (LIKE payments.%I INCLUDING DEFAULTS '
                       'INCLUDING CONSTRAINTS)', name, parent);
        EXECUTE format('SELECT EXISTS (SELECT FROM payments.%I WHERE %I >= %L AND %I < %L)',
                       parent || '_rest', key, low, key, high) INTO is_early;
        IF is_early THEN
            EXECUTE format('ALTER TABLE payments.%I DISABLE TRIGGER refuse_change',
                           parent || '_rest');
            EXECUTE format('WITH moved AS (DELETE FROM payments.%I WHERE %I >= %L AND %I < %L '
                           'RETURNING *) INSERT INTO payments.%I SELECT * FROM moved',
                           parent || '_rest', key, low, key, high, name);
            EXECUTE format('ALTER TABLE payments.%I ENABLE TRIGGER refuse_change',
                           parent || '_rest');
        END IF;
        EXECUTE format('ALTER TABLE payments.%I ATTACH PARTITION payments.%I '
                       'FOR VALUES FROM (%L) TO (%L)', parent, name, low, high);
        PERFORM payments.guard_partition(name);
        RETURN 1;
    END $$
    """,
    # A partition is reached through its table alone: nobody's rights, no view, no change.
    """
    CREATE FUNCTION payments.guard_partition(name text) RETURNS void LANGUAGE plpgsql AS $$
    BEGIN
        EXECUTE format('CREATE TRIGGER refuse_change BEFORE UPDATE OR DELETE OR TRUNCATE '
                       'ON payments.%I FOR EACH STATEMENT EXECUTE FUNCTION payments.refuse_change()',
                       name);
        EXECUTE format('ALTER TABLE payments.%I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('COMMENT ON TABLE payments.%I IS %L', name, 'append-only');
    END $$
    """,
    # Every month from the first day's to the last day's; how many were made.
    """
    CREATE FUNCTION payments.make_partitions(first_day date, last_day date) RETURNS integer
    LANGUAGE plpgsql AS $$
    DECLARE
        month date := date_trunc('month', first_day);
        next date;
        made integer := 0;
    BEGIN
        WHILE month <= last_day LOOP
            next := month + interval '1 month';
            made := made
                + payments.make_partition('transfer', 'id', 'transfer_p' || to_char(month, 'YYYY_MM'),
                      payments.uuid_floor(month::timestamp AT TIME ZONE 'UTC')::text,
                      payments.uuid_floor(next::timestamp AT TIME ZONE 'UTC')::text)
                + payments.make_partition('receipt', 'business_date',
                      'receipt_p' || to_char(month, 'YYYY_MM'), month::text, next::text);
            month := next;
        END LOOP;
        RETURN made;
    END $$
    """,
    # +1 where a debit makes the balance larger.
    """
    CREATE FUNCTION payments.debit_sign(kind text) RETURNS integer LANGUAGE sql IMMUTABLE AS
    $$ SELECT CASE WHEN kind IN ('bank', 'acquirer', 'cash', 'refunds', 'fees') THEN 1 ELSE -1 END $$
    """,
    """
    CREATE FUNCTION payments.lane_of(owner_id uuid) RETURNS smallint LANGUAGE sql IMMUTABLE AS
    $$ SELECT (get_byte(uuid_send(owner_id), 15) % 64)::smallint $$
    """,
    # Whoever changes balances holds the lanes of their owners, lowest first, until the commit.
    """
    CREATE FUNCTION payments.lock_lanes(lanes smallint[]) RETURNS void LANGUAGE plpgsql AS $$
    DECLARE
        lane smallint;
    BEGIN
        FOR lane IN SELECT DISTINCT x FROM unnest(lanes) x ORDER BY x LOOP
            PERFORM pg_advisory_xact_lock(20261123, lane);
        END LOOP;
    END $$
    """,
    # A whole batch of new transfers of open accounts within their limits, whatever their order:
    # in one statement, so in one transaction and one round trip. Anything else and nothing stands:
    # unique_violation where one is known already, PL001 where an account must be looked at.
    """
    CREATE FUNCTION payments.post_transfers(
        lanes smallint[],
        lane smallint[], kind smallint[], amount_vnd bigint[], occurred_at timestamptz[],
        id uuid[], owner_id uuid[], debit_id uuid[], credit_id uuid[], subject_id uuid[],
        place_id uuid[],
        account_lane smallint[], account_id uuid[], account_owner_id uuid[],
        account_debit_vnd bigint[], account_credit_vnd bigint[],
        event_kind text[], event_owner_id uuid[], event_subject_id uuid[], event_data text[],
        event_at timestamptz[]
    ) RETURNS bigint LANGUAGE plpgsql AS $$
    #variable_conflict use_column
    DECLARE
        base bigint;
        found_count bigint;
        today date := (now() AT TIME ZONE 'Asia/Ho_Chi_Minh')::date;
    BEGIN
        PERFORM payments.lock_lanes(lanes);
        base := payments.event_base();
        INSERT INTO payments.transfer
            (position, amount_vnd, occurred_at, recorded_at, lane, kind, id, owner_id, debit_id,
             credit_id, subject_id, place_id)
        SELECT base | x.number, x.amount_vnd, x.occurred_at, now(), x.lane, x.kind, x.id,
               x.owner_id, x.debit_id, x.credit_id, x.subject_id, x.place_id
        FROM unnest($2, $3, $4, $5, $6, $7, $8, $9, $10, $11) WITH ORDINALITY
            AS x (lane, kind, amount_vnd, occurred_at, id, owner_id, debit_id, credit_id,
                  subject_id, place_id, number);
        UPDATE payments.account a
        SET balance_vnd = a.balance_vnd + x.debit_vnd * payments.debit_sign(a.kind)
                - x.credit_vnd * payments.debit_sign(a.kind),
            out_vnd = CASE WHEN a.out_vnd_max IS NULL THEN a.out_vnd ELSE
                CASE WHEN a.out_on = today THEN a.out_vnd ELSE 0 END
                + CASE WHEN payments.debit_sign(a.kind) = 1 THEN x.credit_vnd ELSE x.debit_vnd END
                END,
            out_on = CASE WHEN a.out_vnd_max IS NULL THEN a.out_on ELSE today END
        FROM unnest($12, $13, $14, $15, $16) AS x (lane, id, owner_id, debit_vnd, credit_vnd)
        WHERE a.lane = x.lane AND a.id = x.id AND a.owner_id = x.owner_id
          AND a.closed_at IS NULL AND a.frozen_at IS NULL
          AND (a.balance_vnd_min IS NULL OR a.balance_vnd - a.held_out_vnd
               - CASE WHEN payments.debit_sign(a.kind) = 1 THEN x.credit_vnd ELSE x.debit_vnd END
               >= a.balance_vnd_min)
          AND (a.balance_vnd_max IS NULL OR a.balance_vnd + a.held_in_vnd
               + CASE WHEN payments.debit_sign(a.kind) = 1 THEN x.debit_vnd ELSE x.credit_vnd END
               <= a.balance_vnd_max)
          AND (a.out_vnd_max IS NULL OR
               CASE WHEN a.out_on = today THEN a.out_vnd ELSE 0 END
               + CASE WHEN payments.debit_sign(a.kind) = 1 THEN x.credit_vnd ELSE x.debit_vnd END
               <= a.out_vnd_max);
        GET DIAGNOSTICS found_count = ROW_COUNT;
        IF found_count <> cardinality(account_id) THEN
            RAISE EXCEPTION 'an account must be looked at' USING ERRCODE = 'PL001';
        END IF;
        IF cardinality(event_kind) > 0 THEN
            INSERT INTO payments.event (position, kind, owner_id, subject_id, data, at)
            SELECT base | x.number, x.kind, x.owner_id, x.subject_id, x.data::jsonb, x.at
            FROM unnest($17, $18, $19, $20, $21) WITH ORDINALITY
                AS x (kind, owner_id, subject_id, data, at, number);
            PERFORM pg_notify('payments_event', '');
        END IF;
        RETURN base;
    END $$
    """,
    # What a judged batch does to its accounts; PL001 where one of them is not there.
    """
    CREATE FUNCTION payments.move_balances(
        account_lane smallint[], account_id uuid[], debit_vnd bigint[], credit_vnd bigint[],
        held_debit_vnd bigint[], held_credit_vnd bigint[]
    ) RETURNS void LANGUAGE plpgsql AS $$
    #variable_conflict use_column
    DECLARE
        found_count bigint;
        today date := (now() AT TIME ZONE 'Asia/Ho_Chi_Minh')::date;
    BEGIN
        UPDATE payments.account a SET
            balance_vnd = a.balance_vnd + x.debit_vnd * payments.debit_sign(a.kind)
                - x.credit_vnd * payments.debit_sign(a.kind),
            held_in_vnd = a.held_in_vnd + CASE WHEN payments.debit_sign(a.kind) = 1
                THEN x.held_debit_vnd ELSE x.held_credit_vnd END,
            held_out_vnd = a.held_out_vnd + CASE WHEN payments.debit_sign(a.kind) = 1
                THEN x.held_credit_vnd ELSE x.held_debit_vnd END,
            out_vnd = CASE WHEN a.out_vnd_max IS NULL THEN a.out_vnd ELSE
                CASE WHEN a.out_on = today THEN a.out_vnd ELSE 0 END
                + CASE WHEN payments.debit_sign(a.kind) = 1 THEN x.credit_vnd ELSE x.debit_vnd END
                END,
            out_on = CASE WHEN a.out_vnd_max IS NULL THEN a.out_on ELSE today END
        FROM unnest($1, $2, $3, $4, $5, $6)
            AS x (lane, id, debit_vnd, credit_vnd, held_debit_vnd, held_credit_vnd)
        WHERE a.lane = x.lane AND a.id = x.id;
        GET DIAGNOSTICS found_count = ROW_COUNT;
        IF found_count <> cardinality(account_id) THEN
            RAISE EXCEPTION 'an account must be looked at' USING ERRCODE = 'PL001';
        END IF;
    END $$
    """,
    # Holds past their deadline give back what they set aside; how many.
    """
    CREATE FUNCTION payments.expire_holds(at timestamptz, count_max integer) RETURNS integer
    LANGUAGE plpgsql AS $$
    DECLARE
        due_count integer;
        lanes smallint[] := ARRAY(SELECT DISTINCT d.lane FROM payments.due_holds(at, count_max) d);
    BEGIN
        PERFORM payments.lock_lanes(lanes);
        -- Read again, for some may have ended meanwhile; others may have come, of lanes not ours.
        WITH due AS (
            SELECT * FROM payments.due_holds(at, count_max) d WHERE d.lane = ANY (lanes)
        ),
        ended AS (
            INSERT INTO payments.hold_end
                (lane, hold_id, id, owner_id, outcome, amount_vnd, recorded_at)
            SELECT lane, id, id, owner_id, 'expired', 0, now() FROM due
            ON CONFLICT DO NOTHING RETURNING lane, hold_id
        ), freed AS (
            SELECT lane, debit_id AS id, amount_vnd AS debit_vnd, 0 AS credit_vnd
            FROM due WHERE (lane, id) IN (SELECT lane, hold_id FROM ended)
            UNION ALL
            SELECT lane, credit_id, 0, amount_vnd
            FROM due WHERE (lane, id) IN (SELECT lane, hold_id FROM ended)
        ), summed AS (
            SELECT lane, id, sum(debit_vnd)::bigint AS debit_vnd,
                   sum(credit_vnd)::bigint AS credit_vnd
            FROM freed GROUP BY lane, id
        ), moved AS (
            UPDATE payments.account a
            SET held_in_vnd = a.held_in_vnd
                    - CASE WHEN payments.debit_sign(a.kind) = 1 THEN s.debit_vnd ELSE s.credit_vnd END,
                held_out_vnd = a.held_out_vnd
                    - CASE WHEN payments.debit_sign(a.kind) = 1 THEN s.credit_vnd ELSE s.debit_vnd END
            FROM summed s WHERE a.lane = s.lane AND a.id = s.id
        )
        SELECT count(*) INTO due_count FROM ended;
        RETURN due_count;
    END $$
    """,
)
# A hold is only taken with its deadline ahead, so a month back reaches all that a job may have missed
# without reading all that ever was; `audit` names an older one.
DUE_HOLDS = """
    CREATE FUNCTION payments.due_holds(at timestamptz, count_max integer)
    RETURNS SETOF payments.hold LANGUAGE sql STABLE AS $$
        SELECT h.* FROM payments.hold h
        WHERE h.expires_at <= at AND h.expires_at > at - interval '31 days'
          AND NOT EXISTS (SELECT FROM payments.hold_end e
                          WHERE e.lane = h.lane AND e.hold_id = h.id)
        ORDER BY h.expires_at LIMIT count_max
    $$
"""

TABLES = """
ALTER TABLE payments.account
    ADD COLUMN held_out_vnd bigint NOT NULL DEFAULT 0,
    ADD COLUMN held_in_vnd bigint NOT NULL DEFAULT 0,
    ADD COLUMN out_vnd_max bigint,
    ADD COLUMN out_vnd bigint NOT NULL DEFAULT 0,
    ADD COLUMN out_on date,
    ADD COLUMN frozen_at timestamptz,
    ADD CONSTRAINT ck_account_held CHECK (held_out_vnd >= 0 AND held_in_vnd >= 0);

ALTER TABLE payments.transfer RENAME TO transfer_old;
ALTER TABLE payments.transfer_old RENAME CONSTRAINT pk_transfer TO pk_transfer_old;
ALTER INDEX payments.ix_transfer_occurred_at RENAME TO ix_transfer_old_occurred_at;
CREATE TABLE payments.transfer (
    position bigint NOT NULL,
    amount_vnd bigint NOT NULL,
    occurred_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    lane smallint NOT NULL,
    kind smallint NOT NULL,
    id uuid NOT NULL,
    owner_id uuid NOT NULL,
    debit_id uuid NOT NULL,
    credit_id uuid NOT NULL,
    subject_id uuid NOT NULL,
    place_id uuid NOT NULL,
    CONSTRAINT ck_transfer_amount_vnd CHECK (amount_vnd > 0),
    CONSTRAINT ck_transfer_legs CHECK (debit_id <> credit_id),
    CONSTRAINT pk_transfer PRIMARY KEY (lane, id)
) PARTITION BY RANGE (id);
CREATE INDEX ix_transfer_position ON payments.transfer USING brin (position)
    WITH (autosummarize = on);
CREATE INDEX ix_transfer_occurred_at ON payments.transfer USING brin (occurred_at);
CREATE TABLE payments.transfer_rest PARTITION OF payments.transfer DEFAULT;

ALTER TABLE payments.receipt RENAME TO receipt_old;
ALTER TABLE payments.receipt_old RENAME CONSTRAINT pk_receipt TO pk_receipt_old;
ALTER TABLE payments.receipt_old
    RENAME CONSTRAINT uq_receipt_business_date_gateway_provider_id TO uq_receipt_old;
ALTER INDEX payments.uq_receipt_reference RENAME TO uq_receipt_old_reference;
ALTER INDEX payments.ix_receipt_owner_id_occurred_at RENAME TO ix_receipt_old_owner;
ALTER INDEX payments.ix_receipt_payment_id RENAME TO ix_receipt_old_payment_id;
CREATE TABLE payments.receipt (LIKE payments.receipt_old INCLUDING DEFAULTS INCLUDING CONSTRAINTS)
    PARTITION BY RANGE (business_date);
ALTER TABLE payments.receipt ADD CONSTRAINT pk_receipt PRIMARY KEY (business_date, id);
ALTER TABLE payments.receipt ADD CONSTRAINT uq_receipt_business_date_gateway_provider_id
    UNIQUE (business_date, gateway, provider_id);
CREATE UNIQUE INDEX uq_receipt_reference ON payments.receipt (business_date, account_no, reference)
    WHERE reference <> '' AND account_no <> '' AND direction = 'in';
CREATE INDEX ix_receipt_owner_id_occurred_at ON payments.receipt (owner_id, occurred_at);
CREATE INDEX ix_receipt_payment_id ON payments.receipt (payment_id) WHERE payment_id IS NOT NULL;
CREATE TABLE payments.receipt_rest PARTITION OF payments.receipt DEFAULT;

CREATE TABLE payments.hold (
    lane smallint NOT NULL,
    id uuid NOT NULL,
    kind smallint NOT NULL,
    amount_vnd bigint NOT NULL,
    occurred_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    owner_id uuid NOT NULL,
    debit_id uuid NOT NULL,
    credit_id uuid NOT NULL,
    subject_id uuid NOT NULL,
    place_id uuid NOT NULL,
    CONSTRAINT ck_hold_amount_vnd CHECK (amount_vnd > 0),
    CONSTRAINT ck_hold_legs CHECK (debit_id <> credit_id),
    CONSTRAINT pk_hold PRIMARY KEY (lane, id)
);
CREATE INDEX ix_hold_expires_at ON payments.hold (expires_at);
CREATE TABLE payments.hold_end (
    lane smallint NOT NULL,
    hold_id uuid NOT NULL,
    id uuid NOT NULL,
    owner_id uuid NOT NULL,
    outcome text NOT NULL,
    amount_vnd bigint NOT NULL,
    recorded_at timestamptz NOT NULL,
    CONSTRAINT ck_hold_end_outcome CHECK (outcome IN ('posted', 'voided', 'expired')),
    CONSTRAINT pk_hold_end PRIMARY KEY (lane, hold_id)
);
CREATE UNIQUE INDEX uq_hold_end_order ON payments.hold_end (lane, id) WHERE outcome <> 'expired';
CREATE TABLE payments.refund (
    lane smallint NOT NULL,
    id uuid NOT NULL,
    original_id uuid NOT NULL,
    owner_id uuid NOT NULL,
    amount_vnd bigint NOT NULL,
    CONSTRAINT ck_refund_amount_vnd CHECK (amount_vnd > 0),
    CONSTRAINT pk_refund PRIMARY KEY (lane, id)
);
CREATE INDEX ix_refund_original_id ON payments.refund (lane, original_id);

CREATE TABLE payments.entry (
    lane smallint NOT NULL,
    account_id uuid NOT NULL,
    position bigint NOT NULL,
    amount_vnd bigint NOT NULL,
    balance_vnd bigint NOT NULL,
    occurred_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    transfer_id uuid NOT NULL,
    owner_id uuid NOT NULL,
    CONSTRAINT pk_entry PRIMARY KEY (lane, account_id, position)
);
CREATE INDEX ix_entry_occurred_at ON payments.entry (lane, account_id, occurred_at);
CREATE TABLE payments.account_day (
    lane smallint NOT NULL,
    account_id uuid NOT NULL,
    day date NOT NULL,
    owner_id uuid NOT NULL,
    debit_vnd bigint NOT NULL,
    credit_vnd bigint NOT NULL,
    entry_count bigint NOT NULL,
    CONSTRAINT pk_account_day PRIMARY KEY (lane, account_id, day)
);
CREATE TABLE payments.watermark (
    name text NOT NULL,
    position bigint NOT NULL,
    moved_at timestamptz NOT NULL,
    CONSTRAINT pk_watermark PRIMARY KEY (name)
);
CREATE TABLE payments.record_day (
    day date NOT NULL,
    position_first bigint NOT NULL,
    position_last bigint NOT NULL,
    CONSTRAINT pk_record_day PRIMARY KEY (day)
);
CREATE TABLE payments.seal (
    lane smallint NOT NULL,
    number bigint NOT NULL,
    position_first bigint NOT NULL,
    position_last bigint NOT NULL,
    row_count bigint NOT NULL,
    amount_vnd bigint NOT NULL,
    ids bytea NOT NULL,
    leaves bytea NOT NULL,
    previous bytea NOT NULL,
    hash bytea NOT NULL,
    sealed_at timestamptz NOT NULL,
    CONSTRAINT ck_seal_row_count CHECK (row_count > 0),
    CONSTRAINT ck_seal_hash CHECK (length(previous) = 32 AND length(hash) = 32),
    CONSTRAINT pk_seal PRIMARY KEY (lane, number)
);
ALTER TABLE payments.seal ALTER ids SET STORAGE EXTERNAL, ALTER leaves SET STORAGE EXTERNAL
"""
# Nobody else may be writing meanwhile; months are made from the oldest row's on.
COPY = """
SELECT payments.make_partitions(
    LEAST((now() - interval '2 months')::date, (
        SELECT CASE WHEN count(*) > 0 THEN GREATEST(min(occurred_at)::date, '2025-01-01') END
        FROM payments.transfer_old)),
    (now() + interval '3 months')::date);
INSERT INTO payments.transfer
    (position, amount_vnd, occurred_at, recorded_at, lane, kind, id, owner_id, debit_id, credit_id,
     subject_id, place_id)
SELECT row_number() OVER (ORDER BY recorded_at, id), amount_vnd, occurred_at, recorded_at, lane, kind, id,
       owner_id, debit_id, credit_id, subject_id, place_id
FROM payments.transfer_old;
INSERT INTO payments.receipt SELECT * FROM payments.receipt_old;
DROP TABLE payments.transfer_old;
DROP TABLE payments.receipt_old
"""
APPEND_ONLY = ("transfer", "receipt", "hold", "hold_end", "refund", "entry", "seal")
OWNED = ("transfer", "receipt", "hold", "hold_end", "refund", "entry", "account_day")


def upgrade() -> None:
    for statement in TABLES.split(";\n"):
        op.execute(statement)
    for function in (*FUNCTIONS[:-1], DUE_HOLDS, FUNCTIONS[-1]):
        op.execute(function)
    for partition in ("transfer_rest", "receipt_rest"):
        op.execute(f"SELECT payments.guard_partition('{partition}')")
    for statement in COPY.split(";\n"):
        op.execute(statement)
    for table in APPEND_ONLY:
        op.execute(
            f"CREATE TRIGGER refuse_change BEFORE UPDATE OR DELETE OR TRUNCATE ON payments.{table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION payments.refuse_change()"
        )
        op.execute(f"COMMENT ON TABLE payments.{table} IS 'append-only'")
    for table in OWNED:
        op.execute(f"ALTER TABLE payments.{table} ENABLE ROW LEVEL SECURITY")
        op.execute(
            f"CREATE POLICY owner ON payments.{table} USING (owner_id = ANY "
            "(NULLIF(current_setting('app.owner_ids', true), '')::uuid[]))"
        )
    # Seals name everybody's transfers: no policy, so nobody's view.
    op.execute("ALTER TABLE payments.seal ENABLE ROW LEVEL SECURITY")


def downgrade() -> None:
    raise NotImplementedError("the journal is never taken apart again: restore a backup instead")
