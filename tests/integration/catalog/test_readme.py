import ast
import re
from datetime import datetime
from pathlib import Path
from types import CodeType
from typing import Any

import pytest

import catalog
from market import ids


async def test_the_lines_of_the_readme_run(
    database_url: str, now: datetime, capsys: pytest.CaptureFixture[str]
) -> None:
    readme = Path(catalog.__file__).with_name("README.md").read_text("utf-8")
    (lines,) = re.findall(r"```python\n(.*?)```", readme, re.DOTALL)
    names: dict[str, Any] = {
        "uuid7": ids.new,
        "now": now,
        "url": database_url,
    }
    code: CodeType = compile(lines, "README.md", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)

    await eval(code, names)  # noqa: S307 - our own readme

    assert capsys.readouterr().out == "Đậu phụ 1\n4500 live\n"
