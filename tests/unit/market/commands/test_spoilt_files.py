"""What somebody may give the commands instead of the file: each is told what it is and what to do."""

import os
import subprocess
import sys

import pytest

from market import cli
from payments.reconciliation import RecordEncoding
from payments.reconciliation.bank_statement import read_statement
from payments.reconciliation.provider_layout import layout_of

QUERY = b"vnp_Amount=100&vnp_TxnRef=a"


@pytest.mark.parametrize("reader", [layout_of, read_statement])
@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"%PDF-1.7\n\x00\xff", "PDF"),
        (b"PK\x03\x04\x14\x00", "workbook"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1", "old workbook"),
        (b"\x1f\x8b\x08\x00", "compressed"),
        (b"\n <HTML><body>404</body>", "web page"),
        (b"\xef\xbb\xbf<!DOCTYPE html>", "web page"),
    ],
)
def test_what_is_no_text_is_named_and_asked_for_otherwise(reader, raw: bytes, said: str) -> None:
    with pytest.raises(RecordEncoding, match=said) as refused:
        reader(raw)

    assert refused.value.what_to_do


@pytest.mark.parametrize("codec", ["utf-16", "utf-16-le"])
def test_a_settlement_file_in_utf_16_is_told_to_be_saved_otherwise(codec: str) -> None:
    with pytest.raises(RecordEncoding, match="UTF-16"):
        layout_of("settlement_date;seq\n1;2\nTRAILER\n".encode(codec))


@pytest.fixture
def told(tmp_path, monkeypatch, capsys):
    """Runs a command on a file with these bytes; its exit code and all that it said."""
    monkeypatch.setenv("MARKET_NOTICE_SECRET", "of-this-market")
    monkeypatch.setenv("MARKET_VNPAY_SECRET", "of-this-market")

    def run(raw: bytes, *command: str) -> tuple[int, str]:
        file = tmp_path / "given"
        file.write_bytes(raw)
        code = cli.main([*command, str(file)])
        said = capsys.readouterr()
        return code, said.out + said.err

    return run


@pytest.mark.parametrize("gateway", ["sepay", "casso", "payos", "signed", "stripe", "vnpay"])
@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"", "The file is empty"),
        (b" \r\n", "The file is empty"),
        (b"\xef\xbb\xbf{}", "byte order mark"),
        ('{"id":1}'.encode("utf-16"), "no UTF-8"),
    ],
    ids=["empty", "blank", "mark", "utf-16"],
)
def test_a_notice_that_an_editor_spoilt_is_told_so(told, gateway, raw: bytes, said: str) -> None:
    code, answer = told(raw, "notice", "verify", "--gateway", gateway)

    assert code == 1
    assert said in answer
    assert "The signature is right" not in answer


@pytest.mark.parametrize("action", ["sign", "verify"])
@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"", "There is nothing in it"),
        (QUERY + b"&vnp_OrderInfo=\xe9", "not UTF-8"),
        (QUERY.decode().encode("utf-16"), "not UTF-8"),
        (b"<html></html>", "There is no vnp_ parameter"),
    ],
    ids=["empty", "latin", "utf-16", "html"],
)
def test_vnpay_says_why_a_file_is_no_query(told, action, raw: bytes, said: str) -> None:
    code, answer = told(raw, "vnpay", action)

    assert code == 2
    assert said in answer


def test_a_mark_and_crlf_around_a_query_do_no_harm(told) -> None:
    code, spoilt = told(b"\xef\xbb\xbf" + QUERY + b"\r\n", "vnpay", "sign")
    _, plain = told(QUERY, "vnpay", "sign")

    assert code == 0
    assert spoilt == plain


def test_a_folder_is_no_query(tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.setenv("MARKET_VNPAY_SECRET", "of-this-market")

    code = cli.main(["vnpay", "verify", str(tmp_path)])

    assert code == 2
    assert "Is a directory" in capsys.readouterr().err


def test_standard_input_that_is_no_utf_8_is_one_sentence() -> None:
    environment = {**os.environ, "MARKET_VNPAY_SECRET": "of-this-market"}  # noqa: TID251 - a child's

    done = subprocess.run(
        [sys.executable, "-m", "market.cli", "vnpay", "sign", "-"],
        input=b"vnp_Amount=1\xff", capture_output=True, env=environment, check=False, timeout=60,
    )  # fmt: skip

    assert done.returncode == 2
    assert done.stderr.decode().splitlines() == [
        "market: Standard input is not UTF-8. Save it as UTF-8 and try again."
    ]
