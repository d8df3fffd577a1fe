"""integrators and the hashes of their keys"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "integrator",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("gateway", sa.Text(), nullable=False),
        sa.Column("bank_bins", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("key_hash", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "gateway ~ '^[a-z][a-z0-9_-]{1,31}$'", name=op.f("ck_integrator_gateway")
        ),
        sa.CheckConstraint("length(key_hash) = 32", name=op.f("ck_integrator_key_hash")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_integrator")),
        sa.UniqueConstraint("key_hash", name=op.f("uq_integrator_key_hash")),
        schema="market",
    )
    op.create_index("ix_integrator_gateway", "integrator", ["gateway"], schema="market")
    # Nobody who signs in sees keys: no policy but the system's own.
    op.execute("ALTER TABLE market.integrator ENABLE ROW LEVEL SECURITY")


def downgrade() -> None:
    op.drop_table("integrator", schema="market")
