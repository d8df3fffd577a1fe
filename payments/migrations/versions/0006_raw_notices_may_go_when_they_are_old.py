"""raw notices may go when they are old"""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

# Proof in a dispute is never changed, and goes only when disputes about it are over: the rules in
# data/notice_retention.csv say when, this says that no rule may be shorter than a month.
UP = (
    """
    CREATE FUNCTION payments.refuse_young_delete() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF OLD.received_at > now() - interval '30 days' THEN
            RAISE EXCEPTION '%.% of %: DELETE refused', TG_TABLE_SCHEMA, TG_TABLE_NAME, OLD.received_at
                USING ERRCODE = 'restrict_violation';
        END IF;
        RETURN OLD;
    END $$
    """,
    "DROP TRIGGER refuse_change ON payments.notice",
    "CREATE TRIGGER refuse_change BEFORE UPDATE OR TRUNCATE ON payments.notice "
    "FOR EACH STATEMENT EXECUTE FUNCTION payments.refuse_change()",
    "CREATE TRIGGER refuse_young_delete BEFORE DELETE ON payments.notice "
    "FOR EACH ROW EXECUTE FUNCTION payments.refuse_young_delete()",
)


def upgrade() -> None:
    for statement in UP:
        op.execute(statement)


def downgrade() -> None:
    op.execute("DROP TRIGGER refuse_young_delete ON payments.notice")
    op.execute("DROP TRIGGER refuse_change ON payments.notice")
    op.execute(
        "CREATE TRIGGER refuse_change BEFORE UPDATE OR DELETE OR TRUNCATE ON payments.notice "
        "FOR EACH STATEMENT EXECUTE FUNCTION payments.refuse_change()"
    )
    op.execute("DROP FUNCTION payments.refuse_young_delete()")
