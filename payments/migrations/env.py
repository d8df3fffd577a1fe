"""Run by Alembic: migrate schema `payments` on the connection that the caller gave."""

from alembic import context

from payments.migrations import _ours
from payments.tables import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    version_table_schema="payments",
    include_schemas=True,
    include_name=_ours,
)
with context.begin_transaction():
    context.run_migrations()
