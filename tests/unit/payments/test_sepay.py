"""SePay's notices: the documented example, forgeries, replays and odd amounts."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from payments.gateways import (
    GatewayRefused,
    GatewayUnavailable,
    Notice,
    NoticeForged,
    NoticeMalformed,
    NoticeStale,
    Secrets,
)
from payments.gateways.sepay import SePayGateway, SePayList, sign

SECRET = "whsec_demo_sepay"
SENT = 1795403842
NOW = datetime.fromtimestamp(SENT, UTC)
BODY = (
    b'{"id":100001,"gateway":"Vietcombank","transactionDate":"2026-11-23 10:17:22","accountNumber":'
    b'"9990001112223","subAccount":null,"code":"CHOK7M2QX","content":"MBVCB.1234567890.123456.CHOK7M'
    b'2QX.CT tu 0000000000 NGUYEN VAN A toi 9990001112223 CO LAN","transferType":"in","transferAmoun'
    b't":85000,"accumulated":0,"referenceCode":"MBVCB.1234567890","description":"BankAPINotify MBVCB'
    b'.1234567890.123456.CHOK7M2QX"}'
)
SIGNATURE = "sha256=2f2a944be1299c6d892af1812e190677f472415d6fd1dc724cb326a1ccc38128"
GATEWAY = SePayGateway(Secrets(SECRET))


def signed(body: bytes, secret: str = SECRET, sent: int = SENT) -> Notice:
    headers = {"x-sepay-signature": sign(secret, sent, body), "x-sepay-timestamp": str(sent)}
    return Notice(body=body, headers=headers)


def changed(**fields: object) -> Notice:
    return signed(json.dumps({**json.loads(BODY), **fields}).encode())


def test_the_documented_example_is_signed_to_the_letter() -> None:
    assert sign(SECRET, SENT, BODY) == SIGNATURE


def test_the_documented_example_is_taken() -> None:
    found = GATEWAY.verify(signed(BODY), NOW)

    assert found is not None
    assert (found.gateway, found.provider_id, found.amount_vnd) == ("sepay", "100001", 85_000)
    assert found.occurred_at == NOW
    assert found.reference == "MBVCB.1234567890"
    assert "CHOK7M2QX" in found.memo
    assert (found.account_no, found.bank_bin) == ("9990001112223", "970436")
    assert (found.direction, found.succeeded) == ("in", True)


@pytest.mark.parametrize("content", ["", None])
def test_where_the_memo_is_empty_the_text_of_the_bank_is_read(content: str | None) -> None:
    found = GATEWAY.verify(changed(content=content), NOW)
    bare = GATEWAY.verify(changed(content=content, description=""), NOW)

    assert found is not None
    assert bare is not None
    assert "CHOK7M2QX" in found.memo
    assert bare.memo == "CHOK7M2QX"


@pytest.mark.parametrize(
    "notice",
    [
        Notice(body=BODY),
        Notice(body=BODY, headers={"x-sepay-signature": SIGNATURE}),
        Notice(BODY, {"x-sepay-signature": SIGNATURE, "x-sepay-timestamp": "soon"}),
        Notice(BODY, {"x-sepay-signature": SIGNATURE, "x-sepay-timestamp": "9" * 40}),
        Notice(BODY, {"x-sepay-signature": "sha256=", "x-sepay-timestamp": str(SENT)}),
        Notice(BODY, {"x-sepay-signature": "sha256=é", "x-sepay-timestamp": str(SENT)}),
        Notice(BODY, {"x-sepay-signature": SIGNATURE[7:], "x-sepay-timestamp": str(SENT)}),
        Notice(BODY + b" ", {"x-sepay-signature": SIGNATURE, "x-sepay-timestamp": str(SENT)}),
        Notice(BODY, {"x-sepay-signature": SIGNATURE, "x-sepay-timestamp": str(SENT + 1)}),
        signed(BODY, secret="whsec_of_somebody_else"),
        Notice(BODY, {"authorization": f"Apikey {SECRET}"}),
    ],
)
def test_a_notice_nobody_signed_is_forged(notice: Notice) -> None:
    with pytest.raises(NoticeForged):
        GATEWAY.verify(notice, NOW)


@pytest.mark.parametrize("seconds", [-301, 301, 86_400])
def test_a_replayed_notice_is_stale(seconds: int) -> None:
    with pytest.raises(NoticeStale):
        GATEWAY.verify(signed(BODY), NOW + timedelta(seconds=seconds))


@pytest.mark.parametrize("seconds", [-300, 0, 300])
def test_a_notice_within_five_minutes_is_fresh(seconds: int) -> None:
    assert GATEWAY.verify(signed(BODY), NOW + timedelta(seconds=seconds)) is not None


def test_both_secrets_hold_while_one_replaces_the_other() -> None:
    gateway = SePayGateway(Secrets("whsec_new", SECRET))

    for secret in ("whsec_new", SECRET):
        assert gateway.verify(signed(BODY, secret), NOW) is not None


def test_a_secret_is_never_printed() -> None:
    assert SECRET not in repr(SePayGateway(Secrets(SECRET, SECRET), Secrets(SECRET)))


def test_an_api_key_is_enough_where_it_was_chosen() -> None:
    gateway = SePayGateway(api_keys=Secrets("key-1", "key-0"))

    taken = [
        gateway.verify(Notice(BODY, {"authorization": f"Apikey {key}"}), NOW)
        for key in ("key-1", "key-0")
    ]

    assert all(taken)
    with pytest.raises(NoticeForged):
        gateway.verify(Notice(BODY, {"authorization": "Apikey key-2"}), NOW)
    with pytest.raises(NoticeForged):
        gateway.verify(Notice(BODY, {"authorization": "Bearer key-1"}), NOW)


@pytest.mark.parametrize("fields", [{"id": 0}, {"transferAmount": 0}])
def test_a_test_ping_is_genuine_and_tells_of_no_money(fields: dict[str, object]) -> None:
    assert GATEWAY.verify(changed(**fields), NOW) is None


def test_money_out_is_told_as_such() -> None:
    found = GATEWAY.verify(changed(transferType="out"), NOW)

    assert found is not None
    assert found.direction == "out"


def test_a_virtual_account_is_the_one_that_received() -> None:
    found = GATEWAY.verify(changed(subAccount="VQRQ0001"), NOW)

    assert found is not None
    assert found.account_no == "VQRQ0001"


@pytest.mark.parametrize("amount", ["50000.00", "50000", 50000.0])
def test_decimals_that_are_zeros_are_read_exactly(amount: object) -> None:
    found = GATEWAY.verify(changed(transferAmount=amount), NOW)

    assert found is not None
    assert found.amount_vnd == 50_000


@pytest.mark.parametrize(
    "fields",
    [
        {"transferAmount": "50000.50"},
        {"transferAmount": 0.1},
        {"transferAmount": -5},
        {"transferAmount": True},
        {"transferAmount": None},
        {"transferAmount": "NaN"},
        {"transferAmount": "50_000"},
        {"transferAmount": "５００００"},
        {"transferAmount": " 50000"},
        {"transferAmount": "5e4"},
        {"transferAmount": 10**20},
        {"transferType": "sideways"},
        {"transactionDate": "hôm nay"},
        {"id": "100001"},
        {"accountNumber": None},
    ],
)
def test_a_signed_notice_that_makes_no_sense_is_malformed(fields: dict[str, object]) -> None:
    with pytest.raises(NoticeMalformed):
        GATEWAY.verify(changed(**fields), NOW)


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"null", b"{", b"\xff", b"[" * 100_000, b" " * 300_000]
)
def test_a_signed_body_that_is_no_notice_is_malformed(body: bytes) -> None:
    with pytest.raises(NoticeMalformed):
        GATEWAY.verify(signed(body), NOW)


def test_sepay_hears_what_it_expects() -> None:
    assert GATEWAY.answer("settled").body == {"success": True}
    assert GATEWAY.refusal(NoticeForged("sepay", "")).status == 401
    assert GATEWAY.refusal(NoticeMalformed("sepay", "")).status == 400


# ── The list ────────────────────────────────────────────────────────────────────────────────────


def listed(number: int, **fields: object) -> dict[str, object]:
    return {
        "id": str(number), "bank_brand_name": "Vietcombank", "account_number": "9990001112223",
        "transaction_date": f"2026-11-23 10:00:{number % 60:02d}", "amount_out": "0.00",
        "amount_in": "85000.00", "accumulated": "0.00", "transaction_content": "CHOK7M2QX",
        "reference_number": f"FT{number}", "code": None, "sub_account": None, **fields,
    }  # fmt: skip


class Rows:
    """SePay's list: the newest first, at most `limit` of what the dates and ids let through."""

    def __init__(self, *rows: dict[str, Any], newest_first: bool = True) -> None:
        self.rows, self.newest_first = rows, newest_first
        self.asked: list[dict[str, str]] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        asked = dict(request.url.params)
        self.asked.append(asked)
        until = asked.get("transaction_date_max", "9")
        fitting = [
            row
            for row in self.rows
            if int(row["id"]) >= int(asked["since_id"]) and row["transaction_date"] <= until
        ]
        fitting.sort(key=lambda row: int(row["id"]), reverse=self.newest_first)
        return httpx.Response(200, json={"transactions": fitting[: int(asked["limit"])]})


def listing(answers: Any, length: int = 3) -> SePayList:
    http = httpx.AsyncClient(transport=httpx.MockTransport(answers))
    return SePayList(Secrets("token"), http, "https://sepay.test", length=length)


@pytest.mark.parametrize("newest_first", [True, False])
async def test_a_long_list_is_read_without_a_gap_whatever_its_order(newest_first: bool) -> None:
    rows = Rows(*(listed(number) for number in range(1, 12)), newest_first=newest_first)
    found, position = [], 2

    for _ in range(6):
        page = await listing(rows).page(position, NOW)
        found += [one.told.provider_id for one in page.rows]
        position = page.position

    assert found == [str(number) for number in range(3, 12)]
    assert position == 11


async def test_the_first_reading_begins_four_days_ago_and_the_next_at_its_id() -> None:
    rows = Rows(listed(7))

    page = await listing(rows).page(0, NOW)
    await listing(rows).page(page.position, NOW)

    assert rows.asked[0]["transaction_date_min"] == "2026-11-19 10:17:22"
    assert "transaction_date_min" not in rows.asked[1]
    assert rows.asked[1]["since_id"] == "7"


async def test_a_listed_transfer_says_what_its_notice_says() -> None:
    row = listed(
        100_001, transaction_date="2026-11-23 10:17:22", reference_number="MBVCB.1234567890",
        transaction_content=json.loads(BODY)["content"],
    )  # fmt: skip

    page = await listing(Rows(row)).page(0, NOW)

    assert page.rows[0].told == GATEWAY.verify(signed(BODY), NOW)


async def test_money_out_and_nonsense_in_a_list_are_told_row_by_row() -> None:
    rows = Rows(
        listed(1, amount_out="5000.00", amount_in="0.00"), listed(2, amount_in="1.5"), listed(3)
    )

    page = await listing(rows, 5).page(0, NOW)

    assert (page.rows[0].told.direction, page.rows[0].told.amount_vnd) == ("out", 5_000)
    assert isinstance(page.rows[1].told, NoticeMalformed)
    assert page.rows[2].told.amount_vnd == 85_000


@pytest.mark.parametrize(
    ("status", "error"),
    [(500, GatewayUnavailable), (429, GatewayUnavailable), (403, GatewayRefused),
     (200, NoticeMalformed)],
)  # fmt: skip
async def test_a_list_that_does_not_answer_is_told_by_name(status: int, error: type) -> None:
    with pytest.raises(error):
        await listing(lambda request: httpx.Response(status, text="<html>")).page(0, NOW)
