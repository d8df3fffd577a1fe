"""what people decided about waiting money"""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

TABLES = """
CREATE TABLE payments.suspense_decision (
    id uuid NOT NULL,
    owner_id uuid NOT NULL,
    undoes_id uuid,
    state text NOT NULL,
    outcome text NOT NULL,
    decided_by uuid NOT NULL,
    reason text NOT NULL,
    shares jsonb NOT NULL,
    parts jsonb NOT NULL,
    occurred_at timestamptz NOT NULL,
    decided_at timestamptz NOT NULL,
    CONSTRAINT ck_suspense_decision_state CHECK (state IN ('planned', 'posted', 'refused', 'undone')),
    CONSTRAINT pk_suspense_decision PRIMARY KEY (id),
    CONSTRAINT fk_suspense_decision_undoes_id FOREIGN KEY (undoes_id)
        REFERENCES payments.suspense_decision (id)
);
CREATE INDEX ix_suspense_decision_planned ON payments.suspense_decision (decided_at)
    WHERE state = 'planned';
CREATE INDEX ix_suspense_decision_owner_id ON payments.suspense_decision (owner_id, decided_at);
CREATE TABLE payments.suspense_case (
    receipt_id uuid NOT NULL,
    owner_id uuid NOT NULL,
    version bigint NOT NULL,
    decision_id uuid,
    CONSTRAINT pk_suspense_case PRIMARY KEY (receipt_id),
    CONSTRAINT fk_suspense_case_decision_id FOREIGN KEY (decision_id)
        REFERENCES payments.suspense_decision (id)
);
CREATE INDEX ix_suspense_case_owner_id ON payments.suspense_case (owner_id);
CREATE TABLE payments.suspense_target (
    payment_id uuid NOT NULL,
    owner_id uuid NOT NULL,
    decision_id uuid NOT NULL,
    CONSTRAINT pk_suspense_target PRIMARY KEY (payment_id),
    CONSTRAINT uq_suspense_target_decision_id_payment_id UNIQUE (decision_id, payment_id),
    CONSTRAINT fk_suspense_target_decision_id FOREIGN KEY (decision_id)
        REFERENCES payments.suspense_decision (id)
);
CREATE TABLE payments.suspense_audit (
    decision_id uuid NOT NULL,
    receipt_id uuid NOT NULL,
    owner_id uuid NOT NULL,
    version bigint NOT NULL,
    action text NOT NULL,
    decided_by uuid NOT NULL,
    reason text NOT NULL,
    before jsonb NOT NULL,
    after jsonb NOT NULL,
    at timestamptz NOT NULL,
    CONSTRAINT ck_suspense_audit_action CHECK (action IN ('resolved', 'undone', 'refused')),
    CONSTRAINT pk_suspense_audit PRIMARY KEY (decision_id, receipt_id),
    CONSTRAINT uq_suspense_audit_receipt_id_version UNIQUE (receipt_id, version)
);
CREATE INDEX ix_receipt_to_resolve ON payments.receipt (owner_id, occurred_at)
    WHERE outcome IN ('short', 'over', 'late', 'duplicate_payment', 'unmatched', 'suggested',
                      'foreign_code', 'amount_mismatch')
"""


def upgrade() -> None:
    for statement in TABLES.split(";\n"):
        op.execute(statement)
    op.execute("COMMENT ON TABLE payments.suspense_audit IS 'append-only'")
    op.execute(
        "CREATE TRIGGER refuse_change BEFORE UPDATE OR DELETE OR TRUNCATE ON payments.suspense_audit "
        "FOR EACH STATEMENT EXECUTE FUNCTION payments.refuse_change()"
    )
    for table in ("suspense_decision", "suspense_case", "suspense_target", "suspense_audit"):
        op.execute(f"ALTER TABLE payments.{table} ENABLE ROW LEVEL SECURITY")
        op.execute(
            f"CREATE POLICY owner ON payments.{table} USING (owner_id = ANY "
            "(NULLIF(current_setting('app.owner_ids', true), '')::uuid[]))"
        )


def downgrade() -> None:
    raise NotImplementedError("who decided what about money is never forgotten")
