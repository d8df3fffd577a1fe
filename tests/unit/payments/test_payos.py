"""payOS: the documented signatures, nested values, the sample at registration, what is not đồng."""

import json
from datetime import UTC, datetime

import pytest

from payments.gateways import Notice, NoticeForged, NoticeMalformed, Secrets
from payments.gateways.payos import PayOSGateway, sign, signed_text

KEY = "payos_demo_checksum_key"
NOW = datetime(2026, 11, 23, 3, 17, 22, tzinfo=UTC)
TEXT = (
    "accountNumber=9990001112223&amount=85000&code=00&counterAccountBankId=&counterAccountBankName=&"
    "counterAccountName=&counterAccountNumber=&currency=VND&desc=success&description=CHOK7M2QX&"
    "orderCode=1023&paymentLinkId=0a1b2c3d4e5f60718293a4b5c6d7e8f9&reference=FT26327000001&"
    "transactionDateTime=2026-11-23 10:17:22&virtualAccountName=&virtualAccountNumber=V3CHO0001"
)
DATA = {
    "orderCode": 1023, "amount": 85_000, "description": "CHOK7M2QX",
    "accountNumber": "9990001112223", "reference": "FT26327000001",
    "transactionDateTime": "2026-11-23 10:17:22", "currency": "VND",
    "paymentLinkId": "0a1b2c3d4e5f60718293a4b5c6d7e8f9", "code": "00", "desc": "success",
    "counterAccountBankId": "", "counterAccountBankName": None, "counterAccountName": "null",
    "counterAccountNumber": "undefined", "virtualAccountName": "",
    "virtualAccountNumber": "V3CHO0001",
}  # fmt: skip
SIGNATURE = "b53233d0c3ce493f2b7f87bf47b02d7aaa8e067cb25adbdb0b4a0328ca233120"
GATEWAY = PayOSGateway(Secrets(KEY))


def notice(key: str = KEY, **fields: object) -> Notice:
    data = {**DATA, **fields}
    return Notice(json.dumps({"code": "00", "data": data, "signature": sign(key, data)}).encode())


def test_the_documented_example_is_signed_to_the_letter() -> None:
    assert signed_text(DATA) == TEXT
    assert sign(KEY, DATA) == SIGNATURE


def test_lists_and_objects_are_signed_as_compact_json_with_sorted_keys() -> None:
    data = {"b": [{"y": 1, "x": None}, {"z": "Chợ"}], "a": {"d": 1, "c": 2}, "t": True}

    assert signed_text(data) == 'a={"c":2,"d":1}&b=[{"x":null,"y":1},{"z":"Chợ"}]&t=true'


def test_a_nested_value_is_proven_too() -> None:
    genuine = notice(items=[{"name": "rau", "price": 85_000}])
    other = Notice(genuine.body.replace(b'"price": 85000', b'"price": 15000'))

    assert GATEWAY.verify(genuine, NOW) is not None
    with pytest.raises(NoticeForged):
        GATEWAY.verify(other, NOW)


def test_the_documented_example_is_taken() -> None:
    found = GATEWAY.verify(notice(), NOW)

    assert (found.amount_vnd, found.memo, found.occurred_at) == (85_000, "CHOK7M2QX", NOW)
    assert found.provider_id == "0a1b2c3d4e5f60718293a4b5c6d7e8f9:FT26327000001"
    assert (found.account_no, found.reference) == ("9990001112223", "FT26327000001")


def test_parts_of_one_link_are_movements_of_their_own() -> None:
    first, second = (GATEWAY.verify(notice(reference=one), NOW) for one in ("FT1", "FT2"))

    assert first.provider_id != second.provider_id


def test_what_stands_around_the_data_is_not_signed_and_not_believed() -> None:
    body = json.loads(notice(code="01").body) | {"code": "00", "success": True}

    found = GATEWAY.verify(Notice(json.dumps(body).encode()), NOW)

    assert not found.succeeded


def test_the_sample_at_registration_gets_a_yes_and_moves_nothing() -> None:
    sample = notice(
        orderCode=123, reference="TF230204212323", transactionDateTime="2023-02-04 18:25:00",
        paymentLinkId="124c33293c43417ab7879e14c8d9eb18",
    )  # fmt: skip

    assert GATEWAY.verify(sample, NOW) is None
    assert 200 <= GATEWAY.answer("ping").status < 300


def test_the_sample_signed_by_another_is_forged() -> None:
    with pytest.raises(NoticeForged):
        GATEWAY.verify(notice("another", orderCode=123, reference="TF230204212323"), NOW)


@pytest.mark.parametrize("fields", [{"currency": "USD"}, {"amount": 0}, {"amount": "85000 "}])
def test_what_is_not_dong_is_malformed(fields: dict[str, object]) -> None:
    with pytest.raises(NoticeMalformed):
        GATEWAY.verify(notice(**fields), NOW)


@pytest.mark.parametrize("body", [b"{}", b'{"data":{}}', b'{"data":{},"signature":null}'])
def test_a_notice_nobody_signed_is_forged(body: bytes) -> None:
    with pytest.raises(NoticeForged):
        GATEWAY.verify(Notice(body), NOW)
