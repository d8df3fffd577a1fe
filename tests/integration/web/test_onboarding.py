"""One onboarding as the team walks it, through the real application, with a bank that answers."""

import json
import re
import threading
from collections.abc import Awaitable, Callable, Iterator
from datetime import date
from html import unescape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from uuid import UUID

import pypdfium2
import pytest
import zxingcpp
from sqlalchemy import text

from market import ids
from market.db import Database
from market.settings import Settings
from payments import qr

HTML = {"accept": "text/html"}
HOLDERS = {
    "0123456789": "LE THI HOA",
    "555666777": "TRAN VAN BINH",
    "888999": "HO KINH DOANH HOA LAN",
}
PERSON = {"name": "Lê Thị Hoa", "phone": "0900 000 011"}
ACCOUNT = {"bank_bin": "970436", "account_no": "0123 456 789"}


class _Bank(BaseHTTPRequestHandler):
    """Says whose an account is, in the words of the simulated bank."""

    def do_GET(self) -> None:
        holder = HOLDERS.get(self.path.rsplit("/", 1)[1])
        body = json.dumps({"holder": holder}).encode()
        self.send_response(200 if holder else 404)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Quiet."""


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Iterator[Settings]:
    """A market whose bank says whose an account is."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Bank) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield Settings(
            database_url=database_url, data=tmp_path, secret="test" * 8, sepay_secret="whsec_test",
            bank_url=f"http://127.0.0.1:{server.server_port}",
        )  # fmt: skip
        server.shutdown()


@pytest.fixture
async def stall_id(database: Database, world: Any) -> UUID:
    """A stall that waits for its vendor."""
    async with database.as_system() as db:
        made = ids.new()
        await db.execute(
            text("INSERT INTO market.stall (id, hall_id, code, trade, status, invoice_mode, round_vnd, opened_on)"
                 " VALUES (:id, :hall, 'B7', 'cá', 'active', 'on_request', 1, :day)"),
            {"id": made, "hall": world.hall_id, "day": date(2026, 1, 1)},
        )  # fmt: skip
    return made


class Team:
    """A member of the team with the page of one stall before them."""

    def __init__(self, browser: Any, stall_id: UUID) -> None:
        self.browser = browser
        self.path = f"/to-cong-nghe/sap/{stall_id}"
        self.last: Any = None

    async def look(self) -> str:
        self.last = await self.browser.get(self.path, headers=HTML)
        assert self.last.status_code == 200, self.last.text
        return str(self.last.text)

    def carried(self) -> dict[str, str]:
        page = self.last.text
        return {
            name: re.search(rf'name="{name}" value="([^"]*)"', page)[1]  # type: ignore[index]  # every step has them
            for name in ("onboarding_id", "version")
        }

    async def answer(self, step: str, **fields: str) -> Any:
        """Send a step and follow to the next page; the answer itself, before following."""
        answer = await self.browser.post(
            f"{self.path}/{step}",
            data={**self.carried(), **fields},
            headers=HTML,
        )
        if answer.status_code == 303:
            await self.look()
        else:
            self.last = answer
        return answer


@pytest.fixture
async def team(as_: Any, stall_id: UUID) -> Team:
    opened = Team(as_("team"), stall_id)
    await opened.look()
    return opened


async def asked_of(database: Database, stall_id: UUID) -> Any:
    async with database.as_system() as db:
        rows = await db.execute(
            text("SELECT id, code, state, amount_vnd, purpose FROM payments.payment"
                 " WHERE place_id = :stall ORDER BY opened_at DESC, id DESC"), {"stall": stall_id},
        )  # fmt: skip
        return rows.first()


@pytest.fixture
def pay(notify: Any, database: Database, stall_id: UUID) -> Callable[..., Awaitable[Any]]:
    async def sent(amount_vnd: int = 1_000, account_no: str = "0123456789") -> Any:
        payment = await asked_of(database, stall_id)
        return await notify(payment.code, amount_vnd, account_no=account_no)

    return sent


async def at_test(team: Team) -> None:
    await team.answer("nguoi", **PERSON)
    await team.answer("dong-y", payments="1", invoices="1")
    await team.answer("tai-khoan", **ACCOUNT)
    assert "Trả thử 1.000" in unescape(team.last.text)


async def rows(database: Database, query: str, **values: Any) -> list[Any]:
    async with database.as_system() as db:
        return list((await db.execute(text(query), values)).all())


async def test_a_stall_is_onboarded_from_name_to_printed_code(
    team: Team, pay: Any, database: Database, stall_id: UUID, as_: Any
) -> None:
    await at_test(team)
    await pay()
    page = await team.look()

    assert "Tiền về đúng tài khoản" in page
    (stall,) = await rows(database, "SELECT * FROM market.stall WHERE id = :id", id=stall_id)
    (stand,) = await rows(database, "SELECT * FROM market.stand WHERE stall_id = :id", id=stall_id)
    (account,) = await rows(
        database, "SELECT * FROM market.payee_account WHERE vendor_id = :id", id=stall.vendor_id
    )
    assert (account.holder_name, account.name_check, account.kind) == (
        "LE THI HOA",
        "match",
        "personal",
    )
    assert account.verified_at is not None
    printed = qr.read(stand.qr_text)
    assert (printed.bank_bin, printed.account_no, printed.memo) == (
        "970436",
        "0123456789",
        stand.memo,
    )
    assert not printed.is_dynamic
    (code,) = await rows(
        database, "SELECT * FROM payments.code WHERE code = :code", code=stand.memo
    )
    assert (code.kind, code.place_id) == ("stand", stall_id)
    assert await rows(database, "SELECT 1 FROM market.consent WHERE assisted_by IS NOT NULL") != []
    answer = await team.answer("xong")
    assert answer.headers["location"] == "/to-cong-nghe"
    (done,) = await rows(
        database, "SELECT step FROM market.onboarding WHERE stall_id = :id", id=stall_id
    )
    assert done.step == "done"


async def test_it_takes_six_inputs_at_most(team: Team, pay: Any) -> None:
    typed = set()

    def fields() -> set[str]:
        shown = re.findall(r'<(?:input|select)\b[^>]*name="(\w+)"[^>]*>', team.last.text)
        hidden = re.findall(r'<input type="hidden" name="(\w+)"', team.last.text)
        switches = re.findall(r'type="checkbox"[^>]*name="(\w+)"', team.last.text)
        return set(shown) - set(hidden) - set(switches) - {"_csrf_token", "to", "tiep"}

    for step, answer in (("nguoi", PERSON), ("dong-y", {"payments": "1"}), ("tai-khoan", ACCOUNT)):
        typed |= fields()
        await team.answer(step, **answer)
    typed |= fields()
    await pay()
    await team.look()
    typed |= fields()

    assert typed == {"name", "phone", "bank_bin", "account_no"}
    assert len({"stall", *typed, "pin"}) <= 6


async def test_the_printed_sheet_is_read_by_a_camera(
    team: Team, pay: Any, as_: Any, database: Database, stall_id: UUID
) -> None:
    await at_test(team)
    await pay()
    await team.look()

    answer = await as_("team").get(f"{team.path}/ma-qr.pdf?size=a5")

    assert answer.headers["content-type"] == "application/pdf"
    with pypdfium2.PdfDocument(answer.content) as sheet:
        (read,) = zxingcpp.read_barcodes(sheet[0].render(scale=2).to_pil())
    (stand,) = await rows(
        database, "SELECT qr_text FROM market.stand WHERE stall_id = :id", id=stall_id
    )
    assert read.text == stand.qr_text
    assert (await as_("vendor").get(f"{team.path}/ma-qr.pdf")).status_code == 403
    assert (await as_("team").get(f"{team.path}/ma-qr.pdf?size=a0")).status_code == 400


async def test_the_vendor_sets_a_pin_with_the_code_and_sells(
    team: Team, pay: Any, client: Any, stall_id: UUID
) -> None:
    await at_test(team)
    await pay()
    await team.look()
    answer = await team.answer("ma-dang-nhap")
    code = re.search(r'<p class="amount middle num">(\d{6})</p>', answer.text)
    assert code is not None
    client.cookies.clear()
    page = await client.get("/dang-nhap/lan-dau", headers=HTML)
    form = {
        "_csrf_token": page.cookies["cho_csrf"],
        "phone": PERSON["phone"],
        "code": code[1],
        "pin": "8401",
    }

    first = await client.post("/dang-nhap/lan-dau", data=form, headers=HTML, follow_redirects=False)
    again = await client.post(
        "/dang-nhap/lan-dau", data={**form, "pin": "8402"}, headers=HTML, follow_redirects=False
    )

    assert (first.status_code, first.headers["location"]) == (303, f"/ban-hang/{stall_id}")
    assert again.status_code == 403


async def test_the_waiting_screen_goes_on_when_the_ledger_has_the_money(
    team: Team, pay: Any, as_: Any
) -> None:
    await at_test(team)
    path = f"/api/onboardings/{team.carried()['onboarding_id']}"
    before = (await as_("team").get(path)).json()

    await pay(400)
    short = (await as_("team").get(path)).json()
    await pay(600)
    after = (await as_("team").get(path)).json()

    assert (before["step"], before["test_state"], before["missing_vnd"]) == ("test", "open", 1_000)
    assert (short["step"], short["test_state"], short["missing_vnd"]) == ("test", "partial", 600)
    assert after["step"] == "stand"


async def test_it_goes_on_even_when_nobody_watches(
    team: Team, pay: Any, follow: Any, database: Database, stall_id: UUID
) -> None:
    await at_test(team)

    await pay()
    await follow()

    (found,) = await rows(
        database, "SELECT step, stand_id FROM market.onboarding WHERE stall_id = :id", id=stall_id
    )
    assert found.step == "stand"
    assert found.stand_id is not None


async def test_test_money_is_no_sale(team: Team, pay: Any, follow: Any, database: Database) -> None:
    await at_test(team)

    await pay()
    await follow()

    assert await rows(database, "SELECT 1 FROM market.sale") == []
    assert await rows(database, "SELECT 1 FROM market.takings_hour") == []


async def test_a_dead_battery_loses_nothing(team: Team, as_: Any, stall_id: UUID) -> None:
    await team.answer("nguoi", **PERSON)

    resumed = Team(as_("team"), stall_id)
    page = await resumed.look()

    assert "Lê Thị Hoa đồng ý điều gì?" in page
    assert resumed.carried()["version"] == "2"


async def test_a_form_sent_twice_is_done_once(team: Team, database: Database) -> None:
    carried = team.carried()

    answers = [
        await team.browser.post(
            f"{team.path}/nguoi",
            data={**carried, **PERSON},
            headers=HTML,
        )
        for _ in range(2)
    ]

    assert [answer.status_code for answer in answers] == [303, 303]
    assert (
        len(await rows(database, "SELECT 1 FROM market.person WHERE phone = '+84900000011'")) == 1
    )


async def test_two_helpers_at_one_stall_do_not_undo_each_other(
    team: Team, as_: Any, stall_id: UUID
) -> None:
    colleague = Team(as_("team"), stall_id)
    await colleague.look()
    await team.answer("nguoi", **PERSON)
    await team.answer("dong-y", payments="1")

    answer = await colleague.answer("nguoi", name="Trần Văn Bình", phone="0900000012")

    assert answer.status_code == 409
    assert "Người khác vừa thay đổi" in answer.text


async def test_a_known_phone_number_is_asked_about_first(
    team: Team, database: Database, world: Any
) -> None:
    (known,) = await rows(
        database, "SELECT p.id, p.phone, p.name FROM market.person p JOIN market.vendor v"
        " ON v.person_id = p.id WHERE v.id = :id", id=world.other_vendor_id,
    )  # fmt: skip

    asked = await team.answer("nguoi", name="Lê Thị Hoa", phone=known.phone)

    assert asked.status_code == 409
    assert known.name in asked.text
    assert await rows(database, "SELECT 1 FROM market.onboarding") == []
    answer = await team.answer("nguoi", name="Lê Thị Hoa", phone=known.phone, is_same="1")
    assert answer.status_code == 303
    (found,) = await rows(database, "SELECT person_id FROM market.onboarding")
    assert found.person_id == known.id


async def test_a_vendor_with_a_proved_account_gets_the_code_at_once(
    team: Team, database: Database, world: Any
) -> None:
    (known,) = await rows(
        database, "SELECT p.phone FROM market.person p JOIN market.vendor v ON v.person_id = p.id"
        " WHERE v.id = :id", id=world.vendor_id,
    )  # fmt: skip
    await team.answer("nguoi", name="Lê Thị Hoa", phone=known.phone, is_same="1")

    await team.answer("dong-y", payments="1")

    assert "Sạp đã có mã" in team.last.text


async def test_another_s_stall_is_not_taken_over(as_: Any, world: Any) -> None:
    team = Team(as_("team"), world.other_stall_id)
    await team.look()

    answer = await team.answer("nguoi", **PERSON)

    assert answer.status_code == 409
    assert "Sạp này đã có người bán" in answer.text


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"name": "", "phone": "0900000011"}, "Tên chỉ gồm chữ cái"),
        ({"name": "Cô Hoa 🌸", "phone": "0900000011"}, "Tên chỉ gồm chữ cái"),
        ({"name": "Lê Thị Hoa", "phone": "12345"}, "Số điện thoại cần 10 chữ số"),
    ],
)
async def test_a_person_who_cannot_be_leaves_nothing_half_done(
    team: Team, database: Database, fields: dict[str, str], said: str
) -> None:
    answer = await team.answer("nguoi", **fields)

    assert answer.status_code == 422
    assert said in answer.text
    assert await rows(database, "SELECT 1 FROM market.onboarding") == []


async def test_without_the_needed_consent_nothing_is_opened(team: Team, database: Database) -> None:
    await team.answer("nguoi", **PERSON)

    answer = await team.answer("dong-y", invoices="1", contact="1")

    assert answer.status_code == 422
    assert "đồng ý với mục bắt buộc" in answer.text
    assert await rows(database, "SELECT 1 FROM market.consent") == []


async def test_without_consent_to_invoices_none_are_made(
    team: Team, database: Database, stall_id: UUID
) -> None:
    await team.answer("nguoi", **PERSON)
    await team.answer("dong-y", payments="1")

    (stall,) = await rows(
        database, "SELECT invoice_mode FROM market.stall WHERE id = :id", id=stall_id
    )
    assert stall.invoice_mode == "off"


@pytest.mark.parametrize(
    ("fields", "status", "said"),
    [
        ({"bank_bin": "000000", "account_no": "1"}, 422, "Không có ngân hàng này"),
        ({"bank_bin": "", "account_no": "1"}, 422, "Không có ngân hàng này"),
        ({"bank_bin": "970436", "account_no": "số của tôi"}, 422, "Số tài khoản chưa đúng"),
        ({"bank_bin": "970436", "account_no": "1" * 20}, 422, "Số tài khoản chưa đúng"),
        ({"bank_bin": "970436", "account_no": "9990001112223", "is_accepted": "1"}, 409, "đã đăng ký cho người bán khác"),
    ],
)  # fmt: skip
async def test_an_account_that_cannot_be_leaves_nothing_half_done(
    team: Team, database: Database, fields: dict[str, str], status: int, said: str
) -> None:
    await team.answer("nguoi", **PERSON)
    await team.answer("dong-y", payments="1")
    before = await rows(database, "SELECT count(*) FROM market.payee_account")

    answer = await team.answer("tai-khoan", **fields)

    assert answer.status_code == status
    assert said in answer.text
    assert await rows(database, "SELECT count(*) FROM market.payee_account") == before
    assert await rows(database, "SELECT 1 FROM payments.payment") == []


async def test_an_account_under_another_name_is_used_only_knowingly(
    team: Team, database: Database
) -> None:
    await team.answer("nguoi", **PERSON)
    await team.answer("dong-y", payments="1")
    account = {"bank_bin": "970436", "account_no": "555666777"}

    asked = await team.answer("tai-khoan", **account)
    assert asked.status_code == 409
    assert "TRAN VAN BINH" in asked.text
    answer = await team.answer("tai-khoan", **account, is_accepted="1")

    assert answer.status_code == 303
    (found,) = await rows(
        database, "SELECT kind, name_check FROM market.payee_account WHERE account_no = '555666777'"
    )
    assert tuple(found) == ("relative", "differs")


@pytest.mark.parametrize(
    ("account_no", "kind", "check", "holder"),
    [("888999", "household", "match", "HO KINH DOANH HOA LAN"), ("777", "personal", "unknown", "LE THI HOA")],
)  # fmt: skip
async def test_what_the_bank_says_of_the_name_is_kept(
    team: Team, database: Database, account_no: str, kind: str, check: str, holder: str
) -> None:
    await team.answer("nguoi", **PERSON)
    await team.answer("dong-y", payments="1")

    await team.answer("tai-khoan", bank_bin="970436", account_no=account_no)

    (found,) = await rows(
        database,
        "SELECT kind, name_check, holder_name FROM market.payee_account WHERE account_no = :no",
        no=account_no,
    )
    assert tuple(found) == (kind, check, holder)


async def test_a_wrong_account_is_corrected_before_any_money_came(
    team: Team, pay: Any, database: Database, stall_id: UUID
) -> None:
    await at_test(team)

    await team.answer("sua-tai-khoan")
    assert "Tiền về tài khoản nào?" in team.last.text
    await team.answer("tai-khoan", **ACCOUNT)
    await pay()
    await team.look()

    assert "Tiền về đúng tài khoản" in team.last.text
    found = await rows(
        database,
        "SELECT retired_at FROM market.payee_account WHERE account_no = '0123456789' ORDER BY created_at",
    )
    assert [row.retired_at is None for row in found] == [False, True]


async def test_an_expired_test_is_asked_for_again(team: Team, pay: Any, database: Database) -> None:
    await at_test(team)
    async with database.as_system() as db:
        await db.execute(
            text("UPDATE payments.payment SET expires_at = now() - interval '1 minute'")
        )
    page = await team.look()
    assert "Mã thử đã hết hạn" in page

    await team.answer("thu-lai")
    await pay()
    await team.look()

    assert "Tiền về đúng tài khoản" in team.last.text


async def test_the_round_shows_what_is_to_be_done_at_each_stall(team: Team, as_: Any) -> None:
    await team.answer("nguoi", **PERSON)

    page = (await as_("team").get("/to-cong-nghe", headers=HTML)).text

    assert page.index("B7") < page.index("A12")
    assert "Đang dở" in page
    assert "Chưa có mã" in page


async def test_a_helper_of_another_hall_does_not_onboard_here(
    as_: Any, database: Database, team: Team
) -> None:
    async with database.as_system() as db:
        await db.execute(
            text("UPDATE market.membership SET scope_id = :x WHERE role = 'team'"), {"x": ids.new()}
        )

    page = await team.browser.get(team.path, headers=HTML)
    answer = await team.answer("nguoi", **PERSON)

    assert page.status_code == answer.status_code == 403


async def test_every_step_needs_no_inline_script_or_style(team: Team, pay: Any, as_: Any) -> None:
    pages = [team.last.text]
    for step, fields in (("nguoi", PERSON), ("dong-y", {"payments": "1"}), ("tai-khoan", ACCOUNT)):
        await team.answer(step, **fields)
        pages.append(team.last.text)
    await pay()
    pages.append(await team.look())
    pages.append((await as_("team").get("/to-cong-nghe", headers=HTML)).text)
    pages.append((await as_("team").get("/toi", headers=HTML)).text)

    for page in pages:
        assert not re.search(r"\sstyle=|<style|\son\w+=|<script(?![^>]*\ssrc=)", page)


# ── The code on the table ───────────────────────────────────────────────────────────────────────


@pytest.fixture
async def stand(team: Team, pay: Any, database: Database, stall_id: UUID, world: Any) -> Any:
    """The world's vendor gets this stall too, with a stand."""
    (known,) = await rows(
        database, "SELECT p.phone FROM market.person p JOIN market.vendor v ON v.person_id = p.id"
        " WHERE v.id = :id", id=world.vendor_id,
    )  # fmt: skip
    await team.answer("nguoi", name="Lê Thị Hoa", phone=known.phone, is_same="1")
    await team.answer("dong-y", payments="1")
    (row,) = await rows(database, "SELECT * FROM market.stand WHERE stall_id = :id", id=stall_id)
    return row


async def test_one_s_own_code_is_the_same(stand: Any, as_: Any, database: Database) -> None:
    answer = await as_("vendor").post(
        f"/api/stalls/{stand.stall_id}/stand-checks", json={"qr_text": stand.qr_text}
    )

    found = answer.json()
    assert (found["result"], found["is_registered"], found["serial"]) == (
        "same",
        True,
        stand.serial,
    )
    (check,) = await rows(database, "SELECT result FROM market.stand_check")
    assert check.result == "same"


async def test_a_pasted_over_code_is_told_with_both_names(stand: Any, as_: Any) -> None:
    thief = qr.write_vietqr("970418", "555666777", merchant_name="X")

    answer = await as_("vendor").post(
        f"/api/stalls/{stand.stall_id}/stand-checks", json={"qr_text": thief}
    )

    found = answer.json()
    assert found["result"] == "other"
    assert found["registered"]["holder_name"] == "CO LAN RAU SACH"
    assert found["found"] == {
        "holder_name": "TRAN VAN BINH",
        "bank_name": "BIDV",
        "account_last4": "6777",
    }


@pytest.mark.parametrize("scanned", ["", "https://evil.example", "0002010102", "x" * 999])
async def test_what_is_no_payment_code_is_unreadable(stand: Any, as_: Any, scanned: str) -> None:
    answer = await as_("vendor").post(
        f"/api/stalls/{stand.stall_id}/stand-checks", json={"qr_text": scanned}
    )

    assert (answer.status_code, answer.json()["result"]) == (200, "unreadable")


async def test_only_the_stall_s_own_people_check_its_code(stand: Any, as_: Any) -> None:
    answer = await as_("other").post(
        f"/api/stalls/{stand.stall_id}/stand-checks", json={"qr_text": stand.qr_text}
    )

    assert answer.status_code == 403


async def test_the_vendor_prints_their_own_sheet(stand: Any, as_: Any) -> None:
    answer = await as_("vendor").get(f"/ban-hang/{stand.stall_id}/ma-qr.pdf")

    assert answer.content.startswith(b"%PDF")
    assert (await as_("other").get(f"/ban-hang/{stand.stall_id}/ma-qr.pdf")).status_code == 403
