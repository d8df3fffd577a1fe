"""The simulated bank: pays codes, tells the market as SePay does, and misbehaves on demand."""

import io
import json
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from PIL import Image

from market import clock
from market.gateways import DEMO_SECRETS, SIGNED_LIST_PATH
from market.simulators.bank import BankConfig, create_app
from payments import Confirmation, qr
from payments.gateways import NoticeForged, Secrets, confirmations
from payments.gateways.casso import CassoGateway, CassoList
from payments.gateways.payos import PayOSGateway
from payments.gateways.sepay import LIST_PATH, SePayGateway, SePayList
from payments.gateways.signed import SignedGateway, SignedList

CODE = qr.write_vietqr("970436", "9990001112223", 85_000, memo="CHOK7M2QX", merchant_name="CO LAN")
GATEWAY = SePayGateway(Secrets("whsec_demo_sepay"))


@pytest.fixture
def config(tmp_path: Path, hook) -> BankConfig:
    return BankConfig(tmp_path / "bank.sqlite", hook.url, minute_s=0.02)


async def test_a_paid_code_reaches_the_market_signed(config, running, hook) -> None:
    async with running(create_app(config)) as client:
        made = await client.post("/api/transfers", json={"qr_text": CODE})
        notices = await hook.wait_for(1)

    found = GATEWAY.verify(notices[0], clock.now())
    assert made.status_code == 201
    assert hook.paths == ["/hooks/sepay"]
    assert (found.amount_vnd, found.account_no) == (85_000, "9990001112223")
    assert found.bank_bin == "970436"
    assert "CHOK7M2QX" in found.memo
    assert found.provider_id == str(made.json()["id"]) == "100001"


async def test_one_request_id_is_one_transfer(config, running, hook) -> None:
    async with running(create_app(config)) as client:
        bodies = [{"qr_text": CODE, "request_id": "r-1"}] * 2
        answers = [(await client.post("/api/transfers", json=body)).json() for body in bodies]
        await hook.wait_for(1)

    assert answers[0] == answers[1]
    assert len(hook.notices) == 1


async def test_a_notice_that_is_not_taken_is_sent_again(config, running, hook) -> None:
    hook.answers = [(500, {}), (200, {"success": False}), (200, {"success": True})]
    async with running(create_app(config)) as client:
        await client.post("/api/transfers", json={"qr_text": CODE})
        notices = await hook.wait_for(3)

    assert len({notice.body for notice in notices}) == 1
    assert all(GATEWAY.verify(notice, clock.now()) for notice in notices)


async def test_what_a_dead_market_missed_is_told_when_it_lives(
    config, running, hook, tmp_path
) -> None:
    deaf = BankConfig(tmp_path / "bank.sqlite", "http://127.0.0.1:9", minute_s=0.2)
    async with running(create_app(deaf)) as client:
        await client.post("/api/transfers", json={"qr_text": CODE})

    async with running(create_app(config)):
        notices = await hook.wait_for(1)

    assert GATEWAY.verify(notices[0], clock.now()).amount_vnd == 85_000


async def test_a_dropped_notice_is_found_in_the_list(config, running, hook) -> None:
    async with running(create_app(config)) as client:
        await client.post("/control", json={"drop": {"next": 1}})
        for amount in (10_000, 20_000, 30_000):
            await client.post("/api/transfers", json={"qr_text": CODE, "amount_vnd": amount})
        await hook.wait_for(2)
        listing = SePayList(Secrets(config.api_key), client, "http://partner.test")
        listed = await listing.page(0, clock.now())
        rest = await listing.page(100_001, clock.now())

    told = {GATEWAY.verify(notice, clock.now()).amount_vnd for notice in hook.notices}
    assert told == {20_000, 30_000}
    assert [one.told.amount_vnd for one in listed.rows] == [10_000, 20_000, 30_000]
    assert [one.told.provider_id for one in rest.rows] == ["100002", "100003"]


async def test_the_list_wants_its_key(config, running) -> None:
    async with running(create_app(config)) as client:
        answer = await client.get(LIST_PATH)

    assert answer.status_code == 401


async def test_a_doubled_notice_is_the_same_twice(config, running, hook) -> None:
    async with running(create_app(config)) as client:
        await client.post("/control", json={"double": {"next": 1}})
        await client.post("/api/transfers", json={"qr_text": CODE})
        first, second = (await hook.wait_for(2))[:2]

    assert first.body == second.body


async def test_a_forged_notice_does_not_pass(config, running, hook) -> None:
    async with running(create_app(config)) as client:
        await client.post("/control", json={"forge": {"next": 1}})
        await client.post("/api/transfers", json={"qr_text": CODE})
        notices = await hook.wait_for(2)

    forged = next(notice for notice in notices if b"5000000" in notice.body)
    with pytest.raises(NoticeForged):
        GATEWAY.verify(forged, clock.now())


async def test_a_corrupted_notice_does_not_pass_and_comes_again_whole(
    config, running, hook
) -> None:
    hook.answers = [(401, {}), (200, {"success": True})]
    async with running(create_app(config)) as client:
        await client.post("/control", json={"corrupt": {"next": 1}})
        await client.post("/api/transfers", json={"qr_text": CODE})
        broken, whole = (await hook.wait_for(2))[:2]

    with pytest.raises(NoticeForged):
        GATEWAY.verify(broken, clock.now())
    assert GATEWAY.verify(whole, clock.now()).amount_vnd == 85_000


async def test_a_delayed_notice_comes_after_a_later_one(config, running, hook) -> None:
    async with running(create_app(config)) as client:
        await client.post("/control", json={"delay": {"next": 1}, "delay_s": 0.3})
        for amount in (10_000, 20_000):
            await client.post("/api/transfers", json={"qr_text": CODE, "amount_vnd": amount})
        notices = await hook.wait_for(2)

    amounts = [json.loads(notice.body)["transferAmount"] for notice in notices]
    assert amounts == [20_000, 10_000]


@pytest.mark.parametrize(
    "wanted",
    [{"drop": 2}, {"drop": -1}, {"drop": "always"}, {"explode": 1}, {"drop": True}, ["drop"]],
)
async def test_nonsense_for_the_control_is_refused(config, running, wanted: object) -> None:
    async with running(create_app(config)) as client:
        answer = await client.post("/control", json=wanted)

    assert answer.status_code == 400


@pytest.mark.parametrize(
    "body",
    [
        {"qr_text": "https://cho.example.vn"},
        {"qr_text": CODE[:-1] + "0"},
        {"bank_bin": "999999", "account_no": "1", "amount_vnd": 5},
        {"bank_bin": "970436", "account_no": "1-1", "amount_vnd": 5},
        {"bank_bin": "970436", "account_no": "123456", "amount_vnd": 0},
        {"bank_bin": "970436", "account_no": "123456", "amount_vnd": 500_000_000},
        {"bank_bin": "970436", "account_no": "123456", "amount_vnd": 5, "direction": "up"},
    ],
)
async def test_a_transfer_no_bank_makes_is_refused(config, running, hook, body) -> None:
    async with running(create_app(config)) as client:
        answer = await client.post("/api/transfers", json=body)

    assert answer.status_code == 422
    assert hook.notices == []


async def test_a_name_is_looked_up_in_unaccented_capitals(config, running) -> None:
    account = {"bank_bin": "970436", "account_no": "9990001112223", "holder": "Đặng Thị Lan"}
    async with running(create_app(config)) as client:
        await client.post("/api/accounts", json=[account])
        known = await client.get("/api/accounts/970436/9990001112223")
        unknown = await client.get("/api/accounts/970436/1")

    assert known.json()["holder"] == "DANG THI LAN"
    assert unknown.status_code == 404


async def test_the_phone_pays_a_photographed_code(config, running, hook) -> None:
    async with running(create_app(config)) as client:
        scanned = await client.post("/scan", files={"picture": ("qr.png", _picture(CODE))})
        page = await client.get(scanned.headers["location"])
        paid = await client.post(
            "/pay", data={"qr_text": CODE, "amount": "50k", "memo": "CHOK7M2QX"}
        )
        receipt = await client.get(paid.headers["location"])
        await hook.wait_for(1)

    assert (scanned.status_code, paid.status_code) == (303, 303)
    assert "9990001112223" in page.text
    assert 'value="85.000"' in page.text
    assert "50.000\u00a0₫" in receipt.text
    assert GATEWAY.verify(hook.notices[0], clock.now()).amount_vnd == 50_000


@pytest.mark.parametrize("text", ["xin chào", "", "000201"])
async def test_the_phone_says_what_is_wrong_with_a_code(config, running, text: str) -> None:
    async with running(create_app(config)) as client:
        answer = await client.get("/pay", params={"qr": text}, follow_redirects=True)

    assert answer.status_code == 200
    assert 'class="wrong"' in answer.text


async def test_a_picture_without_a_code_is_answered_with_advice(config, running) -> None:
    blank = io.BytesIO()
    Image.new("L", (200, 200), 255).save(blank, "PNG")
    async with running(create_app(config)) as client:
        empty = await client.post("/scan", files={"picture": ("a.png", blank.getvalue())})
        nothing = await client.post("/scan", files={"picture": ("a.png", b"not a picture")})
        pages = [await client.get(one.headers["location"]) for one in (empty, nothing)]

    assert "Không thấy mã QR trong ảnh" in pages[0].text
    assert "không phải là ảnh" in pages[1].text


async def test_the_inside_shows_each_try_and_sends_again(config, running, hook) -> None:
    async with running(create_app(config)) as client:
        made = (await client.post("/api/transfers", json={"qr_text": CODE})).json()
        await hook.wait_for(1)
        await client.post(f"/again/{made['id']}")
        await hook.wait_for(2)
        page = await client.get("/inside")
        home = await client.get("/")

    assert "CHOK7M2QX" in page.text
    assert home.status_code == 200


def test_the_secret_is_not_printed(config) -> None:
    assert "whsec" not in repr(config)


@pytest.mark.parametrize("seed", range(4))
async def test_memos_keep_the_code_in_every_shape(config, running, hook, seed: int) -> None:
    async with running(create_app(BankConfig(config.state_path, hook.url, seed=seed))) as client:
        for _ in range(4):
            await client.post("/api/transfers", json={"qr_text": CODE})
        notices = await hook.wait_for(4)

    assert all(b"CHOK7M2QX" in notice.body for notice in notices)


async def test_money_out_is_told_as_such(config, running, hook) -> None:
    async with running(create_app(config)) as client:
        await client.post("/api/transfers", json={"qr_text": CODE, "direction": "out"})
        notices = await hook.wait_for(1)

    assert GATEWAY.verify(notices[0], datetime.now(UTC)).direction == "out"  # noqa: TID251


async def test_as_a_process_it_serves_and_remembers(process, hook, tmp_path) -> None:
    url = process("bank", f"BankConfig(Path({str(tmp_path / 'b.sqlite')!r}), {hook.url!r})")

    async with httpx.AsyncClient() as client:
        made = await client.post(f"{url}/api/transfers", json={"qr_text": CODE})
        await hook.wait_for(1)
        css = await client.get(f"{url}/static/partner.css")

    assert made.status_code == 201
    assert css.headers["content-type"].startswith("text/css")


VERIFIES = {
    "sepay": SePayGateway(Secrets("whsec_demo_sepay")),
    "sepay_key": SePayGateway(api_keys=Secrets("whsec_demo_sepay")),
    "casso": CassoGateway(Secrets(DEMO_SECRETS["casso"])),
    "casso_v1": CassoGateway(tokens=Secrets(DEMO_SECRETS["casso"])),
    "payos": PayOSGateway(Secrets(DEMO_SECRETS["payos"])),
    "signed": SignedGateway(Secrets(DEMO_SECRETS["signed"])),
}


async def test_every_form_tells_the_same_of_a_transfer(config, running, hook) -> None:
    async with running(create_app(config)) as client:
        await client.post("/api/transfers", json={"qr_text": CODE, "forms": list(VERIFIES)})
        await hook.wait_for(len(VERIFIES))

    facts = set()
    for form, gateway in VERIFIES.items():
        service = form.partition("_")[0]
        sent = [
            n for path, n in zip(hook.paths, hook.notices, strict=True) if path.endswith(service)
        ]
        told = [one for notice in sent for one in _read(gateway, notice)]
        facts |= {(one.amount_vnd, one.account_no, one.reference, one.memo) for one in told}
        assert told
    assert len(facts) == 1


@pytest.mark.parametrize("form", VERIFIES)
async def test_forged_and_late_ones_of_every_form_are_so(config, running, hook, form: str) -> None:
    hook.answers = [(200, {"success": True})]
    async with running(create_app(config)) as client:
        await client.post("/control", json={"forge": {"next": 1}})
        await client.post("/api/transfers", json={"qr_text": CODE, "forms": [form], "ago_s": 7_200})
        notices = await hook.wait_for(2)

    told = [one for notice in notices for one in _read(VERIFIES[form], notice)]
    assert [one.amount_vnd for one in told] == [85_000]
    assert 7_190 < (clock.now() - told[0].occurred_at).total_seconds() < 7_300


async def test_who_tells_is_set_from_outside_and_remembered(config, running, hook) -> None:
    async with running(create_app(config)) as client:
        answer = await client.post("/api/forms", json={"forms": ["casso", "signed"]})
        wrong = await client.post("/api/forms", json={"forms": ["telegraph"]})
        pressed = await client.post("/api/forms", data={"forms": ["payos", "signed"]})
    async with running(create_app(config)) as client:
        await client.post("/api/transfers", json={"qr_text": CODE})
        await hook.wait_for(2)
        page = await client.get("/inside")

    assert answer.json() == {"forms": ["casso", "signed"]}
    assert (wrong.status_code, pressed.status_code) == (422, 303)
    assert sorted(hook.paths) == ["/hooks/payos", "/hooks/signed"]
    assert 'value="payos" checked' in page.text


async def test_each_service_lists_what_it_watches_alone(config, running, hook) -> None:
    async with running(create_app(config)) as client:
        await client.post("/control", json={"drop": 1.0})
        for amount, forms in ((1, ["sepay"]), (2, ["casso"]), (3, ["signed", "casso_v1"])):
            body = {"qr_text": CODE, "amount_vnd": amount, "forms": forms}
            await client.post("/api/transfers", json=body)
        base = "http://partner.test"
        lists = [
            SePayList(Secrets(config.api_key), client, base),
            CassoList(Secrets(config.casso_secret), client, base),
            SignedList(Secrets(config.signed_secret), client, base + SIGNED_LIST_PATH),
        ]
        pages = [await one.page(0, clock.now()) for one in lists]

    amounts = [[row.told.amount_vnd for row in page.rows] for page in pages]
    assert amounts == [[1], [2, 3], [3]]


def _read(gateway, notice) -> tuple[Confirmation, ...]:
    """What a notice proves; nothing where it is refused."""
    try:
        return confirmations(gateway.verify(notice, clock.now()))
    except NoticeForged:
        return ()


def _picture(text: str) -> bytes:
    matrix = qr.qr_matrix(text)
    side = len(matrix) + 8
    picture = Image.new("L", (side, side), 255)
    for top, row in enumerate(matrix):
        for left, dark in enumerate(row):
            picture.putpixel((left + 4, top + 4), 0 if dark else 255)
    out = io.BytesIO()
    picture.resize((side * 6, side * 6)).save(out, "PNG")
    return out.getvalue()
