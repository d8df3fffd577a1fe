"""IPNs from listed addresses alone, over the real application; this test's own address is not listed."""

from dataclasses import replace

import pytest

from market.settings import Settings
from payments.gateways import vnpay


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return replace(settings, vnpay_ips="203.0.113.0/24")


def ipn(sale, secret):
    return vnpay.signed_query(
        {
            "vnp_Amount": str(85_000 * 100), "vnp_OrderInfo": "Thanh toan",
            "vnp_PayDate": "20261123101722", "vnp_ResponseCode": "00", "vnp_TmnCode": "CHODEMO1",
            "vnp_TransactionNo": "15000001", "vnp_TransactionStatus": "00",
            "vnp_TxnRef": sale["payment_id"] + ".a1b2c3",
        },
        secret,
    )  # fmt: skip


async def test_a_sender_that_is_not_listed_hears_03_and_nothing_is_paid(
    open_sale, client, settings, follow, as_
):
    sale = await open_sale()

    said = []
    for secret in ("guess", settings.vnpay_secret):
        client.cookies.clear()
        answer = await client.get(f"/hooks/vnpay?{ipn(sale, secret)}")
        said.append((answer.status_code, answer.json()["RspCode"]))
    back = await client.get(
        f"/tra/vnpay?{ipn(sale, settings.vnpay_secret)}", follow_redirects=False
    )
    await follow()

    assert said == [(200, "97"), (200, "03")]
    assert back.headers["location"] == f"/tra/{sale['payment_id']}"
    assert (await as_("vendor").get(f"/api/sales/{sale['sale_id']}")).json()["state"] == "open"
