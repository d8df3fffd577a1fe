"""The README's example runs."""

import re
from pathlib import Path

README = Path(__file__).parents[3] / "einvoice" / "README.md"


def test_the_example_makes_signs_verifies_and_reads(capsys):
    example = re.search(r"```python\n(.*?)```", README.read_text("utf-8"), re.DOTALL)[1]

    exec(compile(example, str(README), "exec"), {})  # noqa: S102 - our own file

    assert capsys.readouterr().out == "Chín mươi lăm nghìn đồng\n"
    assert len([line for line in example.splitlines() if line]) <= 20
