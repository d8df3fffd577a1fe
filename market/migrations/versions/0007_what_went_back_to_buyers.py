"""what went back to buyers, per stall and hour"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

STALLS_OF_OWNER = "SELECT s.id FROM market.stall s WHERE s.vendor_id = ANY (market.viewer_owners())"
STALLS_OF_OPERATOR = (
    "SELECT s.id FROM market.stall s"
    " WHERE s.hall_id = ANY ((SELECT market.viewer_scopes_as('operator'))::uuid[])"
)
STALLS_OF_OFFICIAL = (
    "SELECT s.id FROM market.stall s JOIN market.hall h ON h.id = s.hall_id"
    " WHERE h.unit_id = ANY (market.viewer_units()) OR h.area_id = ANY (market.viewer_units())"
)
READERS = {
    "owner": STALLS_OF_OWNER,
    "operator": STALLS_OF_OPERATOR,
    "official": STALLS_OF_OFFICIAL,
}


def upgrade() -> None:
    op.create_table(
        "refund_hour",
        sa.Column("stall_id", sa.Uuid(), nullable=False),
        sa.Column("hour", sa.DateTime(timezone=True), nullable=False),
        sa.Column("method", sa.Text(), nullable=False),
        sa.Column("refund_count", sa.Integer(), nullable=False),
        sa.Column("refund_vnd", sa.BigInteger(), nullable=False),
        sa.Column("reversed_count", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "refund_vnd >= 0 AND reversed_count <= refund_count", name=op.f("ck_refund_hour_sums")
        ),
        sa.ForeignKeyConstraint(
            ["stall_id"], ["market.stall.id"], name=op.f("fk_refund_hour_stall_id")
        ),
        sa.PrimaryKeyConstraint("stall_id", "hour", "method", name=op.f("pk_refund_hour")),
        schema="market",
    )
    op.execute("ALTER TABLE market.refund_hour ENABLE ROW LEVEL SECURITY")
    for name, stalls in READERS.items():
        op.execute(
            f"CREATE POLICY {name} ON market.refund_hour FOR SELECT USING (stall_id IN ({stalls}))"
        )


def downgrade() -> None:
    op.drop_table("refund_hour", schema="market")
