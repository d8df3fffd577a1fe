"""Logs are JSON lines without secrets, bodies or personal data."""

import json
import logging

import pytest
import structlog

from market import logs


@pytest.fixture
def restored():
    """The logging of the test run, as it was."""
    root = logging.getLogger()
    before, level = list(root.handlers), root.level
    yield
    root.handlers[:] = before
    root.setLevel(level)
    structlog.reset_defaults()


@pytest.mark.parametrize(
    "field", ["secret", "vnpay_secret", "pin", "pin_hash", "token", "Authorization", "body",
              "phone", "account_no", "Cookie", "signature"],
)  # fmt: skip
def test_a_secret_field_is_never_written(field):
    assert logs.redact(None, "info", {field: "1234"}) == {field: logs.HIDDEN}


@pytest.mark.parametrize("field", ["opinion", "pinned", "amount_vnd", "event", "attempts"])
def test_an_ordinary_field_is_written(field):
    assert logs.redact(None, "info", {field: "1234"}) == {field: "1234"}


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("connect to postgresql://owner:s3cret@db/market", "s3cret"),
        ("[SQL: SELECT 1]\n[parameters: {'phone': '+84900000001'}]\n(Background", "+84900000001"),
        ("duplicate key\nDETAIL:  Key (phone)=(+84900000001) already exists.", "+84900000001"),
        ("signed with whsec_demo_sepay", "whsec_demo_sepay"),
    ],
)
def test_a_secret_inside_a_text_is_hidden(text, secret):
    written = logs.redact(None, "info", {"error": text, "deep": {"list": [text]}})

    assert secret not in json.dumps(written)


def test_both_kinds_of_logger_write_one_json_line_with_the_process(restored, capsys):
    logs.configure("worker")

    structlog.get_logger("market.test").info("đã nhận", amount_vnd=50_000, token="abc")
    logging.getLogger("library").warning("of a library %s", "x")

    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [line["event"] for line in lines] == ["đã nhận", "of a library x"]
    assert {line["process"] for line in lines} == {"worker"}
    assert lines[0]["amount_vnd"] == 50_000
    assert lines[0]["token"] == logs.HIDDEN
