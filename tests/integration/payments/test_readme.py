"""The twenty lines of the README work, on a database that has only this engine."""

import re
from pathlib import Path

import asyncpg
import pytest
from sqlalchemy import make_url

import payments

README = Path(payments.__file__).with_name("README.md")


@pytest.fixture
async def empty_url(database_url):
    connection = await asyncpg.connect(database_url)
    for schema in ("payments", "einvoice", "catalog", "market"):
        await connection.execute(f"DROP SCHEMA {schema} CASCADE")
    await connection.close()
    return make_url(database_url).render_as_string(hide_password=False)


async def test_the_engine_works_alone_as_the_readme_says(empty_url):
    (source,) = re.findall(r"```python\n(.*?)```", README.read_text("utf-8"), re.DOTALL)
    names = {}
    exec(compile(source, README, "exec"), names)  # noqa: S102 - our own README

    settled = await names["main"](empty_url)

    assert settled.outcome == "settled"
    assert (await payments.audit(empty_url)).is_clean
