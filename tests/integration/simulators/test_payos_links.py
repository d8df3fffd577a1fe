"""payOS's payment links: our client and the simulated payOS, over real HTTP; doubts stay doubts."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from market import clock
from market.gateways import DEMO_SECRETS
from market.simulators.bank import BankConfig, create_app
from payments import qr
from payments.gateways import (
    GatewayRefused,
    GatewayUnavailable,
    NoticeForged,
    NoticeMalformed,
    Secrets,
    payos,
)
from payments.gateways.payos_links import LinkOrder, PayOSAccount, PayOSLinks, order_fields

ORDER = LinkOrder(
    1023, 85_000, "CHOK7M2QX", "https://cho.example.vn/pay/return",
    "https://cho.example.vn/pay/cancel",
)  # fmt: skip
ACCOUNT = PayOSAccount(
    "demo_payos_client", "demo_payos_key", Secrets(DEMO_SECRETS["payos"]), url="http://partner.test"
)
GATEWAY = payos.PayOSGateway(ACCOUNT.secrets)


@pytest.fixture
async def bank(tmp_path: Path, serving, hook, free_port: int) -> AsyncIterator[httpx.AsyncClient]:
    config = BankConfig(tmp_path / "bank.sqlite", hook.url, minute_s=0.02, plain_memos=True)
    async with (
        serving(create_app(config), free_port) as url,
        httpx.AsyncClient(base_url=url) as client,
    ):
        yield client


@pytest.fixture
def account(bank: httpx.AsyncClient) -> PayOSAccount:
    return replace(ACCOUNT, url=str(bank.base_url).rstrip("/"))


@pytest.fixture
def links(account: PayOSAccount, bank: httpx.AsyncClient) -> PayOSLinks:
    return PayOSLinks(account, bank)


def test_an_order_is_signed_as_payos_documents() -> None:
    fields = order_fields(ORDER, "payos_demo_checksum_key")

    assert fields["signature"] == (
        "0d4dd4aa7f6265ca850c5337ffa4686a4bedc45777506289424e3ae8c0d94045"
    )


async def test_a_link_is_paid_by_its_code_and_told_by_notice_and_by_asking(
    links, bank, hook
) -> None:
    link = await links.open(ORDER)

    await bank.post("/api/transfers", json={"qr_text": link.qr_text})
    (notice,) = await hook.wait_for(1)

    told = GATEWAY.verify(notice, clock.now())
    asked = await links.look_up(1023, clock.now())
    assert (asked.status, asked.paid_vnd) == ("PAID", 85_000)
    assert told is not None
    assert (told.amount_vnd, told.memo, told.account_no) == (85_000, "CHOK7M2QX", "9990001112223")
    (found,) = asked.movements
    assert replace(found, detail=told.detail) == told
    assert hook.paths == ["/hooks/payos"]


async def test_the_links_page_leads_to_the_code_and_back_to_the_shop(links, bank) -> None:
    link = await links.open(ORDER)

    waiting = await bank.get(link.checkout_url)
    await bank.post("/api/transfers", json={"qr_text": link.qr_text})
    paid = await bank.get(link.checkout_url)

    assert waiting.headers["location"].startswith("/pay?qr=")
    assert paid.headers["location"] == ORDER.return_url


async def test_a_link_that_is_paid_in_part_says_how_much_came(links, bank) -> None:
    link = await links.open(ORDER)
    before = await links.look_up(1023, clock.now())

    for amount_vnd in (30_000, 20_000):
        sent = {"qr_text": link.qr_text, "amount_vnd": amount_vnd}
        await bank.post("/api/transfers", json=sent)
    after = await links.look_up(1023, clock.now())

    assert (before.status, before.movements) == ("PENDING", ())
    assert (after.status, after.paid_vnd) == ("UNDERPAID", 50_000)
    assert [one.amount_vnd for one in after.movements] == [30_000, 20_000]
    assert len({one.provider_id for one in after.movements}) == 2


async def test_a_cancelled_link_cannot_be_cancelled_again(links, bank) -> None:
    link = await links.open(ORDER)

    cancelled = await links.cancel(1023, "khách đổi ý", clock.now())
    with pytest.raises(GatewayRefused) as refused:
        await links.cancel(1023, "", clock.now())
    page = await bank.get(link.checkout_url)

    assert cancelled.status == "CANCELLED"
    assert refused.value.reason == "14"
    assert page.headers["location"] == ORDER.cancel_url


async def test_a_link_expires_at_its_time(links) -> None:
    await links.open(replace(ORDER, expires_at=clock.now() - timedelta(seconds=1)))

    assert (await links.look_up(1023, clock.now())).status == "EXPIRED"


async def test_one_order_has_one_link_and_an_unknown_one_has_none(links) -> None:
    await links.open(ORDER)

    with pytest.raises(GatewayRefused) as twice:
        await links.open(ORDER)
    with pytest.raises(GatewayRefused) as unknown:
        await links.look_up(9, clock.now())

    assert (twice.value.reason, unknown.value.reason) == ("231", "101")


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"secrets": Secrets("another")}, GatewayRefused),
        ({"api_key": "another"}, NoticeMalformed),
    ],
    ids=["checksum key", "API key"],
)
async def test_with_a_wrong_key_nothing_is_opened(bank, links, account, wrong, error) -> None:
    with pytest.raises(error):
        await PayOSLinks(replace(account, **wrong), bank).open(ORDER)

    with pytest.raises(GatewayRefused):
        await links.look_up(1023, clock.now())


async def test_while_the_checksum_key_is_replaced_both_verify(bank, account) -> None:
    begun = replace(account, secrets=Secrets(DEMO_SECRETS["payos"], "the-one-before"))
    await PayOSLinks(begun, bank).open(ORDER)

    turned = replace(account, secrets=Secrets("the-one-after", DEMO_SECRETS["payos"]))

    assert (await PayOSLinks(turned, bank).look_up(1023, clock.now())).status == "PENDING"


def answering(status: int, body: bytes) -> PayOSLinks:
    transport = httpx.MockTransport(lambda request: httpx.Response(status, content=body))
    return PayOSLinks(ACCOUNT, httpx.AsyncClient(transport=transport))


def answer(**changes: object) -> bytes:
    code = qr.write_vietqr("970436", "V3CHO1023", 85_000, memo="CHOK7M2QX")
    data = {
        "bin": "970436", "accountNumber": "V3CHO1023", "amount": 85_000, "orderCode": 1023,
        "paymentLinkId": "1", "status": "PENDING", "checkoutUrl": "https://x.vn", "qrCode": code,
        **changes,
    }  # fmt: skip
    signature = payos.sign(DEMO_SECRETS["payos"], data)
    return json.dumps({"code": "00", "data": data, "signature": signature}).encode()


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (500, b"{}", GatewayUnavailable),
        (429, b"{}", GatewayUnavailable),
        (200, b"<html>", NoticeMalformed),
        (200, answer().replace(b"85000", b"95000"), NoticeForged),
        (200, b'{"code":"00","data":null,"signature":null}', NoticeForged),
        (200, answer(amount=95_000), NoticeMalformed),
        (200, answer(orderCode=1024), NoticeMalformed),
        (200, answer(accountNumber="V3CHO1024"), NoticeMalformed),
        (200, answer(qrCode="https://x.vn"), NoticeMalformed),
    ],
)
async def test_an_answer_that_is_none_or_not_for_this_order_is_no_link(status, body, error) -> None:
    with pytest.raises(error):
        await answering(status, body).open(ORDER)


async def test_silence_is_unknown() -> None:
    def cut(request: httpx.Request) -> httpx.Response:
        raise httpx.ReadTimeout("silence", request=request)

    links = PayOSLinks(ACCOUNT, httpx.AsyncClient(transport=httpx.MockTransport(cut)))

    with pytest.raises(GatewayUnavailable):
        await links.look_up(1023, datetime(2026, 11, 23, tzinfo=UTC))


def test_no_key_is_printed() -> None:
    assert "demo_payos_key" not in repr(ACCOUNT)
    assert DEMO_SECRETS["payos"] not in repr(ACCOUNT)
