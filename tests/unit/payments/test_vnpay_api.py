"""querydr and refund messages, to the letter of the documentation."""

import json

import pytest

from payments.gateways import NoticeMalformed, Secrets, vnpay_api
from payments.gateways.vnpay import sign

SECRET = "CHODEMOSECRET0000000000000000001"
QUERY = {
    "vnp_RequestId": "Q0001",
    "vnp_Version": "2.1.0",
    "vnp_Command": "querydr",
    "vnp_TmnCode": "CHODEMO1",
    "vnp_TxnRef": "HD000123",
    "vnp_OrderInfo": "Truy van HD000123",
    "vnp_TransactionDate": "20261123101500",
    "vnp_CreateDate": "20261123103500",
    "vnp_IpAddr": "203.0.113.10",
}
ANSWER = {
    "vnp_ResponseId": "8f14e45fceea167a5a36dedd4bea2543",
    "vnp_Command": "querydr",
    "vnp_ResponseCode": "00",
    "vnp_Message": "QueryDR Success",
    "vnp_TmnCode": "CHODEMO1",
    "vnp_TxnRef": "HD000123",
    "vnp_Amount": "8500000",
    "vnp_OrderInfo": "Thanh toan don HD000123",
    "vnp_BankCode": "NCB",
    "vnp_PayDate": "20261123101722",
    "vnp_TransactionNo": "15000001",
    "vnp_TransactionType": "01",
    "vnp_TransactionStatus": "00",
}
REFUND = {
    **QUERY,
    "vnp_RequestId": "R0001",
    "vnp_Command": "refund",
    "vnp_TransactionType": "03",
    "vnp_Amount": "3000000",
    "vnp_TransactionNo": "15000001",
    "vnp_CreateBy": "ketoan01",
    "vnp_CreateDate": "20261123140000",
    "vnp_OrderInfo": "Hoan mot phan HD000123",
}
REFUND_ANSWER = {
    **ANSWER,
    "vnp_ResponseId": "c9f0f895fb98ab9159f51fd0297e236d",
    "vnp_Command": "refund",
    "vnp_Message": "Refund success",
    "vnp_Amount": "3000000",
    "vnp_PayDate": "20261123140001",
    "vnp_TransactionNo": "15000002",
    "vnp_TransactionType": "03",
    "vnp_TransactionStatus": "05",
    "vnp_OrderInfo": "Hoan mot phan HD000123",
}


@pytest.mark.parametrize(
    ("fields", "data", "signature"),
    [
        (
            QUERY,
            "Q0001|2.1.0|querydr|CHODEMO1|HD000123|20261123101500|20261123103500|203.0.113.10|"
            "Truy van HD000123",
            "5afa708b96e4dbe3b901205b436a24b7c0e9e99b643078ea0a0e6e473b8b4ad9e7352e725791977b447cd76ab71c"
            "978e5b31a747083097c8541252c7464ef7df",
        ),
        (
            REFUND,
            "R0001|2.1.0|refund|CHODEMO1|03|HD000123|3000000|15000001|20261123101500|ketoan01|"
            "20261123140000|203.0.113.10|Hoan mot phan HD000123",
            "7a8b6890da4bf4b2c29898cc8dd4b1a593cfebd022370160d0f43057abb0323702e08f6de32ec5e8809ea446ed2b"
            "6e1b1549562b8c3f79197a93e35208f151f5",
        ),
    ],
)
def test_requests_are_signed_to_the_letter(
    fields: dict[str, str], data: str, signature: str
) -> None:
    assert vnpay_api.request_data(fields) == data
    assert vnpay_api.signed_request(fields, SECRET)["vnp_SecureHash"] == signature


@pytest.mark.parametrize(
    ("fields", "data", "signature"),
    [
        (
            ANSWER,
            "8f14e45fceea167a5a36dedd4bea2543|querydr|00|QueryDR Success|CHODEMO1|HD000123|8500000|NCB|"
            "20261123101722|15000001|01|00|Thanh toan don HD000123||",
            "3c53af97a19ac64a2908f6c6d0e37c6509e113c5fe305e739452b142c10d926587eb1d36ca81194112d96bf9e74a"
            "4c54eaaecba4fb4c04a038ed950ae04aa9ba",
        ),
        (
            REFUND_ANSWER,
            "c9f0f895fb98ab9159f51fd0297e236d|refund|00|Refund success|CHODEMO1|HD000123|3000000|NCB|"
            "20261123140001|15000002|03|05|Hoan mot phan HD000123",
            "30a6b499ab0842a859ec44f75ebb0eeb86536babcdbf26988618e476f1d7e2630dcd9eefd8b68dca88dc245f0cfd"
            "baafaa8832a9aecfa316dfa93a6640be4d06",
        ),
    ],
)
def test_answers_are_signed_to_the_letter(
    fields: dict[str, str], data: str, signature: str
) -> None:
    command = fields["vnp_Command"]

    signed = vnpay_api.signed_answer(fields, command, SECRET)

    assert vnpay_api.answer_data(fields, command) == data
    assert signed["vnp_SecureHash"] == signature
    assert vnpay_api.verify_answer(signed, command, Secrets(SECRET))
    assert not vnpay_api.verify_answer({**signed, "vnp_Amount": "1"}, command, Secrets(SECRET))
    assert not vnpay_api.verify_answer(fields, command, Secrets(SECRET))


@pytest.mark.parametrize("number", ["", "0"])
def test_a_refund_without_a_number_may_be_signed_with_nothing_or_zero(number: str) -> None:
    fields = {name: value for name, value in REFUND.items() if name != "vnp_TransactionNo"}
    data = vnpay_api.request_data(REFUND).replace("|15000001|", f"|{number}|")

    assert vnpay_api.verify_request(
        {**fields, "vnp_SecureHash": sign(SECRET, data)}, Secrets(SECRET)
    )


def test_numbers_in_a_message_are_read_as_their_digits() -> None:
    sent = json.dumps({**QUERY, "vnp_TransactionDate": 20261123101500}).encode()

    assert vnpay_api.texts(sent) == QUERY


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"a":{}}', b'{"a":true}', b"\xff"])
def test_a_message_that_is_no_flat_object_is_malformed(body: bytes) -> None:
    with pytest.raises(NoticeMalformed):
        vnpay_api.texts(body)
