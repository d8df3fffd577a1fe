"""lists of invoices that one new invoice corrects"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "listed_invoice",
        sa.Column("correcting_id", sa.Uuid(), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("invoice_id", sa.Uuid(), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("fault", sa.Text(), nullable=False),
        sa.Column("difference_vnd", sa.BigInteger(), nullable=False),
        sa.Column("lines", postgresql.JSONB(), nullable=False),
        sa.CheckConstraint("place BETWEEN 1 AND 1000", name=op.f("ck_listed_invoice_place")),
        sa.ForeignKeyConstraint(
            ["correcting_id"], ["einvoice.invoice.id"],
            name=op.f("fk_listed_invoice_correcting_id"),
        ),
        sa.ForeignKeyConstraint(
            ["invoice_id"], ["einvoice.invoice.id"], name=op.f("fk_listed_invoice_invoice_id")
        ),
        sa.PrimaryKeyConstraint("correcting_id", "place", name=op.f("pk_listed_invoice")),
        schema="einvoice",
        comment="append-only",
    )  # fmt: skip
    op.create_index(
        "ix_listed_invoice_invoice_id", "listed_invoice", ["invoice_id"], schema="einvoice"
    )
    op.create_index(
        "ix_listed_invoice_owner_id_subject_id", "listed_invoice", ["owner_id", "subject_id"],
        schema="einvoice",
    )  # fmt: skip
    op.execute("ALTER TABLE einvoice.listed_invoice ENABLE ROW LEVEL SECURITY")
    op.execute(
        "CREATE POLICY owner ON einvoice.listed_invoice USING"
        " (owner_id = ANY (NULLIF(current_setting('app.owner_ids', true), '')::uuid[]))"
    )
    op.execute(
        "CREATE FUNCTION einvoice.refuse_listed_change() RETURNS trigger LANGUAGE plpgsql AS $$"
        " BEGIN RAISE EXCEPTION 'a list that was issued never changes'; END $$"
    )
    op.execute(
        "CREATE TRIGGER never_changed BEFORE UPDATE OR DELETE ON einvoice.listed_invoice"
        " FOR EACH ROW EXECUTE FUNCTION einvoice.refuse_listed_change()"
    )


def downgrade() -> None:
    op.drop_table("listed_invoice", schema="einvoice")
    op.execute("DROP FUNCTION einvoice.refuse_listed_change()")
