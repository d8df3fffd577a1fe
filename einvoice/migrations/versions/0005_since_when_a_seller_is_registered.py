"""since when a seller is registered"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "registration",
        sa.Column("accepted_at", sa.DateTime(timezone=True), nullable=True),
        schema="einvoice",
    )
    op.execute(
        "UPDATE einvoice.registration SET accepted_at = changed_at WHERE state = 'accepted'"
    )


def downgrade() -> None:
    op.drop_column("registration", "accepted_at", schema="einvoice")
