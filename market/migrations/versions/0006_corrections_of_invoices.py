"""corrections of invoices; invoices at the end of the day"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

MODES = "'off', 'on_request', 'each_sale'"


def upgrade() -> None:
    _modes(f"{MODES}, 'day_end'")
    op.create_table(
        "correction",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("vendor_id", sa.Uuid(), nullable=False),
        sa.Column("sale_id", sa.Uuid(), nullable=False),
        sa.Column("invoice_id", sa.Uuid(), nullable=True),
        sa.Column("refund_id", sa.Uuid(), nullable=True),
        sa.Column("amount_vnd", sa.BigInteger(), nullable=False),
        sa.Column("faults", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("said", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("content", postgresql.JSONB(), nullable=False),
        sa.Column("agreement_no", sa.Text(), nullable=False),
        sa.Column("agreed_on", sa.Date(), nullable=True),
        sa.Column("told_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_by", sa.Uuid(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("written_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "action IN ('', 'notify', 'adjust', 'replace')", name=op.f("ck_correction_action")
        ),
        sa.CheckConstraint(
            "state IN ('waiting', 'asking', 'agreeing', 'written', 'not_needed', 'withdrawn')",
            name=op.f("ck_correction_state"),
        ),
        sa.CheckConstraint("amount_vnd >= 0", name=op.f("ck_correction_amount_vnd")),
        sa.CheckConstraint(
            "state <> 'written' OR action <> ''", name=op.f("ck_correction_written")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_correction")),
        sa.UniqueConstraint("refund_id", name=op.f("uq_correction_refund_id")),
        schema="market",
    )
    for name, columns in (("vendor_id", ["vendor_id", "created_at"]),
                          ("invoice_id", ["invoice_id"]), ("sale_id", ["sale_id"])):  # fmt: skip
        op.create_index(f"ix_correction_{name}", "correction", columns, schema="market")
    op.create_index(
        "ix_correction_waiting", "correction", ["created_at"], schema="market",
        postgresql_where=sa.text("state = 'waiting'"),
    )  # fmt: skip
    op.execute("ALTER TABLE market.correction ENABLE ROW LEVEL SECURITY")
    op.execute(
        "CREATE POLICY owner ON market.correction USING (vendor_id = ANY (market.viewer_owners()))"
        " WITH CHECK (vendor_id = ANY (market.viewer_owners()))"
    )


def downgrade() -> None:
    op.drop_table("correction", schema="market")
    op.execute("UPDATE market.stall SET invoice_mode = 'each_sale' WHERE invoice_mode = 'day_end'")
    _modes(MODES)


def _modes(allowed: str) -> None:
    op.drop_constraint("ck_stall_invoice_mode", "stall", schema="market")
    op.create_check_constraint(
        op.f("ck_stall_invoice_mode"), "stall", f"invoice_mode IN ({allowed})", schema="market"
    )
