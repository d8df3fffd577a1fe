"""Run by Alembic: migrate schema `payments` on the connection that the caller gave."""

from alembic import context

from payments.tables import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    version_table_schema="payments",
    include_schemas=True,
    include_name=lambda name, kind, _: name == "payments" if kind == "schema" else True,
)
with context.begin_transaction():
    context.run_migrations()
