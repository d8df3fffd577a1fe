"""stock that is held for somebody who is about to pay"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

OWNER = "owner_id = ANY (NULLIF(current_setting('app.owner_ids', true), '')::uuid[])"
HELD = sa.text("state = 'held'")


def upgrade() -> None:
    op.create_table(
        "stock_hold",
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("product_id", sa.Uuid(), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("quantity", sa.Numeric(12, 3), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "state IN ('held', 'sold', 'released')", name=op.f("ck_stock_hold_state")
        ),
        sa.CheckConstraint("quantity > 0", name=op.f("ck_stock_hold_quantity")),
        sa.ForeignKeyConstraint(
            ["product_id"], ["catalog.product.id"], name=op.f("fk_stock_hold_product_id")
        ),
        sa.PrimaryKeyConstraint("subject_id", "product_id", name=op.f("pk_stock_hold")),
        schema="catalog",
    )
    op.create_index(
        "ix_stock_hold_product_id",
        "stock_hold",
        ["product_id"],
        schema="catalog",
        postgresql_where=HELD,
    )
    op.create_index(
        "ix_stock_hold_until", "stock_hold", ["until"], schema="catalog", postgresql_where=HELD
    )
    op.execute("ALTER TABLE catalog.stock_hold ENABLE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY owner ON catalog.stock_hold USING ({OWNER})")


def downgrade() -> None:
    op.drop_table("stock_hold", schema="catalog")
