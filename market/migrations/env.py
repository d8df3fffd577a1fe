"""Run by Alembic: migrate schema `market` on the connection that the caller gave."""

from alembic import context

from market.tables import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    version_table_schema="market",
    include_schemas=True,
    include_name=lambda name, kind, _: name == "market" if kind == "schema" else True,
)
with context.begin_transaction():
    context.run_migrations()
