"""stock that a buyer brought back"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("stock_hold", sa.Column("return_id", sa.Uuid(), nullable=True), schema="catalog")
    _states("'held', 'paid', 'sold', 'released', 'returned'")
    op.create_check_constraint(
        op.f("ck_stock_hold_return_id"),
        "stock_hold",
        "(state = 'returned') = (return_id IS NOT NULL)",
        schema="catalog",
    )


def downgrade() -> None:
    op.drop_constraint(op.f("ck_stock_hold_return_id"), "stock_hold", schema="catalog")
    op.execute("UPDATE catalog.stock_hold SET state = 'released' WHERE state = 'returned'")
    _states("'held', 'paid', 'sold', 'released'")
    op.drop_column("stock_hold", "return_id", schema="catalog")


def _states(listed: str) -> None:
    name = op.f("ck_stock_hold_state")
    op.drop_constraint(name, "stock_hold", schema="catalog")
    op.create_check_constraint(name, "stock_hold", f"state IN ({listed})", schema="catalog")
