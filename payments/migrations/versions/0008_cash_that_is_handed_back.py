"""cash that is handed back to a buyer"""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

ROADS = "'acquired', 'direct', 'dispute'"


def upgrade() -> None:
    _roads("'acquired', 'direct', 'cash', 'dispute'")


def downgrade() -> None:
    _roads(ROADS)


def _roads(allowed: str) -> None:
    name = op.f("ck_refund_request_road")
    op.drop_constraint(name, "refund_request", schema="payments")
    op.create_check_constraint(name, "refund_request", f"road IN ({allowed})", schema="payments")
