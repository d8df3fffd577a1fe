"""one credit told without a reference is found again"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

UNREFERENCED = "reference = '' AND account_no <> '' AND direction = 'in'"


def upgrade() -> None:
    op.create_index(
        "ix_receipt_unreferenced",
        "receipt",
        ["account_no", "amount_vnd", "occurred_at"],
        schema="payments",
        postgresql_where=sa.text(UNREFERENCED),
    )


def downgrade() -> None:
    op.drop_index("ix_receipt_unreferenced", table_name="receipt", schema="payments")
