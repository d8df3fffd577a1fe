"""Run by Alembic: migrate schema `einvoice` on the connection that the caller gave."""

from alembic import context

from einvoice.tables import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    version_table_schema="einvoice",
    include_schemas=True,
    include_name=lambda name, kind, _: name == "einvoice" if kind == "schema" else True,
)
with context.begin_transaction():
    context.run_migrations()
