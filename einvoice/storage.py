"""For who uses this package alone: make its schema in any PostgreSQL."""

import sqlalchemy

from einvoice import migrations


def migrate(url: str) -> None:
    """Bring schema `einvoice` in the database of a libpq URL up to date; safe to repeat."""
    address = sqlalchemy.make_url(url).set(drivername="postgresql+psycopg")
    engine = sqlalchemy.create_engine(address, poolclass=sqlalchemy.NullPool)
    with engine.begin() as connection:
        migrations.upgrade(connection)
