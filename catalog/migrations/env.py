"""Run by Alembic: migrate schema `catalog` on the connection that the caller gave."""

from alembic import context

from catalog.tables import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    version_table_schema="catalog",
    include_schemas=True,
    include_name=lambda name, kind, _: name == "catalog" if kind == "schema" else True,
)
with context.begin_transaction():
    context.run_migrations()
