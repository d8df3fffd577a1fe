"""VNPAY 2.1.0: documented examples to the letter, both encodings, the order of IPN answers."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, quote

import pytest

from payments.gateways import (
    Gateway,
    Notice,
    NoticeForged,
    NoticeMalformed,
    Secrets,
    SourceNotAllowed,
    vnpay,
)

SECRET = "CHODEMOSECRET0000000000000000001"
SECRETS = Secrets(SECRET)
CONFIG = vnpay.VNPayConfig("CHODEMO1", SECRETS, "https://sandbox.vnpayment.vn")
GATEWAY = vnpay.VNPayGateway(CONFIG)
NOW = datetime(2026, 11, 23, 3, 15, tzinfo=UTC)  # 10:15 in Vietnam
PAY = (
    "vnp_Amount=8500000&vnp_BankCode=VNPAYQR&vnp_Command=pay&vnp_CreateDate=20261123101500&"
    "vnp_CurrCode=VND&vnp_ExpireDate=20261123103000&vnp_IpAddr=203.0.113.10&vnp_Locale=vn&"
    "vnp_OrderInfo=Thanh+toan+don+HD000123&vnp_OrderType=100000&vnp_ReturnUrl=https%3A%2F%2F"
    "cho.example.vn%2Fpay%2Freturn&vnp_TmnCode=CHODEMO1&vnp_TxnRef=HD000123&vnp_Version=2.1.0"
)
PAY_HASH = (
    "af6f63b64d0f929e14079e7c8a27c676343b7467c26fdfd08788fa347144448219a92f9e9f5f9167581dc32831fed134"
    "31ad1025fdc7ded2d84827b15e07714b"
)
IPN = (
    "vnp_Amount=8500000&vnp_BankCode=NCB&vnp_BankTranNo=VNP15000001&vnp_CardType=ATM&"
    "vnp_OrderInfo=Thanh+toan+don+HD000123&vnp_PayDate=20261123101722&vnp_ResponseCode=00&"
    "vnp_TmnCode=CHODEMO1&vnp_TransactionNo=15000001&vnp_TransactionStatus=00&vnp_TxnRef=HD000123"
)
IPN_HASH = (
    "b0c07f6e1328a3b33fa04f346942e594b5022aa24d9a90389069ac5e981afef57ee3a10d47c59e18daf0de93915d36af"
    "a589c8834418313d1dd06ff7dda6ab90"
)


def ipn(**changes: str) -> Notice:
    fields = {**dict(parse_qsl(IPN)), **changes}
    return Notice(query=vnpay.signed_query(fields, SECRET))


def test_a_pay_address_is_signed_to_the_letter() -> None:
    order = vnpay.VNPayOrder(
        txn_ref="HD000123",
        amount_vnd=85_000,
        info="Thanh toán đơn HD000123",
        return_url="https://cho.example.vn/pay/return",
        ip="203.0.113.10",
        expires_at=NOW + timedelta(minutes=15),
        bank_code="VNPAYQR",
    )

    address = vnpay.pay_url(CONFIG, order, NOW)

    assert address == (
        f"https://sandbox.vnpayment.vn/paymentv2/vpcpay.html?{PAY}&vnp_SecureHash={PAY_HASH}"
    )


def test_the_documented_ipn_is_signed_to_the_letter() -> None:
    assert vnpay.sign(SECRET, IPN) == IPN_HASH


def test_the_documented_ipn_is_taken() -> None:
    found = GATEWAY.verify(Notice(query=f"{IPN}&vnp_SecureHash={IPN_HASH}"), NOW)

    assert (found.provider_id, found.amount_vnd) == ("15000001", 85_000)
    assert (found.payment_ref, found.reference) == ("HD000123", "VNP15000001")
    assert found.occurred_at == datetime(2026, 11, 23, 3, 17, 22, tzinfo=UTC)
    assert found.succeeded


@pytest.mark.parametrize("told", ["19700101000000", "20991231235959", "00010101000000", "0"])
def test_a_time_that_cannot_be_true_is_no_time_of_payment(told: str) -> None:
    found = GATEWAY.verify(ipn(vnp_PayDate=told), NOW)

    assert found.occurred_at == NOW


def test_a_hash_in_capitals_is_the_same_hash() -> None:
    notice = Notice(query=f"{IPN}&vnp_SecureHash={IPN_HASH.upper()}")

    assert GATEWAY.verify(notice, NOW).succeeded


@pytest.mark.parametrize(
    "encode",
    [
        lambda text: quote(text, safe=""),
        lambda text: quote(text, safe="!'()*~").replace("%20", "+"),
        lambda text: quote(text, safe="*-._").replace("~", "%7E").replace("%20", "+"),
        lambda text: quote(text, safe="").replace("%2A", "*").lower(),
    ],
)
def test_every_encoder_of_the_field_verifies(encode: object) -> None:
    fields = {**dict(parse_qsl(IPN)), "vnp_OrderInfo": "rau (sạch) ~ 2*3 'ngon'!"}
    raw = "&".join(f"{name}={encode(value)}" for name, value in sorted(fields.items()))  # type: ignore[operator]
    query = f"{raw}&vnp_SecureHash={vnpay.sign(SECRET, raw)}"

    assert vnpay.verify_query(query, SECRETS)["vnp_TxnRef"]


def test_order_empty_fields_hash_type_and_foreign_fields_do_not_matter() -> None:
    pairs = [*reversed(IPN.split("&")), "vnp_Promo=", "vnp_SecureHashType=SHA512", "utm=1"]
    query = "&".join(["lang=vi", *pairs, f"vnp_SecureHash={IPN_HASH}"])

    fields = vnpay.verify_query(query, SECRETS)

    assert fields["vnp_Amount"] == "8500000"
    assert "utm" not in fields
    assert "vnp_SecureHashType" not in fields


def test_unknown_vnp_fields_are_signed_too() -> None:
    notice = ipn(vnp_Novelty="1")

    assert GATEWAY.verify(notice, NOW).succeeded
    with pytest.raises(NoticeForged):
        GATEWAY.verify(Notice(query=notice.query.replace("Novelty=1", "Novelty=2")), NOW)


@pytest.mark.parametrize(
    "query",
    [
        "",
        IPN,
        f"{IPN}&vnp_SecureHash=",
        f"{IPN}&vnp_SecureHash={IPN_HASH[:-1]}",
        f"{IPN.replace('8500000', '8500001')}&vnp_SecureHash={IPN_HASH}",
        f"{IPN}&vnp_SecureHash={vnpay.sign('another secret', IPN)}",
        vnpay.signed_query({**dict(parse_qsl(IPN)), "vnp_TmnCode": "OTHERTMN"}, SECRET),
    ],
)
def test_an_ipn_nobody_signed_is_forged(query: str) -> None:
    with pytest.raises(NoticeForged):
        GATEWAY.verify(Notice(query=query), NOW)


def test_a_repeated_field_is_refused() -> None:
    doubled = "&".join(sorted([*IPN.split("&"), "vnp_Amount=100"]))

    with pytest.raises((NoticeMalformed, NoticeForged)):
        vnpay.verify_query(f"{doubled}&vnp_SecureHash={vnpay.sign(SECRET, doubled)}", SECRETS)


@pytest.mark.parametrize(
    ("response", "status", "paid"),
    [
        ("00", "00", True),
        ("00", "01", False),
        ("24", "02", False),
        ("07", "07", False),
        ("00", "", False),
    ],
)
def test_paid_means_both_codes(response: str, status: str, paid: bool) -> None:
    notice = ipn(vnp_ResponseCode=response, vnp_TransactionStatus=status)

    assert GATEWAY.verify(notice, NOW).succeeded is paid


def test_cancelled_payments_are_told_apart_though_their_number_is_zero() -> None:
    cancelled = {"vnp_TransactionNo": "0", "vnp_ResponseCode": "24", "vnp_TransactionStatus": "02"}

    first = GATEWAY.verify(ipn(**cancelled), NOW)
    second = GATEWAY.verify(ipn(**cancelled, vnp_TxnRef="HD000124"), NOW)

    assert first.provider_id != second.provider_id


@pytest.mark.parametrize(
    "changes",
    [
        {"vnp_Amount": "8500050"},
        {"vnp_Amount": "-100"},
        {"vnp_Amount": "0"},
        {"vnp_Amount": "85e5"},
        {"vnp_Amount": "٨٥٠٠٠٠٠"},
        {"vnp_TxnRef": ""},
        {"vnp_ResponseCode": ""},
    ],
)
def test_a_signed_ipn_that_makes_no_sense_is_malformed(changes: dict[str, str]) -> None:
    with pytest.raises(NoticeMalformed):
        GATEWAY.verify(ipn(**changes), NOW)


def test_a_signed_ipn_about_no_order_is_answered_01() -> None:
    with pytest.raises(vnpay.OrderUnnamed) as raised:
        GATEWAY.verify(ipn(vnp_TxnRef=""), NOW)

    assert GATEWAY.refusal(raised.value).body == {"RspCode": "01", "Message": "Order not found"}


@pytest.mark.parametrize("amount", ["8500050", "8500001", "0", "85e5", ""])
def test_a_signed_amount_that_no_payment_has_is_answered_04(amount: str) -> None:
    with pytest.raises(vnpay.AmountMalformed) as raised:
        GATEWAY.verify(ipn(vnp_Amount=amount), NOW)

    assert GATEWAY.refusal(raised.value).body == {"RspCode": "04", "Message": "Invalid amount"}


@pytest.mark.parametrize(
    ("seen", "rsp_code"),
    [
        ((False, False, False, True), "97"),
        ((True, False, False, True), "01"),
        ((True, True, False, True), "04"),
        ((True, True, True, True), "02"),
        ((True, True, True, False), "00"),
    ],
)
def test_ipn_checks_are_answered_in_their_order(
    seen: tuple[bool, bool, bool, bool], rsp_code: str
) -> None:
    genuine, known, amount_agrees, final = seen

    assert (
        vnpay.ipn_rsp_code(genuine=genuine, known=known, amount_agrees=amount_agrees, final=final)
        == rsp_code
    )


@pytest.mark.parametrize(
    ("outcome", "rsp_code"),
    [
        ("settled", "00"),
        ("failed", "00"),
        ("late", "00"),
        ("ALREADY_SEEN", "02"),
        ("duplicate_payment", "02"),
        ("amount_mismatch", "04"),
        ("unmatched", "01"),
    ],
)
def test_each_outcome_has_its_answer(outcome: str, rsp_code: str) -> None:
    answer = GATEWAY.answer(outcome)

    assert (answer.status, answer.body["RspCode"]) == (200, rsp_code)
    assert answer.body["Message"] == vnpay.IPN_ANSWERS[rsp_code]


def test_refusals_keep_status_200() -> None:
    forged = GATEWAY.refusal(NoticeForged("vnpay", ""))
    broken = GATEWAY.refusal(NoticeMalformed("vnpay", ""))

    assert (forged.status, forged.body["RspCode"]) == (200, "97")
    assert (broken.status, broken.body["RspCode"]) == (200, "99")


def test_times_are_those_of_a_clock_in_vietnam() -> None:
    late = datetime(2026, 11, 22, 17, 30, tzinfo=UTC)

    assert vnpay.stamp(late) == "20261123003000"
    assert vnpay.instant("20261123003000") == late
    assert vnpay.instant("20261323003000") is None
    assert vnpay.instant("") is None


def test_order_info_keeps_only_what_every_encoder_writes_alike() -> None:
    assert vnpay.plain_info("Đơn #12: rau & củ (sạch) – 50% ~") == "Don 12: rau cu sach 50"
    assert vnpay.plain_info("蔬菜") == "Thanh toan"


def test_the_gateway_fits_the_protocol_and_hides_its_secret() -> None:
    gateway: Gateway = GATEWAY

    assert gateway.name == "vnpay"
    assert SECRET not in repr(gateway)


LISTED = vnpay.VNPayGateway(replace(CONFIG, networks=("203.0.113.7/32", "2001:db8::/32")))


@pytest.mark.parametrize("source", ["203.0.113.7", "::ffff:203.0.113.7", "2001:db8::5", None])
def test_an_ipn_from_a_listed_address_is_taken_and_so_is_a_browsers_return(source) -> None:
    told = LISTED.verify(replace(ipn(), source=source), NOW)

    assert told.succeeded


@pytest.mark.parametrize("source", ["203.0.113.8", "2001:db9::5", "", "localhost", "203.0.113"])
def test_an_ipn_from_elsewhere_is_answered_03(source) -> None:
    with pytest.raises(SourceNotAllowed) as refused:
        LISTED.verify(replace(ipn(), source=source), NOW)

    assert LISTED.refusal(refused.value).body["RspCode"] == "03"


def test_a_wrong_hash_is_97_wherever_it_comes_from() -> None:
    forged = Notice(query=f"{IPN}&vnp_SecureHash={'0' * 128}", source="203.0.113.8")

    with pytest.raises(NoticeForged) as refused:
        LISTED.verify(forged, NOW)

    assert LISTED.refusal(refused.value).body["RspCode"] == "97"


def test_without_a_list_the_signature_alone_decides() -> None:
    assert GATEWAY.verify(replace(ipn(), source="198.51.100.1"), NOW)
