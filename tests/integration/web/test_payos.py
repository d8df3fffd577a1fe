"""A sale paid by payOS's link, against the simulated payOS as a process: one link, doubts asked about."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import httpx
import pytest
from litestar.testing import AsyncTestClient
from sqlalchemy import text

from market import clock
from market.app import create_app
from market.flows import JOBS, Context
from market.flows.payos import order_code
from market.gateways import DEMO_SECRETS
from payments.gateways import Secrets
from payments.gateways.payos_links import LinkOrder, PayOSAccount, PayOSLinks

ACCOUNT_NO = "9990001112223"
HTML = {"accept": "text/html"}


@pytest.fixture
def bank(simulate: Callable[[str], str]) -> str:
    return simulate("bank")


@pytest.fixture
def behind_payos(settings, tmp_path):
    """The vendor's account is behind the payOS that answers there."""

    def made(url):
        (tmp_path / "checksum").write_text(DEMO_SECRETS["payos"])
        (tmp_path / "key").write_text("demo_payos_key")
        path = tmp_path / "gateways.toml"
        path.write_text(
            f'[payos]\nsecret = "file:{tmp_path}/checksum"\napi_key = "file:{tmp_path}/key"\n'
            f'client_id = "demo_payos_client"\naccount_no = "{ACCOUNT_NO}"\n'
            f'url = "{url}"\npage_url = "{url}/web"\n'
        )
        return replace(settings, gateways_file=str(path))

    return made


@pytest.fixture
async def visit(behind_payos, bank):
    """A shopper's browser at the market, payOS being there, or at another address."""

    async def go(sale, url=bank, page="/payos"):
        async with AsyncTestClient(create_app(behind_payos(url)), base_url="http://t.local") as at:
            path = f"/tra/{sale['payment_id']}{page}"
            return await at.get(path, headers=HTML, follow_redirects=False)

    return go


@pytest.fixture
def ask(behind_payos, bank, database):
    """The job that asks acquirers, after the time for a notice is over."""

    async def asked(later=timedelta(minutes=3)):
        context = Context(database, behind_payos(bank), now=lambda: clock.now() + later)
        await JOBS["ask_acquirers"](context, {})

    return asked


@pytest.fixture
def links(bank):
    account = PayOSAccount(
        "demo_payos_client", "demo_payos_key", Secrets(DEMO_SECRETS["payos"]), url=bank
    )

    async def call(what, *arguments):
        async with httpx.AsyncClient() as http:
            return await getattr(PayOSLinks(account, http), what)(*arguments)

    return call


async def attempts(database):
    async with database.as_system() as db:
        found = await db.execute(text("SELECT state FROM market.gateway_attempt ORDER BY begun_at"))
        return list(found.scalars())


async def test_the_shoppers_page_offers_the_link_and_twice_it_is_one_link(
    open_sale, visit, database
):
    sale = await open_sale()

    page = await visit(sale, page="")
    first, again = await visit(sale), await visit(sale)

    assert f"/tra/{sale['payment_id']}/payos" in page.text
    assert (first.status_code, again.status_code) == (303, 303)
    assert "/web/" in first.headers["location"]
    assert "/web/" in again.headers["location"]
    assert await attempts(database) == ["redirected"]


async def test_what_was_paid_by_the_link_is_settled_by_asking_though_no_notice_came(
    open_sale, visit, links, bank, ask, follow, as_, database
):
    sale = await open_sale(amount_vnd=85_000)
    await visit(sale)
    number = order_code_of(sale)
    async with httpx.AsyncClient(base_url=bank) as http:
        page = await http.get(f"/web/{number}")
        await http.post(
            "/api/transfers", json={"qr_text": httpx.URL(page.headers["location"]).params["qr"]}
        )

    for _ in range(2):
        await ask()
        await follow()

    paid = (await as_("vendor").get(f"/api/sales/{sale['sale_id']}")).json()
    assert (paid["state"], paid["received_vnd"]) == ("paid", 85_000)
    assert await attempts(database) == ["settled"]


async def test_no_answer_opens_nothing_by_guess_and_the_lost_link_is_found_again(
    open_sale, visit, links, database, client
):
    sale = await open_sale(amount_vnd=85_000)

    silent = await visit(sale, url="http://127.0.0.1:9")
    lost = await links(  # it arrived there, only its answer was lost
        "open",
        LinkOrder(order_code_of(sale), 85_000, sale["memo"], "http://t.local", "http://t.local"),
    )
    found = await visit(sale)

    still = (await client.get(f"/api/payments/{sale['payment_id']}")).json()
    assert (silent.status_code, still["state"]) == (503, "open")
    assert found.headers["location"].endswith(lost.id)
    assert await attempts(database) == ["redirected"]


async def test_a_link_that_the_payer_closed_is_followed_by_another(
    open_sale, visit, links, database
):
    sale = await open_sale()
    await visit(sale)
    await links("cancel", order_code_of(sale), "khách đổi ý", clock.now())

    again = await visit(sale)

    second = await links("look_up", order_code_of(sale, 1), clock.now())
    assert again.status_code == 303
    assert second.status == "PENDING"
    assert await attempts(database) == ["failed", "redirected"]


async def test_a_stall_whose_account_is_elsewhere_offers_no_link(open_sale, client):
    sale = await open_sale()

    page = await client.get(f"/tra/{sale['payment_id']}", headers=HTML)
    answer = await client.get(f"/tra/{sale['payment_id']}/payos", follow_redirects=False)

    assert "/payos" not in page.text
    assert answer.status_code == 404


def order_code_of(sale, attempt=0):
    return order_code(UUID(sale["payment_id"]), attempt)
