"""settlement sessions and reconciliation"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = '0003'
down_revision = '0002'
branch_labels = None
depends_on = None


APPEND_ONLY = ("settlement_row", "bank_statement", "difference_change")
OWNED = ("settlement_row", "bank_statement", "difference", "difference_change", "payout")


def upgrade() -> None:
    op.create_table('bank_statement',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('digest', sa.LargeBinary(), nullable=False),
    sa.Column('format', sa.Text(), nullable=False),
    sa.Column('account_no', sa.Text(), nullable=False),
    sa.Column('owner_id', sa.Uuid(), nullable=True),
    sa.Column('first_day', sa.Date(), nullable=False),
    sa.Column('last_day', sa.Date(), nullable=False),
    sa.Column('line_count', sa.BigInteger(), nullable=False),
    sa.Column('in_vnd', sa.BigInteger(), nullable=False),
    sa.Column('out_vnd', sa.BigInteger(), nullable=False),
    sa.Column('matched_count', sa.BigInteger(), nullable=False),
    sa.Column('loaded_by', sa.Uuid(), nullable=True),
    sa.Column('loaded_at', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint('first_day <= last_day', name='ck_bank_statement_days'),
    sa.PrimaryKeyConstraint('id', name='pk_bank_statement'),
    sa.UniqueConstraint('digest', name='uq_bank_statement_digest'),
    schema='payments',
    comment='append-only'
    )
    op.create_table('settlement_session',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('acquirer', sa.Text(), nullable=False),
    sa.Column('day', sa.Date(), nullable=False),
    sa.Column('state', sa.Text(), nullable=False),
    sa.Column('digest', sa.LargeBinary(), nullable=False),
    sa.Column('row_count', sa.BigInteger(), nullable=False),
    sa.Column('amount_vnd', sa.BigInteger(), nullable=False),
    sa.Column('fee_vnd', sa.BigInteger(), nullable=False),
    sa.Column('fee_vat_vnd', sa.BigInteger(), nullable=False),
    sa.Column('net_vnd', sa.BigInteger(), nullable=False),
    sa.Column('matched_count', sa.BigInteger(), nullable=False),
    sa.Column('loaded_by', sa.Uuid(), nullable=True),
    sa.Column('loaded_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('first_by', sa.Uuid(), nullable=True),
    sa.Column('first_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('approved_by', sa.Uuid(), nullable=True),
    sa.Column('approved_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('instructed_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('confirmed_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('problem', sa.Text(), nullable=False),
    sa.CheckConstraint("state IN ('loaded', 'checked', 'reconciled', 'approved', 'instructed', 'confirmed', 'withdrawn')", name='ck_settlement_session_state'),
    sa.CheckConstraint("state NOT IN ('approved', 'instructed', 'confirmed') OR (first_by IS NOT NULL AND approved_by IS NOT NULL)", name='ck_settlement_session_approved'),
    sa.CheckConstraint('first_by IS NULL OR approved_by IS NULL OR first_by <> approved_by', name='ck_settlement_session_two_persons'),
    sa.CheckConstraint('net_vnd = amount_vnd - fee_vnd - fee_vat_vnd', name='ck_settlement_session_net_vnd'),
    sa.CheckConstraint('row_count > 0', name='ck_settlement_session_row_count'),
    sa.PrimaryKeyConstraint('id', name='pk_settlement_session'),
    schema='payments'
    )
    op.create_index('uq_settlement_session_day', 'settlement_session', ['acquirer', 'day'], unique=True, schema='payments', postgresql_where=sa.text("state <> 'withdrawn'"))
    op.create_table('staging',
    sa.Column('seq', sa.Integer(), nullable=True),
    sa.Column('settlement_date', sa.Text(), nullable=True),
    sa.Column('tmn_code', sa.Text(), nullable=True),
    sa.Column('txn_ref', sa.Text(), nullable=True),
    sa.Column('provider_txn_no', sa.Text(), nullable=True),
    sa.Column('bank_tran_no', sa.Text(), nullable=True),
    sa.Column('bank_code', sa.Text(), nullable=True),
    sa.Column('txn_type', sa.Text(), nullable=True),
    sa.Column('txn_time', sa.Text(), nullable=True),
    sa.Column('amount', sa.BigInteger(), nullable=False),
    sa.Column('fee', sa.BigInteger(), nullable=False),
    sa.Column('fee_vat', sa.BigInteger(), nullable=False),
    sa.Column('net_amount', sa.BigInteger(), nullable=False),
    sa.Column('currency', sa.Text(), nullable=True),
    sa.Column('status', sa.Text(), nullable=True),
    sa.Column('original_provider_txn_no', sa.Text(), nullable=True),
    sa.Column('remark', sa.Text(), nullable=True),
    schema='payments',
    prefixes=['UNLOGGED']
    )
    op.create_table('difference',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('session_id', sa.Uuid(), nullable=True),
    sa.Column('statement_id', sa.Uuid(), nullable=True),
    sa.Column('seq', sa.Integer(), nullable=True),
    sa.Column('owner_id', sa.Uuid(), nullable=True),
    sa.Column('receipt_id', sa.Uuid(), nullable=True),
    sa.Column('class', sa.Text(), nullable=False),
    sa.Column('source', sa.Text(), nullable=False),
    sa.Column('day', sa.Date(), nullable=False),
    sa.Column('reference', sa.Text(), nullable=False),
    sa.Column('theirs_vnd', sa.BigInteger(), nullable=True),
    sa.Column('ours_vnd', sa.BigInteger(), nullable=True),
    sa.Column('held_vnd', sa.BigInteger(), nullable=False),
    sa.Column('facts', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('state', sa.Text(), nullable=False),
    sa.Column('resolution', sa.Text(), nullable=False),
    sa.Column('reason', sa.Text(), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('opened_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('resolved_by', sa.Uuid(), nullable=True),
    sa.Column('resolved_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('released_in', sa.Uuid(), nullable=True),
    sa.CheckConstraint("(state = 'open') = (resolution = '')", name='ck_difference_resolution'),
    sa.CheckConstraint("class IN ('missing_local', 'missing_provider', 'amount_mismatch', 'status_mismatch', 'fee_mismatch', 'duplicate')", name='ck_difference_class'),
    sa.CheckConstraint("state IN ('open', 'resolving', 'resolved')", name='ck_difference_state'),
    sa.CheckConstraint('num_nonnulls(session_id, statement_id) = 1', name='ck_difference_source'),
    sa.ForeignKeyConstraint(['released_in'], ['payments.settlement_session.id'], name='fk_difference_released_in'),
    sa.ForeignKeyConstraint(['session_id'], ['payments.settlement_session.id'], name='fk_difference_session_id'),
    sa.ForeignKeyConstraint(['statement_id'], ['payments.bank_statement.id'], name='fk_difference_statement_id'),
    sa.PrimaryKeyConstraint('id', name='pk_difference'),
    schema='payments'
    )
    op.create_index('ix_difference_open', 'difference', ['day'], unique=False, schema='payments', postgresql_where=sa.text("state <> 'resolved'"))
    op.create_index('ix_difference_owner_id', 'difference', ['owner_id', 'day'], unique=False, schema='payments')
    op.create_index('ix_difference_session_id', 'difference', ['session_id'], unique=False, schema='payments')
    op.create_table('payout',
    sa.Column('session_id', sa.Uuid(), nullable=False),
    sa.Column('owner_id', sa.Uuid(), nullable=False),
    sa.Column('acquirer', sa.Text(), nullable=False),
    sa.Column('day', sa.Date(), nullable=False),
    sa.Column('row_count', sa.BigInteger(), nullable=False),
    sa.Column('amount_vnd', sa.BigInteger(), nullable=False),
    sa.Column('fee_vnd', sa.BigInteger(), nullable=False),
    sa.Column('fee_vat_vnd', sa.BigInteger(), nullable=False),
    sa.Column('net_vnd', sa.BigInteger(), nullable=False),
    sa.Column('carried_in_vnd', sa.BigInteger(), nullable=False),
    sa.Column('pay_vnd', sa.BigInteger(), nullable=False),
    sa.Column('carried_out_vnd', sa.BigInteger(), nullable=False),
    sa.Column('reference', sa.Text(), nullable=False),
    sa.Column('state', sa.Text(), nullable=False),
    sa.Column('instructed_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('confirmed_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('confirmed_by', sa.Uuid(), nullable=True),
    sa.Column('receipt_id', sa.Uuid(), nullable=True),
    sa.CheckConstraint("(state = 'nothing') = (pay_vnd = 0)", name='ck_payout_nothing'),
    sa.CheckConstraint("state IN ('instructed', 'confirmed', 'nothing')", name='ck_payout_state'),
    sa.CheckConstraint('carried_out_vnd = LEAST(net_vnd + carried_in_vnd, 0)', name='ck_payout_carried'),
    sa.CheckConstraint('pay_vnd = GREATEST(net_vnd + carried_in_vnd, 0)', name='ck_payout_pay_vnd'),
    sa.ForeignKeyConstraint(['session_id'], ['payments.settlement_session.id'], name='fk_payout_session_id'),
    sa.PrimaryKeyConstraint('session_id', 'owner_id', name='pk_payout'),
    sa.UniqueConstraint('reference', name='uq_payout_reference'),
    schema='payments'
    )
    op.create_index('ix_payout_owner_id', 'payout', ['owner_id', 'day'], unique=False, schema='payments')
    op.create_table('settlement_row',
    sa.Column('session_id', sa.Uuid(), nullable=False),
    sa.Column('seq', sa.Integer(), nullable=False),
    sa.Column('owner_id', sa.Uuid(), nullable=True),
    sa.Column('receipt_id', sa.Uuid(), nullable=True),
    sa.Column('acquirer', sa.Text(), nullable=False),
    sa.Column('day', sa.Date(), nullable=False),
    sa.Column('txn_type', sa.Text(), nullable=False),
    sa.Column('txn_ref', sa.Text(), nullable=False),
    sa.Column('provider_txn_no', sa.Text(), nullable=False),
    sa.Column('original_provider_txn_no', sa.Text(), nullable=False),
    sa.Column('bank_code', sa.Text(), nullable=False),
    sa.Column('occurred_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('amount_vnd', sa.BigInteger(), nullable=False),
    sa.Column('fee_vnd', sa.BigInteger(), nullable=False),
    sa.Column('fee_vat_vnd', sa.BigInteger(), nullable=False),
    sa.Column('net_vnd', sa.BigInteger(), nullable=False),
    sa.Column('remark', sa.Text(), nullable=False),
    sa.CheckConstraint("txn_type IN ('PAYMENT', 'REFUND', 'CHARGEBACK', 'ADJUST')", name='ck_settlement_row_txn_type'),
    sa.CheckConstraint('net_vnd = amount_vnd - fee_vnd - fee_vat_vnd', name='ck_settlement_row_net_vnd'),
    sa.PrimaryKeyConstraint('session_id', 'seq', name='pk_settlement_row'),
    schema='payments',
    comment='append-only'
    )
    op.create_index('ix_settlement_row_owner_id', 'settlement_row', ['owner_id', 'session_id'], unique=False, schema='payments')
    op.create_index('ix_settlement_row_provider', 'settlement_row', ['acquirer', 'provider_txn_no'], unique=False, schema='payments')
    op.create_table('difference_change',
    sa.Column('difference_id', sa.Uuid(), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('owner_id', sa.Uuid(), nullable=True),
    sa.Column('action', sa.Text(), nullable=False),
    sa.Column('reason', sa.Text(), nullable=False),
    sa.Column('by', sa.Uuid(), nullable=True),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('before', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('after', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.ForeignKeyConstraint(['difference_id'], ['payments.difference.id'], name='fk_difference_change_difference_id'),
    sa.PrimaryKeyConstraint('difference_id', 'version', name='pk_difference_change'),
    schema='payments',
    comment='append-only'
    )
    for table in APPEND_ONLY:
        op.execute(
            f"CREATE TRIGGER refuse_change BEFORE UPDATE OR DELETE OR TRUNCATE ON payments.{table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION payments.refuse_change()"
        )
    for table in OWNED:
        op.execute(f"ALTER TABLE payments.{table} ENABLE ROW LEVEL SECURITY")
        op.execute(
            f"CREATE POLICY owner ON payments.{table} FOR SELECT USING (owner_id = ANY "
            "(NULLIF(current_setting('app.owner_ids', true), '')::uuid[]))"
        )
    # Sums over all vendors, and files on their way: nobody's view but the system's.
    for table in ("settlement_session", "staging"):
        op.execute(f"ALTER TABLE payments.{table} ENABLE ROW LEVEL SECURITY")


def downgrade() -> None:
    raise NotImplementedError("what was paid by is never taken apart again: restore a backup instead")
