"""refunds under way"""

import sqlalchemy as sa
import sqlmodel
from alembic import op

revision = '0004'
down_revision = '0003'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('refund_limit',
    sa.Column('original_id', sa.Uuid(), nullable=False),
    sa.Column('owner_id', sa.Uuid(), nullable=False),
    sa.Column('amount_vnd', sa.BigInteger(), nullable=False),
    sa.Column('asked_vnd', sa.BigInteger(), nullable=False),
    sa.CheckConstraint('amount_vnd > 0', name=op.f('ck_refund_limit_amount_vnd')),
    sa.CheckConstraint('asked_vnd BETWEEN 0 AND amount_vnd', name=op.f('ck_refund_limit_asked_vnd')),
    sa.PrimaryKeyConstraint('original_id', 'owner_id', name=op.f('pk_refund_limit')),
    schema='payments'
    )
    op.create_table('refund_request',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('owner_id', sa.Uuid(), nullable=False),
    sa.Column('place_id', sa.Uuid(), nullable=True),
    sa.Column('payment_id', sa.Uuid(), nullable=True),
    sa.Column('receipt_id', sa.Uuid(), nullable=False),
    sa.Column('original_id', sa.Uuid(), nullable=False),
    sa.Column('is_held', sa.Boolean(), nullable=False),
    sa.Column('road', sa.Text(), nullable=False),
    sa.Column('gateway', sa.Text(), nullable=False),
    sa.Column('provider_ref', sa.Text(), nullable=False),
    sa.Column('provider_no', sa.Text(), nullable=False),
    sa.Column('captured_vnd', sa.BigInteger(), nullable=False),
    sa.Column('amount_vnd', sa.BigInteger(), nullable=False),
    sa.Column('reason', sa.Text(), nullable=False),
    sa.Column('asked_by', sa.Uuid(), nullable=True),
    sa.Column('state', sa.Text(), nullable=False),
    sa.Column('code', sa.Text(), nullable=False),
    sa.Column('to_bank_bin', sa.Text(), nullable=False),
    sa.Column('to_account_no', sa.Text(), nullable=False),
    sa.Column('to_name', sa.Text(), nullable=False),
    sa.Column('refund_no', sa.Text(), nullable=False),
    sa.Column('detail', sa.Text(), nullable=False),
    sa.Column('problem', sa.Text(), nullable=False),
    sa.Column('asked_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('sent_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('confirmed_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('ended_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('ask_from', sa.DateTime(timezone=True), nullable=False),
    sa.Column('asked_count', sa.Integer(), nullable=False),
    sa.CheckConstraint("(state IN ('done', 'refused')) = (ended_at IS NOT NULL)", name=op.f('ck_refund_request_ended_at')),
    sa.CheckConstraint("road IN ('acquired', 'direct', 'dispute')", name=op.f('ck_refund_request_road')),
    sa.CheckConstraint("state <> 'done' OR confirmed_at IS NOT NULL", name=op.f('ck_refund_request_confirmed_at')),
    sa.CheckConstraint("state IN ('asked', 'unknown', 'sent', 'done', 'refused')", name=op.f('ck_refund_request_state')),
    sa.CheckConstraint('amount_vnd > 0', name=op.f('ck_refund_request_amount_vnd')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_refund_request')),
    schema='payments'
    )
    op.create_index('ix_refund_request_open', 'refund_request', ['gateway', 'ask_from'], unique=False, schema='payments', postgresql_where=sa.text("state IN ('asked', 'unknown', 'sent')"))
    op.create_index('ix_refund_request_owner_id_asked_at', 'refund_request', ['owner_id', 'asked_at'], unique=False, schema='payments')
    op.create_index('ix_refund_request_payment_id', 'refund_request', ['payment_id'], unique=False, schema='payments')
    op.create_index('ix_refund_request_receipt_id', 'refund_request', ['receipt_id'], unique=False, schema='payments')
    op.create_index('uq_refund_request_code', 'refund_request', ['owner_id', 'code'], unique=True, schema='payments', postgresql_where=sa.text("code <> ''"))
    for table in ('refund_limit', 'refund_request'):
        op.execute(f"ALTER TABLE payments.{table} ENABLE ROW LEVEL SECURITY")
        op.execute(
            f"CREATE POLICY owner ON payments.{table} USING (owner_id = ANY "
            "(NULLIF(current_setting('app.owner_ids', true), '')::uuid[]))"
        )


def downgrade() -> None:
    op.drop_index('uq_refund_request_code', table_name='refund_request', schema='payments', postgresql_where=sa.text("code <> ''"))
    op.drop_index('ix_refund_request_receipt_id', table_name='refund_request', schema='payments')
    op.drop_index('ix_refund_request_payment_id', table_name='refund_request', schema='payments')
    op.drop_index('ix_refund_request_owner_id_asked_at', table_name='refund_request', schema='payments')
    op.drop_index('ix_refund_request_open', table_name='refund_request', schema='payments', postgresql_where=sa.text("state IN ('asked', 'unknown', 'sent')"))
    op.drop_table('refund_request', schema='payments')
    op.drop_table('refund_limit', schema='payments')
