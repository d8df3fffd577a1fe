"""The simulated VNPAY against our own client: pay, return, IPN, querydr, refund, and its faults."""

import asyncio
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest

from market import clock
from market.simulators.vnpay import VNPayConfig, create_app
from payments import qr
from payments.gateways import GatewayRefused, GatewayUnavailable, Notice, NoticeForged, Secrets
from payments.gateways.vnpay import VNPayConfig as Terminal
from payments.gateways.vnpay import VNPayGateway, VNPayOrder, pay_url, signed_query, stamp
from payments.gateways.vnpay_api import VNPayClient, signed_request
from payments.reconciliation import provider_file

SECRET = "CHODEMOSECRET0000000000000000001"
TERMINAL = Terminal("CHODEMO1", Secrets(SECRET), "http://partner.test")
GATEWAY = VNPayGateway(TERMINAL)
YES = (200, {"RspCode": "00", "Message": "Confirm Success"})


@pytest.fixture
def config(tmp_path: Path, hook) -> VNPayConfig:
    hook.answers = [YES]
    return VNPayConfig(
        tmp_path / "vnpay.sqlite",
        {"CHODEMO1": SECRET},
        f"{hook.url}/hooks/vnpay",
        minute_s=0.01,
        query_window_s=0,
        refund_s=0,
    )


def order(txn_ref: str = "HD000123", **changes: object) -> VNPayOrder:
    plain = VNPayOrder(
        txn_ref=txn_ref,
        amount_vnd=85_000,
        info="Thanh toan don",
        return_url="https://cho.example.vn/pay/return?from=vnpay",
        ip="203.0.113.10",
        expires_at=clock.now() + timedelta(minutes=15),
    )
    return replace(plain, **changes)  # type: ignore[arg-type]


async def opened(client: httpx.AsyncClient, wanted: VNPayOrder, now: datetime) -> str:
    """Open the page; where the browser was sent."""
    answer = await client.get(pay_url(TERMINAL, wanted, now))
    return answer.headers["location"]


async def ended(client: httpx.AsyncClient, wanted: VNPayOrder, code: str, **wrong: object) -> str:
    """Open and end a payment; where the browser is sent back to."""
    now = clock.now()
    await opened(client, wanted, now)
    answer = await client.post(
        "/control/end",
        json={"txn_ref": wanted.txn_ref, "response_code": code, "misbehave": wrong},
    )
    return answer.json()["return_url"]


async def test_a_card_pays_and_both_ways_back_are_signed(config, running, hook) -> None:
    async with running(create_app(config)) as client:
        page_url = await opened(client, order(), clock.now())
        page = await client.get(page_url)
        token = dict(parse_qsl(urlsplit(page_url).query))["token"]
        back = await client.post(
            "/paymentv2/Transaction/End.html",
            data={"token": token, "action": "card", "card": "9704198526191432198", "otp": "123456"},
        )
        ipn = (await hook.wait_for(1))[0]

    returned = urlsplit(back.headers["location"])
    told = GATEWAY.verify(ipn, clock.now())
    assert "85.000\u00a0₫" in page.text
    assert hook.paths == ["/hooks/vnpay"]
    assert (told.payment_ref, told.amount_vnd, told.succeeded) == ("HD000123", 85_000, True)
    assert returned.query.startswith("from=vnpay&vnp_")
    assert GATEWAY.verify(Notice(query=returned.query), clock.now()) == told


@pytest.mark.parametrize(
    ("card", "code"),
    [
        ("9704195798459170488", "51"),
        ("9704192181368742", "09"),
        ("9704193370791314", "12"),
        ("4456530000001005", "00"),
    ],
)
async def test_each_card_of_the_sandbox_ends_in_its_own_way(
    config, running, hook, card: str, code: str
) -> None:
    async with running(create_app(config)) as client:
        page_url = await opened(client, order(), clock.now())
        token = dict(parse_qsl(urlsplit(page_url).query))["token"]
        form = {"token": token, "action": "card", "card": card, "otp": "123456"}
        await client.post("/paymentv2/Transaction/End.html", data=form)
        ipn = (await hook.wait_for(1))[0]

    told = GATEWAY.verify(ipn, clock.now())
    assert told.succeeded is (code == "00")
    assert told.detail.startswith(code)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"vnp_TxnRef": ""}, "03"),
        ({"vnp_Amount": "8.5"}, "03"),
        ({"vnp_Amount": "8500050"}, "03"),
        ({"vnp_BankCode": "N!"}, "03"),
        ({"vnp_CurrCode": "USD"}, "03"),
        ({"vnp_ReturnUrl": "javascript:alert(document.cookie)"}, "03"),
        ({"vnp_CreateDate": "today"}, "03"),
        ({"vnp_TmnCode": "NOBODY01"}, "72"),
        ({"vnp_SecureHash": "0" * 128}, "70"),
        ({"vnp_ExpireDate": "20200101000000"}, "15"),
        ({"vnp_CreateDate": "20200101000000"}, "15"),
    ],
)
async def test_a_wrong_pay_address_shows_its_error_page(
    config, running, change: dict[str, str], code: str
) -> None:
    fields = dict(parse_qsl(urlsplit(pay_url(TERMINAL, order(), clock.now())).query))
    fields.pop("vnp_SecureHash")
    fields |= change
    forged = fields.pop("vnp_SecureHash", "")
    query = signed_query(fields, SECRET)
    if forged:
        query = query[: -len(forged)] + forged

    async with running(create_app(config)) as client:
        answer = await client.get(f"/paymentv2/vpcpay.html?{query}")
        page = await client.get(answer.headers["location"])

    assert answer.headers["location"] == f"/paymentv2/Payment/Error.html?code={code}"
    assert f"mã {code}" in page.text


async def test_a_reference_is_used_once_a_day(config, running) -> None:
    async with running(create_app(config)) as client:
        first = await opened(client, order(), clock.now())
        second = await opened(client, order(), clock.now())

    assert "PaymentMethod" in first
    assert second.endswith("code=01")


async def test_a_cancelled_payment_is_told_with_number_zero(config, running, hook) -> None:
    async with running(create_app(config)) as client:
        await ended(client, order(), "24")
        ipn = (await hook.wait_for(1))[0]

    assert "vnp_TransactionNo=0&" in ipn.query
    assert not GATEWAY.verify(ipn, clock.now()).succeeded


async def test_an_ipn_is_repeated_until_00_or_02(config, running, hook) -> None:
    hook.answers = [
        (500, {}), (200, {"RspCode": "99"}), (200, "text"), (200, {"RspCode": "02"}),
    ]  # fmt: skip
    async with running(create_app(config)) as client:
        await ended(client, order(), "00")
        ipns = await hook.wait_for(4)

    assert len({ipn.query for ipn in ipns}) == 1


async def test_an_ipn_is_called_ten_times_at_most(config, running, hook) -> None:
    hook.answers = [(200, {"RspCode": "04", "Message": "Invalid amount"})]
    async with running(create_app(config)) as client:
        await ended(client, order(), "00", wrong_amount=True)
        await hook.wait_for(10)
        page = await client.get("/inside")
        while "thôi gửi" not in page.text:
            await asyncio.sleep(0)  # lets the tenth answer be read
            page = await client.get("/inside")

    assert len(hook.notices) == 10
    assert GATEWAY.verify(hook.notices[0], clock.now()).amount_vnd == 95_000


async def test_a_bad_hash_comes_once_and_then_the_true_one(config, running, hook) -> None:
    hook.answers = [(200, {"RspCode": "97"}), YES]
    async with running(create_app(config)) as client:
        await ended(client, order(), "00", bad_hash=True)
        broken, whole = (await hook.wait_for(2))[:2]

    with pytest.raises(NoticeForged):
        GATEWAY.verify(broken, clock.now())
    assert GATEWAY.verify(whole, clock.now()).succeeded


async def test_a_doubled_ipn_comes_twice_and_a_lost_one_never(config, running, hook) -> None:
    async with running(create_app(config)) as client:
        await ended(client, order("LOST"), "00", lost=True)
        await ended(client, order("TWICE"), "00", double=True)
        ipns = await hook.wait_for(2)

    assert [GATEWAY.verify(ipn, clock.now()).payment_ref for ipn in ipns] == ["TWICE", "TWICE"]


async def test_a_lost_payment_is_found_by_asking(config, running) -> None:
    async with running(create_app(config)) as client:
        vnpay = VNPayClient(TERMINAL, client)
        created = clock.now()
        await opened(client, order(), created)
        before = await vnpay.query("Q1", "HD000123", created, clock.now())
        await client.post("/control/end", json={"txn_ref": "HD000123", "misbehave": {"lost": True}})
        after = await vnpay.query("Q2", "HD000123", created, clock.now())

    assert before.confirmation(clock.now()) is None
    found = after.confirmation(clock.now())
    assert found is not None
    assert (found.succeeded, found.amount_vnd, found.payment_ref) == (True, 85_000, "HD000123")
    assert found.provider_id == "15000001"


async def test_asking_is_refused_by_code(config, running) -> None:
    patient = replace(config, query_window_s=300)
    async with running(create_app(patient)) as client:
        vnpay = VNPayClient(TERMINAL, client)
        stranger = VNPayClient(replace(TERMINAL, secrets=Secrets("wrong")), client)
        nobody = VNPayClient(replace(TERMINAL, tmn_code="NOBODY01"), client)
        now = clock.now()
        codes = []
        for asker, request_id in ((stranger, "Q1"), (nobody, "Q1"), (vnpay, "Q1"), (vnpay, "Q2")):
            with pytest.raises(GatewayRefused) as refused:
                await asker.query(request_id, "HD000123", now, now)
            codes.append(refused.value.reason)

    assert codes == ["97", "02", "91", "94"]


@pytest.mark.parametrize("change", [{"vnp_Version": "2.0.0"}, {"vnp_CreateDate": "today"}])
async def test_a_question_in_another_format_is_refused_with_03(config, running, change) -> None:
    now = stamp(clock.now())
    fields = {
        "vnp_RequestId": "Q1", "vnp_Version": "2.1.0", "vnp_Command": "querydr",
        "vnp_TmnCode": "CHODEMO1", "vnp_TxnRef": "HD000123", "vnp_OrderInfo": "Truy van",
        "vnp_TransactionDate": now, "vnp_CreateDate": now, "vnp_IpAddr": "203.0.113.10", **change,
    }  # fmt: skip
    async with running(create_app(config)) as client:
        answer = await client.post(TERMINAL.api_url, json=signed_request(fields, SECRET))

    assert answer.json()["vnp_ResponseCode"] == "03"


async def test_a_partial_and_a_second_refund_never_exceed_the_payment(config, running) -> None:
    async with running(create_app(config)) as client:
        vnpay = VNPayClient(TERMINAL, client)
        created = clock.now()
        await opened(client, order(), created)
        await client.post("/control/end", json={"txn_ref": "HD000123"})

        async def refund(request_id: str, amount_vnd: int, full: bool = False) -> str:
            try:
                answer = await vnpay.refund(
                    request_id,
                    "HD000123",
                    amount_vnd,
                    created,
                    clock.now(),
                    full=full,
                    by="ke toan",
                )
            except GatewayRefused as refused:
                return refused.reason
            return answer.response_code

        codes = [
            await refund("R1", 30_000),
            await refund("R1", 30_000),
            await refund("R2", 60_000),
            await refund("R3", 55_000, full=True),
            await refund("R4", 55_000),
            await refund("R5", 1_000),
        ]
        state = await vnpay.query("Q1", "HD000123", created, clock.now())

    assert codes == ["00", "94", "93", "93", "00", "93"]
    assert (state.transaction_type, state.transaction_status) == ("03", "06")
    assert state.confirmation(clock.now()) is None


async def test_a_refund_moves_later_and_may_be_rejected(config, running) -> None:
    slow = replace(config, refund_s=300)
    async with running(create_app(slow)) as client:
        vnpay = VNPayClient(TERMINAL, client)
        created = clock.now()
        await opened(client, order(), created)
        with pytest.raises(GatewayRefused) as unpaid:
            await vnpay.refund("R0", "HD000123", 1, created, created, full=False, by="a")
        await client.post("/control/end", json={"txn_ref": "HD000123"})
        accepted = await vnpay.refund(
            "R1", "HD000123", 85_000, created, clock.now(), full=True, by="a"
        )
        with pytest.raises(GatewayRefused) as in_process:
            await vnpay.refund("R2", "HD000123", 1_000, created, clock.now(), full=False, by="a")

    assert unpaid.value.reason == "95"
    assert accepted.transaction_status == "05"
    assert in_process.value.reason == "94"


async def test_a_broken_api_is_unknown_not_refused(config, running) -> None:
    async with running(create_app(config)) as client:
        await client.post("/control", json={"down": {"next": 1}})
        with pytest.raises(GatewayUnavailable):
            await VNPayClient(TERMINAL, client).query("Q1", "A", clock.now(), clock.now())


async def test_genqr_gives_a_code_that_reads(config, running) -> None:
    fields = dict(parse_qsl(urlsplit(pay_url(TERMINAL, order(), clock.now())).query))
    fields["vnp_Command"] = "genqr"

    async with running(create_app(config)) as client:
        answer = await client.get(f"/paymentv2/vpcpay.html?{signed_query(fields, SECRET)}")

    payload = qr.read(answer.json()["qrcontent"])
    assert answer.json()["code"] == "00"
    assert (payload.scheme, payload.amount_vnd) == ("vnpayqr", 85_000)
    assert payload.findings == ()


async def test_the_bank_list_is_for_terminals(config, running) -> None:
    async with running(create_app(config)) as client:
        known = await client.post(
            "/qrpayauth/api/merchant/get_bank_list", data={"tmn_code": "CHODEMO1"}
        )
        unknown = await client.post(
            "/qrpayauth/api/merchant/get_bank_list", data={"tmn_code": "NOBODY01"}
        )

    assert {"bank_code", "bank_name", "logo_link", "bank_type", "display_order"} == set(
        known.json()[0]
    )
    assert unknown.json() == []


async def test_payments_and_owed_ipns_survive_a_restart(config, running, hook) -> None:
    dead = replace(config, ipn_url="http://127.0.0.1:9/hooks/vnpay", minute_s=0.1)
    async with running(create_app(dead)) as client:
        await ended(client, order(), "00")

    async with running(create_app(config)) as client:
        ipn = (await hook.wait_for(1))[0]
        again = await opened(client, order(), clock.now())

    assert GATEWAY.verify(ipn, clock.now()).succeeded
    assert again.endswith("code=01")


def test_the_secret_is_not_printed(config) -> None:
    assert SECRET not in repr(config)


async def test_our_client_gets_a_code_and_the_banks(config, running) -> None:
    async with running(create_app(config)) as client:
        vnpay = VNPayClient(TERMINAL, client)
        text = await vnpay.qr(order(), clock.now())
        with pytest.raises(GatewayRefused) as twice:
            await vnpay.qr(order(), clock.now())
        banks = await vnpay.banks()

    assert qr.read(text).amount_vnd == 85_000
    assert twice.value.reason == "01"
    assert [one.display_order for one in banks] == sorted(one.display_order for one in banks)
    assert "NCB" in {one.bank_code for one in banks}


async def test_the_file_of_a_day_has_what_moved_its_fees_and_a_right_trailer(
    config, running
) -> None:
    async with running(create_app(config)) as client:
        vnpay = VNPayClient(TERMINAL, client)
        created = clock.now()
        await opened(client, order(), created)
        await client.post("/control/end", json={"txn_ref": "HD000123"})
        await ended(client, order("HD000124"), "24")
        await vnpay.refund("R1", "HD000123", 30_000, created, clock.now(), full=False, by="a")
        day = clock.local_day(clock.now())
        answer = await client.get("/control/settlement", params={"day": f"{day}"})

    layout = provider_file.layout_of(answer.content)
    provider_file.check_checksum(answer.content, layout)
    rows = list(provider_file.rows_of(answer.content, layout, day))
    told = [(row.txn_type, row.amount, row.fee, row.fee_vat) for row in rows]
    assert told == [("PAYMENT", 85_000, 765, 77), ("REFUND", -30_000, 0, 0)]
    assert layout.trailer.net_vnd == 85_000 - 765 - 77 - 30_000


async def test_payments_of_earlier_days_stand_in_the_file_of_their_day(config, running) -> None:
    past = {
        "number": 14_000_001, "txn_ref": "P1.000001", "amount_vnd": 85_000, "bank_code": "NCB",
        "at": "2026-11-20T23:23:50Z",
    }  # fmt: skip
    async with running(create_app(config)) as client:
        for _ in range(2):
            assert (await client.post("/control/past", json=[past])).json() == {"known": 1}
        answer = await client.get("/control/settlement", params={"day": "2026-11-21"})
        empty = await client.get("/control/settlement", params={"day": "2026-11-20"})

    layout = provider_file.layout_of(answer.content)
    (row,) = provider_file.rows_of(answer.content, layout, date(2026, 11, 21))
    assert (row.provider_txn_no, row.txn_ref, row.amount) == ("14000001", "P1.000001", 85_000)
    assert len(empty.text.splitlines()) == 2
