"""stock that is paid and has not left the shelf yet"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _states("'held', 'paid', 'sold', 'released'")
    op.drop_index("ix_stock_hold_product_id", table_name="stock_hold", schema="catalog")
    _index("ix_stock_hold_product_id", "product_id", "state IN ('held', 'paid')")
    _index("ix_stock_hold_paid", "changed_at", "state = 'paid'")


def downgrade() -> None:
    op.execute("UPDATE catalog.stock_hold SET state = 'held' WHERE state = 'paid'")
    op.drop_index("ix_stock_hold_paid", table_name="stock_hold", schema="catalog")
    op.drop_index("ix_stock_hold_product_id", table_name="stock_hold", schema="catalog")
    _index("ix_stock_hold_product_id", "product_id", "state = 'held'")
    _states("'held', 'sold', 'released'")


def _states(listed: str) -> None:
    name = op.f("ck_stock_hold_state")
    op.drop_constraint(name, "stock_hold", schema="catalog")
    op.create_check_constraint(name, "stock_hold", f"state IN ({listed})", schema="catalog")


def _index(name: str, column: str, where: str) -> None:
    op.create_index(
        name, "stock_hold", [column], schema="catalog", postgresql_where=sa.text(where)
    )
