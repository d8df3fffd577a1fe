"""ledger payments receipts events"""

import sqlalchemy as sa
import sqlmodel
from alembic import op
from sqlalchemy.dialects import postgresql

revision = '0001'
down_revision = None
branch_labels = None
depends_on = None


FUNCTIONS = (
    # Transaction number and number within the transaction: see payments/events.py for the order.
    """
    CREATE FUNCTION payments.event_base() RETURNS bigint LANGUAGE sql VOLATILE AS
    $$ SELECT (ahead + pg_current_xact_id()::text::bigint) << 20 FROM payments.event_epoch $$
    """,
    """
    CREATE FUNCTION payments.event_horizon() RETURNS bigint LANGUAGE sql STABLE AS
    $$ SELECT (ahead + pg_snapshot_xmin(pg_current_snapshot())::text::bigint) << 20
       FROM payments.event_epoch $$
    """,
    """
    CREATE FUNCTION payments.event_position() RETURNS bigint LANGUAGE plpgsql VOLATILE AS $$
    DECLARE
        number bigint :=
            COALESCE(NULLIF(current_setting('payments.event_number', true), ''), '0')::bigint + 1;
    BEGIN
        IF number >= 1 << 20 THEN
            RAISE EXCEPTION 'more than % events in one transaction', (1 << 20) - 1;
        END IF;
        PERFORM set_config('payments.event_number', number::text, true);
        RETURN payments.event_base() | number;
    END $$
    """,
    """
    CREATE FUNCTION payments.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION '%.% is append-only: % refused', TG_TABLE_SCHEMA, TG_TABLE_NAME, TG_OP
            USING ERRCODE = 'restrict_violation';
    END $$
    """,
)
APPEND_ONLY = ("transfer", "receipt", "event", "notice")
OWNED = ("account", "transfer", "payment", "code", "payee", "receipt", "event")


def upgrade() -> None:
    _tables()
    for function in FUNCTIONS:
        op.execute(function)
    op.alter_column("event", "position", schema="payments",
                    server_default=sa.text("payments.event_position()"))
    op.execute("INSERT INTO payments.event_epoch (id, ahead) VALUES (1, 0)")
    for table in APPEND_ONLY:
        op.execute(
            f"CREATE TRIGGER refuse_change BEFORE UPDATE OR DELETE OR TRUNCATE ON payments.{table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION payments.refuse_change()"
        )
    for table in OWNED:
        op.execute(f"ALTER TABLE payments.{table} ENABLE ROW LEVEL SECURITY")
        op.execute(
            f"CREATE POLICY owner ON payments.{table} USING (owner_id = ANY "
            "(NULLIF(current_setting('app.owner_ids', true), '')::uuid[]))"
        )
    # Raw notices belong to no vendor and hold other people's names: no policy, so nobody's view.
    op.execute("ALTER TABLE payments.notice ENABLE ROW LEVEL SECURITY")


def _tables() -> None:
    op.create_table('account',
    sa.Column('lane', sa.SmallInteger(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('owner_id', sa.Uuid(), nullable=False),
    sa.Column('kind', sa.Text(), nullable=False),
    sa.Column('place', sa.Text(), nullable=False),
    sa.Column('balance_vnd', sa.BigInteger(), nullable=False),
    sa.Column('balance_vnd_min', sa.BigInteger(), nullable=True),
    sa.Column('balance_vnd_max', sa.BigInteger(), nullable=True),
    sa.Column('opened_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('closed_at', sa.DateTime(timezone=True), nullable=True),
    sa.CheckConstraint("kind IN ('bank', 'acquirer', 'cash', 'sales', 'refunds', 'fees', 'charges', 'suspense')", name=op.f('ck_account_kind')),
    sa.CheckConstraint('balance_vnd >= balance_vnd_min', name=op.f('ck_account_balance_vnd_min')),
    sa.CheckConstraint('lane BETWEEN 0 AND 63', name=op.f('ck_account_lane')),
    sa.PrimaryKeyConstraint('lane', 'id', name=op.f('pk_account')),
    schema='payments',
    postgresql_with={'fillfactor': '50'}
    )
    op.create_index('ix_account_id', 'account', ['id'], unique=False, schema='payments')
    op.create_index('ix_account_owner_id', 'account', ['owner_id'], unique=False, schema='payments')
    op.create_table('code',
    sa.Column('code', sa.Text(), nullable=False),
    sa.Column('owner_id', sa.Uuid(), nullable=False),
    sa.Column('kind', sa.Text(), nullable=False),
    sa.Column('subject_id', sa.Uuid(), nullable=False),
    sa.Column('place_id', sa.Uuid(), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint("kind IN ('payment', 'stand')", name=op.f('ck_code_kind')),
    sa.PrimaryKeyConstraint('code', 'owner_id', name=op.f('pk_code')),
    sa.UniqueConstraint('subject_id', name=op.f('uq_code_subject_id')),
    schema='payments'
    )
    op.create_table('event',
    sa.Column('position', sa.BigInteger(), nullable=False),
    sa.Column('kind', sa.Text(), nullable=False),
    sa.Column('owner_id', sa.Uuid(), nullable=True),
    sa.Column('subject_id', sa.Uuid(), nullable=False),
    sa.Column('data', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('position', name=op.f('pk_event')),
    schema='payments',
    comment='append-only'
    )
    op.create_table('event_epoch',
    sa.Column('id', sa.SmallInteger(), nullable=False),
    sa.Column('ahead', sa.BigInteger(), nullable=False),
    sa.CheckConstraint('id = 1', name=op.f('ck_event_epoch_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_event_epoch')),
    schema='payments',
    comment='append-only'
    )
    op.create_table('notice',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('gateway', sa.Text(), nullable=False),
    sa.Column('headers', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('body', sa.LargeBinary(), nullable=False),
    sa.Column('verdict', sa.Text(), nullable=False),
    sa.Column('reason', sa.Text(), nullable=False),
    sa.Column('received_at', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint("verdict IN ('verified', 'forged', 'malformed')", name=op.f('ck_notice_verdict')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_notice')),
    schema='payments',
    comment='append-only'
    )
    op.create_index('ix_notice_received_at', 'notice', ['received_at'], unique=False, schema='payments')
    op.create_table('payee',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('owner_id', sa.Uuid(), nullable=False),
    sa.Column('bank_bin', sa.Text(), nullable=False),
    sa.Column('account_no', sa.Text(), nullable=False),
    sa.Column('registered_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('retired_at', sa.DateTime(timezone=True), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_payee')),
    schema='payments'
    )
    op.create_index('ix_payee_account_no', 'payee', ['account_no'], unique=False, schema='payments')
    op.create_index(op.f('ix_payee_owner_id'), 'payee', ['owner_id'], unique=False, schema='payments')
    op.create_index('uq_payee_in_use', 'payee', ['bank_bin', 'account_no'], unique=True, schema='payments', postgresql_where=sa.text('retired_at IS NULL'))
    op.create_table('receipt',
    sa.Column('business_date', sa.Date(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('owner_id', sa.Uuid(), nullable=True),
    sa.Column('payee_id', sa.Uuid(), nullable=True),
    sa.Column('payment_id', sa.Uuid(), nullable=True),
    sa.Column('suggested_id', sa.Uuid(), nullable=True),
    sa.Column('stand_id', sa.Uuid(), nullable=True),
    sa.Column('place_id', sa.Uuid(), nullable=True),
    sa.Column('gateway', sa.Text(), nullable=False),
    sa.Column('provider_id', sa.Text(), nullable=False),
    sa.Column('reference', sa.Text(), nullable=False),
    sa.Column('amount_vnd', sa.BigInteger(), nullable=False),
    sa.Column('direction', sa.Text(), nullable=False),
    sa.Column('outcome', sa.Text(), nullable=False),
    sa.Column('memo', sa.Text(), nullable=False),
    sa.Column('account_no', sa.Text(), nullable=False),
    sa.Column('bank_bin', sa.Text(), nullable=False),
    sa.Column('payment_ref', sa.Text(), nullable=False),
    sa.Column('detail', sa.Text(), nullable=False),
    sa.Column('digest', sa.LargeBinary(), nullable=False),
    sa.Column('occurred_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('recorded_at', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint("direction IN ('in', 'out')", name=op.f('ck_receipt_direction')),
    sa.CheckConstraint('amount_vnd > 0', name=op.f('ck_receipt_amount_vnd')),
    sa.PrimaryKeyConstraint('business_date', 'id', name=op.f('pk_receipt')),
    sa.UniqueConstraint('business_date', 'gateway', 'provider_id', name=op.f('uq_receipt_business_date_gateway_provider_id')),
    schema='payments',
    comment='append-only'
    )
    op.create_index('ix_receipt_owner_id_occurred_at', 'receipt', ['owner_id', 'occurred_at'], unique=False, schema='payments')
    op.create_index('ix_receipt_payment_id', 'receipt', ['payment_id'], unique=False, schema='payments', postgresql_where=sa.text('payment_id IS NOT NULL'))
    op.create_index('uq_receipt_reference', 'receipt', ['business_date', 'account_no', 'reference'], unique=True, schema='payments', postgresql_where=sa.text("reference <> '' AND account_no <> '' AND direction = 'in'"))
    op.create_table('transfer',
    sa.Column('lane', sa.SmallInteger(), nullable=False),
    sa.Column('kind', sa.SmallInteger(), nullable=False),
    sa.Column('amount_vnd', sa.BigInteger(), nullable=False),
    sa.Column('occurred_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('recorded_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('owner_id', sa.Uuid(), nullable=False),
    sa.Column('debit_id', sa.Uuid(), nullable=False),
    sa.Column('credit_id', sa.Uuid(), nullable=False),
    sa.Column('subject_id', sa.Uuid(), nullable=False),
    sa.Column('place_id', sa.Uuid(), nullable=False),
    sa.Column('digest', sa.LargeBinary(), nullable=False),
    sa.CheckConstraint('amount_vnd > 0', name=op.f('ck_transfer_amount_vnd')),
    sa.CheckConstraint('debit_id <> credit_id', name=op.f('ck_transfer_legs')),
    sa.PrimaryKeyConstraint('lane', 'id', name=op.f('pk_transfer')),
    schema='payments',
    comment='append-only'
    )
    op.create_index('ix_transfer_occurred_at', 'transfer', ['occurred_at'], unique=False, schema='payments', postgresql_using='brin')
    op.create_table('payment',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('owner_id', sa.Uuid(), nullable=False),
    sa.Column('place_id', sa.Uuid(), nullable=True),
    sa.Column('payee_id', sa.Uuid(), nullable=True),
    sa.Column('amount_vnd', sa.BigInteger(), nullable=False),
    sa.Column('received_vnd', sa.BigInteger(), nullable=False),
    sa.Column('method', sa.Text(), nullable=False),
    sa.Column('purpose', sa.Text(), nullable=False),
    sa.Column('code', sa.Text(), nullable=False),
    sa.Column('state', sa.Text(), nullable=False),
    sa.Column('opened_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('expires_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('ended_at', sa.DateTime(timezone=True), nullable=True),
    sa.CheckConstraint("(state = 'settled') = (received_vnd >= amount_vnd)", name=op.f('ck_payment_settled')),
    sa.CheckConstraint("(state IN ('open', 'partial')) = (ended_at IS NULL)", name=op.f('ck_payment_ended_at')),
    sa.CheckConstraint("method IN ('vietqr', 'vnpay', 'stripe')", name=op.f('ck_payment_method')),
    sa.CheckConstraint("purpose IN ('sale', 'test', 'charge')", name=op.f('ck_payment_purpose')),
    sa.CheckConstraint("state IN ('open', 'partial', 'settled', 'expired', 'cancelled')", name=op.f('ck_payment_state')),
    sa.CheckConstraint('amount_vnd BETWEEN 1 AND 499999999', name=op.f('ck_payment_amount_vnd')),
    sa.CheckConstraint('received_vnd >= 0', name=op.f('ck_payment_received_vnd')),
    sa.ForeignKeyConstraint(['payee_id'], ['payments.payee.id'], name=op.f('fk_payment_payee_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_payment')),
    schema='payments',
    postgresql_with={'fillfactor': '70'}
    )
    op.create_index('ix_payment_waiting_expires_at', 'payment', ['expires_at'], unique=False, schema='payments', postgresql_where=sa.text("state IN ('open', 'partial')"))
    op.create_index('ix_payment_waiting_owner_id', 'payment', ['owner_id'], unique=False, schema='payments', postgresql_where=sa.text("state IN ('open', 'partial')"))


def downgrade() -> None:
    op.drop_index('ix_payment_waiting_owner_id', table_name='payment', schema='payments', postgresql_where=sa.text("state IN ('open', 'partial')"))
    op.drop_index('ix_payment_waiting_expires_at', table_name='payment', schema='payments', postgresql_where=sa.text("state IN ('open', 'partial')"))
    op.drop_table('payment', schema='payments')
    op.drop_index('ix_transfer_occurred_at', table_name='transfer', schema='payments', postgresql_using='brin')
    op.drop_table('transfer', schema='payments')
    op.drop_index('uq_receipt_reference', table_name='receipt', schema='payments', postgresql_where=sa.text("reference <> '' AND account_no <> '' AND direction = 'in'"))
    op.drop_index('ix_receipt_payment_id', table_name='receipt', schema='payments', postgresql_where=sa.text('payment_id IS NOT NULL'))
    op.drop_index('ix_receipt_owner_id_occurred_at', table_name='receipt', schema='payments')
    op.drop_table('receipt', schema='payments')
    op.drop_index('uq_payee_in_use', table_name='payee', schema='payments', postgresql_where=sa.text('retired_at IS NULL'))
    op.drop_index(op.f('ix_payee_owner_id'), table_name='payee', schema='payments')
    op.drop_index('ix_payee_account_no', table_name='payee', schema='payments')
    op.drop_table('payee', schema='payments')
    op.drop_index('ix_notice_received_at', table_name='notice', schema='payments')
    op.drop_table('notice', schema='payments')
    op.drop_table('event_epoch', schema='payments')
    op.drop_table('event', schema='payments')
    op.drop_table('code', schema='payments')
    op.drop_index('ix_account_owner_id', table_name='account', schema='payments')
    op.drop_index('ix_account_id', table_name='account', schema='payments')
    op.drop_table('account', schema='payments')
    for function in ("event_position", "event_base", "event_horizon", "refuse_change"):
        op.execute(f"DROP FUNCTION payments.{function}()")
