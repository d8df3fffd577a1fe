"""invoice numbers that tills gave by themselves while they had no network"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "till_number",
        sa.Column("sale_id", sa.Uuid(), nullable=False),
        sa.Column("vendor_id", sa.Uuid(), nullable=False),
        sa.Column("till_id", sa.Uuid(), nullable=False),
        sa.Column("symbol", sa.Text(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("numbered_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("told_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("issued_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("number BETWEEN 1 AND 99999999", name=op.f("ck_till_number_number")),
        sa.PrimaryKeyConstraint("sale_id", name=op.f("pk_till_number")),
        sa.UniqueConstraint(
            "till_id", "symbol", "number", name=op.f("uq_till_number_till_id_symbol_number")
        ),
        sa.UniqueConstraint("code", name=op.f("uq_till_number_code")),
        schema="market",
    )
    op.create_index("ix_till_number_vendor_id", "till_number", ["vendor_id"], schema="market")
    op.create_index(
        "ix_till_number_waiting", "till_number", ["till_id"], schema="market",
        postgresql_where=sa.text("issued_at IS NULL"),
    )  # fmt: skip
    op.execute("ALTER TABLE market.till_number ENABLE ROW LEVEL SECURITY")
    op.execute(
        "CREATE POLICY owner ON market.till_number FOR SELECT"
        " USING (vendor_id = ANY (market.viewer_owners()))"
    )


def downgrade() -> None:
    op.drop_table("till_number", schema="market")
