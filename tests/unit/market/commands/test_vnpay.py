"""`market vnpay sign|verify`, as a program is run: examples of VNPAY's own documentation."""

import json
import os
import subprocess
import sys
from urllib.parse import parse_qsl

import pytest

SECRET = "CHODEMOSECRET0000000000000000001"
PAY = (
    "vnp_Amount=8500000&vnp_BankCode=VNPAYQR&vnp_Command=pay&vnp_CreateDate=20261123101500"
    "&vnp_CurrCode=VND&vnp_ExpireDate=20261123103000&vnp_IpAddr=203.0.113.10&vnp_Locale=vn"
    "&vnp_OrderInfo=Thanh+toan+don+HD000123&vnp_OrderType=100000"
    "&vnp_ReturnUrl=https%3A%2F%2Fcho.example.vn%2Fpay%2Freturn&vnp_TmnCode=CHODEMO1"
    "&vnp_TxnRef=HD000123&vnp_Version=2.1.0"
)
PAY_HASH = (
    "af6f63b64d0f929e14079e7c8a27c676343b7467c26fdfd08788fa347144448219a92f9e9f5f9167581dc32831fed1"
    "3431ad1025fdc7ded2d84827b15e07714b"
)
IPN = (
    "vnp_Amount=8500000&vnp_BankCode=NCB&vnp_BankTranNo=VNP15000001&vnp_CardType=ATM"
    "&vnp_OrderInfo=Thanh+toan+don+HD000123&vnp_PayDate=20261123101722&vnp_ResponseCode=00"
    "&vnp_TmnCode=CHODEMO1&vnp_TransactionNo=15000001&vnp_TransactionStatus=00&vnp_TxnRef=HD000123"
    "&vnp_SecureHash=b0c07f6e1328a3b33fa04f346942e594b5022aa24d9a90389069ac5e981afef57ee3a10d47c59e18"
    "daf0de93915d36afa589c8834418313d1dd06ff7dda6ab90"
)
QUERY = {
    "vnp_RequestId": "Q0001", "vnp_Version": "2.1.0", "vnp_Command": "querydr",
    "vnp_TmnCode": "CHODEMO1", "vnp_TxnRef": "HD000123", "vnp_OrderInfo": "Truy van HD000123",
    "vnp_TransactionDate": 20261123101500, "vnp_CreateDate": 20261123103500,
    "vnp_IpAddr": "203.0.113.10",
}  # fmt: skip
QUERY_HASH = (
    "5afa708b96e4dbe3b901205b436a24b7c0e9e99b643078ea0a0e6e473b8b4ad9e7352e725791977b447cd76ab71c978"
    "e5b31a747083097c8541252c7464ef7df"
)


def run(*arguments, stdin="", secret=SECRET):
    environment = {**os.environ, "MARKET_VNPAY_SECRET": secret}  # noqa: TID251 - a child's
    done = subprocess.run(
        [sys.executable, "-m", "market.cli", "vnpay", *arguments],
        input=stdin, capture_output=True, text=True, env=environment, check=False, timeout=60,
    )  # fmt: skip
    return done.returncode, done.stdout, done.stderr


def test_a_pay_query_is_signed_to_the_letter():
    code, out, err = run("sign", PAY)

    assert (code, out, err) == (0, f"{PAY}&vnp_SecureHash={PAY_HASH}\n", "")


def test_a_query_may_be_json_in_a_file_and_in_any_order(tmp_path):
    file = tmp_path / "pay.json"
    file.write_text(json.dumps(dict(reversed(parse_qsl(PAY)))))

    code, out, _ = run("sign", str(file), "--json")

    assert (code, json.loads(out)["hash"]) == (0, PAY_HASH)


def test_a_querydr_message_is_joined_by_pipes():
    code, out, _ = run("sign", "-", "--json", stdin=json.dumps(QUERY))

    signed = json.loads(out)
    assert (code, signed["kind"], signed["hash"]) == (0, "querydr request", QUERY_HASH)
    assert signed["message"]["vnp_SecureHash"] == QUERY_HASH


def test_a_genuine_ipn_is_told_in_words():
    code, out, _ = run("verify", f"https://cho.example.vn/hooks/vnpay?{IPN}")

    assert code == 0
    assert "85.000 đ" in out
    assert "23/11/2026 10:17:22 (GMT+7)" in out
    assert "paid: yes" in out


def test_a_changed_ipn_is_not_genuine():
    code, out, _ = run("verify", "--json", IPN.replace("8500000", "9500000"))

    assert (code, json.loads(out)["genuine"]) == (1, False)


@pytest.mark.parametrize(
    ("signed", "reason"),
    [
        ("vnp_A=Thanh toan&vnp_B=1", "not encoded"),
        ("vnp_A=Thanh%20toan&vnp_B=1", "%20"),
        ("vnp_A=Thanh+toan&vnp_B=1&vnp_C=", "empty"),
        ("a=1&vnp_A=Thanh+toan&vnp_B=1", "do not begin"),
    ],
)
def test_the_usual_mistakes_are_named(signed, reason):
    from payments.gateways.vnpay import sign

    sent = f"vnp_A=Thanh+toan&vnp_B=1&vnp_C=&a=1&vnp_SecureHash={sign(SECRET, signed)}"

    code, out, _ = run("verify", sent)

    assert code == 1
    assert reason in out


def test_the_secret_is_neither_printed_nor_taken_from_the_command_line(tmp_path):
    file = tmp_path / "secret"
    file.write_text(f"{SECRET}\n")

    by_file = run("verify", IPN, "--secret", f"file:{file}", secret="")
    missing = run("verify", IPN, secret="")
    itself = run("verify", IPN, "--secret", SECRET)

    assert [one[0] for one in (by_file, missing, itself)] == [0, 2, 2]
    assert not any(SECRET in text for one in (by_file, missing, itself) for text in one[1:])


@pytest.mark.parametrize("given", ["nothing.json", "a=1&b=2", '{"vnp_A": [1]}', '{"vnp_A": 1.5'])
def test_what_cannot_be_read_is_misuse_with_one_plain_sentence(given):
    code, _, err = run("verify", given)

    assert code == 2
    assert err.startswith("market: ")
    assert err.count("\n") == 1


def test_a_query_that_says_a_thing_twice_is_never_genuine():
    code, out, err = run("verify", f"vnp_Amount=100&{IPN}")

    assert (code, out) == (2, "")
    assert "stands twice" in err


def test_nothing_is_named_as_nothing():
    code, out, err = run("verify", "")

    assert (code, out) == (2, "")
    assert "There is nothing in it." in err
