"""Write the next migration of one package: `python -m market.migrations.new payments "what it does"`."""

import sys
import tempfile
from importlib import import_module
from pathlib import Path

import sqlalchemy
from alembic import command

from market import db
from market.embedded import Cluster


def main(package: str, message: str) -> None:
    """Compare the tables in code with a freshly migrated scratch database, write the difference."""
    with tempfile.TemporaryDirectory() as scratch:
        cluster = Cluster(Path(scratch))
        url = cluster.start()
        try:
            migrations = import_module(f"{package}.migrations")
            engine = sqlalchemy.create_engine(db.sqlalchemy_url(url, "psycopg"))
            with engine.begin() as connection:
                migrations.upgrade(connection)
                config = migrations._config(connection)
                assert migrations.__file__ is not None
                folder = Path(str(migrations.__file__)).parent / "versions"
                number = len(list(folder.glob("[0-9]*.py"))) + 1
                command.revision(config, message, autogenerate=True, rev_id=f"{number:04d}")
        finally:
            cluster.stop()


if __name__ == "__main__":
    main(*sys.argv[1:])
