"""what two notices say differently of one movement of money"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "receipt_conflict",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("receipt_id", sa.Uuid(), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=True),
        sa.Column("gateway", sa.Text(), nullable=False),
        sa.Column("first_vnd", sa.BigInteger(), nullable=False),
        sa.Column("told_vnd", sa.BigInteger(), nullable=False),
        sa.Column("memo", sa.Text(), nullable=False),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("told_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("seen_by", sa.Uuid(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_receipt_conflict")),
        schema="market",
    )
    op.create_index(
        "ix_receipt_conflict_owner_id",
        "receipt_conflict",
        ["owner_id", "told_at"],
        schema="market",
    )
    op.create_index(
        "ix_receipt_conflict_unseen",
        "receipt_conflict",
        ["told_at"],
        schema="market",
        postgresql_where=sa.text("seen_at IS NULL"),
    )
    op.execute("ALTER TABLE market.receipt_conflict ENABLE ROW LEVEL SECURITY")
    op.execute(
        "CREATE POLICY owner ON market.receipt_conflict FOR SELECT"
        " USING (owner_id = ANY (market.viewer_owners()))"
    )


def downgrade() -> None:
    op.drop_table("receipt_conflict", schema="market")
