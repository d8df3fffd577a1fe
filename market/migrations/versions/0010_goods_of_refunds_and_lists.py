"""goods that a refund is of; corrections of several invoices at once"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "refund_goods",
        sa.Column("refund_id", sa.Uuid(), nullable=False),
        sa.Column("vendor_id", sa.Uuid(), nullable=False),
        sa.Column("sale_id", sa.Uuid(), nullable=False),
        sa.Column("pieces", postgresql.JSONB(), nullable=False),
        sa.PrimaryKeyConstraint("refund_id", name=op.f("pk_refund_goods")),
        schema="market",
    )
    op.create_index("ix_refund_goods_sale_id", "refund_goods", ["sale_id"], schema="market")
    op.execute("ALTER TABLE market.refund_goods ENABLE ROW LEVEL SECURITY")
    op.execute(
        "CREATE POLICY owner ON market.refund_goods USING (vendor_id = ANY (market.viewer_owners()))"
        " WITH CHECK (vendor_id = ANY (market.viewer_owners()))"
    )
    op.add_column(
        "correction",
        sa.Column(
            "listed_ids", postgresql.ARRAY(sa.Uuid()), nullable=False, server_default="{}"
        ),
        schema="market",
    )  # fmt: skip
    op.alter_column("correction", "listed_ids", server_default=None, schema="market")
    op.create_index(
        "ix_correction_listed_ids", "correction", ["listed_ids"], schema="market",
        postgresql_using="gin",
    )  # fmt: skip


def downgrade() -> None:
    op.drop_index("ix_correction_listed_ids", "correction", schema="market")
    op.drop_column("correction", "listed_ids", schema="market")
    op.drop_table("refund_goods", schema="market")
