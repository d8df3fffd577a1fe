"""webhooks to integrators"""

import sqlalchemy as sa
import sqlmodel
from alembic import op
from sqlalchemy.dialects import postgresql

revision = '0005'
down_revision = '0004'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('webhook_endpoint',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('owner_id', sa.Uuid(), nullable=True),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('url', sa.Text(), nullable=False),
    sa.Column('kinds', postgresql.ARRAY(sa.Text()), nullable=False),
    sa.Column('secret', sa.Text(), nullable=False),
    sa.Column('secret_old', sa.Text(), nullable=False),
    sa.Column('secret_old_until', sa.DateTime(timezone=True), nullable=True),
    sa.Column('key_hash', sa.LargeBinary(), nullable=False),
    sa.Column('allow_private', sa.Boolean(), nullable=False),
    sa.Column('state', sa.Text(), nullable=False),
    sa.Column('failed_count', sa.Integer(), nullable=False),
    sa.Column('failing_since', sa.DateTime(timezone=True), nullable=True),
    sa.Column('parked_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('parked_why', sa.Text(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint("state IN ('active', 'parked')", name=op.f('ck_webhook_endpoint_state')),
    sa.CheckConstraint('length(key_hash) = 32', name=op.f('ck_webhook_endpoint_key_hash')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_webhook_endpoint')),
    sa.UniqueConstraint('key_hash', name=op.f('uq_webhook_endpoint_key_hash')),
    schema='market'
    )
    op.create_index('ix_webhook_endpoint_owner_id', 'webhook_endpoint', ['owner_id'], unique=False, schema='market')
    op.create_table('webhook_message',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('position', sa.BigInteger(), sa.Identity(always=True), nullable=False),
    sa.Column('owner_id', sa.Uuid(), nullable=True),
    sa.Column('subject_id', sa.Uuid(), nullable=False),
    sa.Column('kind', sa.Text(), nullable=False),
    sa.Column('body', sa.Text(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_webhook_message')),
    sa.UniqueConstraint('position', name=op.f('uq_webhook_message_position')),
    schema='market'
    )
    op.create_index('ix_webhook_message_created_at', 'webhook_message', ['created_at'], unique=False, schema='market')
    op.create_index('ix_webhook_message_owner_id', 'webhook_message', ['owner_id', 'position'], unique=False, schema='market')
    op.create_table('webhook_attempt',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('endpoint_id', sa.Uuid(), nullable=False),
    sa.Column('message_id', sa.Uuid(), nullable=False),
    sa.Column('number', sa.Integer(), nullable=False),
    sa.Column('status', sa.Integer(), nullable=True),
    sa.Column('error', sa.Text(), nullable=False),
    sa.Column('duration_ms', sa.Integer(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['endpoint_id'], ['market.webhook_endpoint.id'], name=op.f('fk_webhook_attempt_endpoint_id'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['message_id'], ['market.webhook_message.id'], name=op.f('fk_webhook_attempt_message_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_webhook_attempt')),
    schema='market'
    )
    op.create_index('ix_webhook_attempt_endpoint_id', 'webhook_attempt', ['endpoint_id', 'at'], unique=False, schema='market')
    op.create_index(op.f('ix_webhook_attempt_message_id'), 'webhook_attempt', ['message_id'], unique=False, schema='market')
    op.create_table('webhook_delivery',
    sa.Column('endpoint_id', sa.Uuid(), nullable=False),
    sa.Column('message_id', sa.Uuid(), nullable=False),
    sa.Column('position', sa.BigInteger(), nullable=False),
    sa.Column('subject_id', sa.Uuid(), nullable=False),
    sa.Column('state', sa.Text(), nullable=False),
    sa.Column('attempts', sa.Integer(), nullable=False),
    sa.Column('due_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('delivered_at', sa.DateTime(timezone=True), nullable=True),
    sa.CheckConstraint("state IN ('pending', 'delivered', 'failed')", name=op.f('ck_webhook_delivery_state')),
    sa.ForeignKeyConstraint(['endpoint_id'], ['market.webhook_endpoint.id'], name=op.f('fk_webhook_delivery_endpoint_id'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['message_id'], ['market.webhook_message.id'], name=op.f('fk_webhook_delivery_message_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('endpoint_id', 'message_id', name=op.f('pk_webhook_delivery')),
    schema='market'
    )
    op.create_index('ix_webhook_delivery_due', 'webhook_delivery', ['due_at'], unique=False, schema='market', postgresql_where=sa.text("state = 'pending'"))
    op.create_index('ix_webhook_delivery_order', 'webhook_delivery', ['endpoint_id', 'subject_id', 'position'], unique=False, schema='market', postgresql_where=sa.text("state = 'pending'"))
    # Secrets are nobody's who signs in: no policy but the system's own.
    for table in ("endpoint", "message", "delivery", "attempt"):
        op.execute(f"ALTER TABLE market.webhook_{table} ENABLE ROW LEVEL SECURITY")


def downgrade() -> None:
    op.drop_index('ix_webhook_delivery_order', table_name='webhook_delivery', schema='market', postgresql_where=sa.text("state = 'pending'"))
    op.drop_index('ix_webhook_delivery_due', table_name='webhook_delivery', schema='market', postgresql_where=sa.text("state = 'pending'"))
    op.drop_table('webhook_delivery', schema='market')
    op.drop_index(op.f('ix_webhook_attempt_message_id'), table_name='webhook_attempt', schema='market')
    op.drop_index('ix_webhook_attempt_endpoint_id', table_name='webhook_attempt', schema='market')
    op.drop_table('webhook_attempt', schema='market')
    op.drop_index('ix_webhook_message_owner_id', table_name='webhook_message', schema='market')
    op.drop_index('ix_webhook_message_created_at', table_name='webhook_message', schema='market')
    op.drop_table('webhook_message', schema='market')
    op.drop_index('ix_webhook_endpoint_owner_id', table_name='webhook_endpoint', schema='market')
    op.drop_table('webhook_endpoint', schema='market')
