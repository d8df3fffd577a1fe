"""Casso: the documented example, both versions, the test button, odd amounts, and the list."""

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
    Secrets,
)
from payments.gateways.casso import CassoGateway, CassoList, canonical, sign

KEY, SENT_MS = "casso_demo_secure_key", 1795403842000
NOW = datetime.fromtimestamp(SENT_MS / 1000, UTC)
BODY = (
    '{"data":{"accountNumber":"9990001112223","amount":85000,"bankAbbreviation":"VCB","bankName":'
    '"Vietcombank","counterAccountBankId":"970422","counterAccountBankName":"MB","counterAccountName"'
    ':"NGUYEN VAN A","counterAccountNumber":"0000000000","description":"CHOK7M2QX Nguyen Van A chuyen'
    ' tien","id":7700001,"reference":"FT26327000001","runningBalance":1250000,"transactionDateTime":'
    '"2026-11-23 10:17:22","virtualAccountName":"","virtualAccountNumber":""},"error":0}'
)
SIGNATURE = (
    "e1bf4bb3cae85ff2c5dd4160cc93991f9a300757ef8be8dbc7f59a9bef3d7f28cc40492e55340e8ec503276af5ad6b72"
    "892bbafb708f5d9a3619507677c8976a"
)
GATEWAY = CassoGateway(Secrets(KEY))
OLD = CassoGateway(tokens=Secrets(KEY))


def signed(content: Any, key: str = KEY) -> Notice:
    body = content if isinstance(content, str) else json.dumps(content)
    header = sign(key, SENT_MS, json.loads(body))
    return Notice(body.encode(), {"x-casso-signature": header})


def changed(**fields: object) -> Notice:
    told = json.loads(BODY)
    return signed({**told, "data": {**told["data"], **fields}})


def row(number: int, **fields: object) -> dict[str, object]:
    return {
        "id": number, "tid": f"FT{number}", "description": "CHOK7M2QX", "amount": 85_000,
        "when": "2026-11-23 10:17:22", "bank_sub_acc_id": "9990001112223", **fields,
    }  # fmt: skip


def old(*rows: dict[str, object]) -> Notice:
    return Notice(json.dumps({"error": 0, "data": rows}).encode(), {"secure-token": KEY})


def test_the_documented_example_is_signed_to_the_letter() -> None:
    assert sign(KEY, SENT_MS, json.loads(BODY)) == f"t={SENT_MS},v1={SIGNATURE}"


def test_keys_are_sorted_at_every_depth_and_letters_stay_as_they_are() -> None:
    shuffled = {"b": [{"d": 1, "c": None}], "a": {"z": "Chợ", "y": True}}

    assert canonical(shuffled) == '{"a":{"y":true,"z":"Chợ"},"b":[{"c":null,"d":1}]}'


def test_the_documented_example_is_taken_in_any_spelling() -> None:
    told = json.loads(BODY)
    spelt = json.dumps(dict(reversed(told.items())), indent=2, ensure_ascii=True)

    for body in (BODY, spelt):
        found = GATEWAY.verify(signed(body), NOW)

        assert (found.provider_id, found.amount_vnd, found.occurred_at) == ("7700001", 85_000, NOW)
        assert (found.reference, found.bank_bin) == ("FT26327000001", "970436")


def test_a_fraction_of_zero_is_signed_as_javascript_writes_it() -> None:
    body = BODY.replace("1250000", "1250000.0")

    assert GATEWAY.verify(signed(BODY), NOW) == GATEWAY.verify(
        Notice(body.encode(), signed(BODY).headers), NOW
    )


def test_the_test_button_tells_of_no_money() -> None:
    assert GATEWAY.verify(changed(id=0), NOW) is None
    assert OLD.verify(old(row(0)), NOW) == ()


def test_a_negative_amount_is_money_out() -> None:
    found = GATEWAY.verify(changed(amount=-85_000), NOW)

    assert (found.direction, found.amount_vnd) == ("out", 85_000)


def test_a_virtual_account_is_the_one_that_received() -> None:
    assert GATEWAY.verify(changed(virtualAccountNumber="VQR1"), NOW).account_no == "VQR1"


def test_the_old_version_tells_of_several_at_once() -> None:
    found = OLD.verify(old(row(1), row(2, amount=-5), row(3, virtualAccount="VQR1")), NOW)

    assert [(one.provider_id, one.direction, one.amount_vnd) for one in found] == [
        ("1", "in", 85_000), ("2", "out", 5), ("3", "in", 85_000),
    ]  # fmt: skip
    assert [one.account_no for one in found] == ["9990001112223", "9990001112223", "VQR1"]


@pytest.mark.parametrize(
    ("gateway", "notice"),
    [
        (GATEWAY, old(row(1))),
        (OLD, signed(BODY)),
        (OLD, Notice(old(row(1)).body, {"secure-token": KEY + "x"})),
        (GATEWAY, Notice(BODY.encode(), {"x-casso-signature": SIGNATURE})),
        (GATEWAY, Notice(BODY.encode(), {"x-casso-signature": f"t=,v1={SIGNATURE}"})),
        (GATEWAY, Notice(BODY.encode(), {"x-casso-signature": f"t={SENT_MS}"})),
        (GATEWAY, Notice(BODY.encode(), {"x-casso-signature": f"t={SENT_MS + 1},v1={SIGNATURE}"})),
    ],
)
def test_each_version_wants_its_own_proof(gateway: CassoGateway, notice: Notice) -> None:
    with pytest.raises(NoticeForged):
        gateway.verify(notice, NOW)


@pytest.mark.parametrize(
    "content", [{"error": 1, "data": {}}, {"error": 0}, {"error": 0, "data": []}, []]
)
def test_what_tells_of_an_error_or_nothing_is_malformed(content: object) -> None:
    with pytest.raises(NoticeMalformed):
        GATEWAY.verify(signed(content), NOW)


# ── The list ────────────────────────────────────────────────────────────────────────────────────


class Pages:
    """A list of rows, newest first, that counts who asks for what."""

    def __init__(self, *numbers: int) -> None:
        self.numbers, self.asked = list(numbers), []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        asked = dict(request.url.params)
        self.asked.append(asked)
        size, page = int(asked["pageSize"]), int(asked["page"])
        shown = self.numbers[(page - 1) * size : page * size]
        records = [
            {"id": one, "tid": f"FT{one}", "amount": 1_000, "when": "2026-11-23 10:00:00",
             "bankSubAccId": "9990001112223"}
            for one in shown
        ]  # fmt: skip
        return httpx.Response(200, json={"error": 0, "data": {"records": records}})


def listing(pages: Any) -> CassoList:
    http = httpx.AsyncClient(transport=httpx.MockTransport(pages))
    return CassoList(Secrets("token"), http, "https://casso.test", length=2)


async def test_the_list_is_read_back_to_what_is_known() -> None:
    pages = Pages(9, 8, 7, 6, 5, 4)

    page = await listing(pages).page(6, NOW)

    assert [one.told.provider_id for one in page.rows] == ["7", "8", "9"]
    assert (page.position, page.is_last) == (9, True)
    assert [one["page"] for one in pages.asked] == ["1", "2", "3"]
    assert pages.asked[0]["fromDate"] == "2026-11-19"


async def test_once_in_half_an_hour_all_of_the_last_days_are_told() -> None:
    pages = Pages(9, 8, 7, 3)

    page = await listing(pages).page(9, NOW.replace(minute=30))

    assert [one.told.provider_id for one in page.rows] == ["3", "7", "8", "9"]


async def test_an_unreadable_row_is_told_as_such_and_the_others_are_read() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"data": {"records": [{"id": 2}, {"id": 1, "amount": -1}]}})

    page = await listing(answer).page(0, NOW + timedelta(minutes=1))

    assert [type(one.told) for one in page.rows] == [NoticeMalformed, NoticeMalformed]


@pytest.mark.parametrize(
    ("status", "error"),
    [(500, GatewayUnavailable), (429, GatewayUnavailable), (401, GatewayRefused),
     (200, NoticeMalformed)],
)  # fmt: skip
async def test_a_list_that_does_not_answer_is_told_by_name(status: int, error: type) -> None:
    with pytest.raises(error):
        await listing(lambda request: httpx.Response(status, text="{}")).page(0, NOW)
