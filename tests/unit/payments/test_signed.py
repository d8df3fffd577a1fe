"""The signed form of a bank partner: the specification's own example, rotation, what is refused."""

import base64
import json
from datetime import UTC, datetime

import httpx
import pytest

from payments.gateways import Notice, NoticeForged, NoticeMalformed, Secrets
from payments.gateways.signed import SignedGateway, SignedList, sign

SECRET, OTHER = "whsec_" + base64.b64encode(b"a" * 24).decode(), "any text is a key too"
SENT = 1795403842
NOW = datetime.fromtimestamp(SENT, UTC)
TOLD = {
    "id": "BNK-1", "amount_vnd": 85_000, "account_no": "9990001112223",
    "occurred_at": "2026-11-23T10:17:22+07:00", "reference": "FT26327000001", "memo": "CHOK7M2QX",
    "bank_bin": "970436", "direction": "in",
}  # fmt: skip
GATEWAY = SignedGateway(Secrets(SECRET, OTHER))


def notice(*secrets: str, message_id: str = "msg_1", **fields: object) -> Notice:
    body = json.dumps({**TOLD, **fields}).encode()
    signatures = " ".join(sign(one, message_id, SENT, body) for one in secrets or (SECRET,))
    headers = {
        "webhook-id": message_id, "webhook-timestamp": str(SENT), "webhook-signature": signatures
    }  # fmt: skip
    return Notice(body, headers)


def test_the_example_of_the_specification_is_signed_to_the_letter() -> None:
    made = sign(
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330,
        b'{"test": 2432232314}',
    )  # fmt: skip

    assert made == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_a_movement_is_read_whole() -> None:
    found = GATEWAY.verify(notice(), NOW)

    assert (found.provider_id, found.amount_vnd, found.occurred_at) == ("BNK-1", 85_000, NOW)
    assert (found.account_no, found.bank_bin) == ("9990001112223", "970436")
    assert (found.reference, found.memo, found.direction) == ("FT26327000001", "CHOK7M2QX", "in")


@pytest.mark.parametrize("secrets", [(SECRET,), (OTHER,), ("unknown", OTHER), (SECRET, "unknown")])
def test_either_secret_is_enough_among_several_signatures(secrets: tuple[str, ...]) -> None:
    assert GATEWAY.verify(notice(*secrets), NOW) is not None


def test_more_signatures_than_anybody_needs_are_not_read() -> None:
    with pytest.raises(NoticeForged):
        GATEWAY.verify(notice(*["unknown"] * 5, SECRET), NOW)


@pytest.mark.parametrize("header", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_id_time_and_signature_are_all_needed(header: str) -> None:
    genuine = notice()
    lacking = {name: value for name, value in genuine.headers.items() if name != header}

    for headers in (lacking, {**genuine.headers, header: "é" * 200}):
        with pytest.raises(NoticeForged):
            GATEWAY.verify(Notice(genuine.body, headers), NOW)


def test_a_test_tells_of_no_money() -> None:
    assert GATEWAY.verify(notice(is_test=True), NOW) is None


@pytest.mark.parametrize(
    "fields",
    [{"amount": 5}, {"amount_vnd": 85_000.0}, {"amount_vnd": "85000"}, {"amount_vnd": 0},
     {"id": " "}, {"bank_bin": "999999"}, {"account_no": "1-2"}, {"direction": "up"},
     {"occurred_at": "2025-01-01T00:00:00Z"}, {"occurred_at": "2026-12-31T00:00:00Z"},
     {"currency": "USD"}],
)  # fmt: skip
def test_what_the_form_does_not_allow_is_malformed(fields: dict[str, object]) -> None:
    with pytest.raises(NoticeMalformed):
        GATEWAY.verify(notice(**fields), NOW)


def test_a_key_of_no_bytes_is_no_key() -> None:
    with pytest.raises(AssertionError):
        SignedGateway(Secrets("whsec_"))


async def test_the_list_goes_on_from_its_position_page_by_page() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        after = int(request.url.params["after"])
        rows = [{"seq": n, "transfer": {**TOLD, "id": f"BNK-{n}"}} for n in (3, 2, 1) if n > after]
        return httpx.Response(200, json={"transfers": rows[-2:]})

    http = httpx.AsyncClient(transport=httpx.MockTransport(answer))
    listing = SignedList(Secrets(SECRET), http, "https://bank.test/list", length=2)

    first = await listing.page(0, NOW)
    second = await listing.page(first.position, NOW)

    assert [one.told.provider_id for one in first.rows] == ["BNK-1", "BNK-2"]
    assert (first.position, first.is_last) == (2, False)
    assert [one.told.provider_id for one in second.rows] == ["BNK-3"]
    assert (second.position, second.is_last) == (3, True)
