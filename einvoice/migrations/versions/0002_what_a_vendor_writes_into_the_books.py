"""what a vendor writes into the books"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "book_entry",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("on", sa.Date(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("amount_vnd", sa.BigInteger(), nullable=False),
        sa.Column("is_cash", sa.Boolean(), nullable=False),
        sa.Column("goods", sa.Text(), nullable=False),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.Column("quantity", sa.Numeric(14, 3), nullable=True),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("struck_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "kind IN ('cost', 'goods', 'platform_sale', 'other_sale')",
            name=op.f("ck_book_entry_kind"),
        ),
        sa.CheckConstraint("amount_vnd > 0", name=op.f("ck_book_entry_amount_vnd")),
        sa.CheckConstraint("(goods = '') = (quantity IS NULL)", name=op.f("ck_book_entry_goods")),
        sa.CheckConstraint("quantity IS NULL OR quantity > 0", name=op.f("ck_book_entry_quantity")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_book_entry")),
        schema="einvoice",
    )
    op.create_index(
        "ix_book_entry_owner_id_on", "book_entry", ["owner_id", "on"], schema="einvoice"
    )
    op.execute("ALTER TABLE einvoice.book_entry ENABLE ROW LEVEL SECURITY")
    op.execute(
        "CREATE POLICY owner ON einvoice.book_entry USING"
        " (owner_id = ANY (NULLIF(current_setting('app.owner_ids', true), '')::uuid[]))"
    )


def downgrade() -> None:
    op.drop_table("book_entry", schema="einvoice")
