"""the lookup codes on slips of tills without a network, and numbers that were passed over"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "till_slip",
        sa.Column("till_id", sa.Uuid(), nullable=False),
        sa.Column("stall_id", sa.Uuid(), nullable=False),
        sa.Column("vendor_id", sa.Uuid(), nullable=False),
        sa.Column("prefix", sa.Text(), nullable=False),
        sa.CheckConstraint("length(prefix) = 6", name=op.f("ck_till_slip_prefix")),
        sa.PrimaryKeyConstraint("till_id", name=op.f("pk_till_slip")),
        sa.UniqueConstraint("prefix", name=op.f("uq_till_slip_prefix")),
        schema="market",
    )
    op.execute("ALTER TABLE market.till_slip ENABLE ROW LEVEL SECURITY")
    op.execute(
        "CREATE POLICY owner ON market.till_slip FOR SELECT"
        " USING (vendor_id = ANY (market.viewer_owners()))"
    )
    for column in (
        sa.Column("lookup_code", sa.Text(), nullable=True),
        sa.Column("passed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("passed_why", sa.Text(), server_default="", nullable=False),
        sa.Column("was_shown", sa.Boolean(), server_default=sa.true(), nullable=False),
    ):
        op.add_column("till_number", column, schema="market")
    op.create_unique_constraint(
        op.f("uq_till_number_lookup_code"), "till_number", ["lookup_code"], schema="market"
    )


def downgrade() -> None:
    for column in ("lookup_code", "passed_at", "passed_why", "was_shown"):
        op.drop_column("till_number", column, schema="market")
    op.drop_table("till_slip", schema="market")
