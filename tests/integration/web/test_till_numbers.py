"""Invoices a till numbered while it had no network: handed in, each once, in their order, none lost."""

from uuid import UUID, uuid5

import pytest

import einvoice
from market import clock, ids
from market.tables import StallRow
from market.till_tables import TillNumberRow

TAX_ID = "038190000123"


@pytest.fixture
async def registered(database, world) -> None:
    async with database.as_system() as db:
        await einvoice.record_registration(
            db, world.vendor_id, TAX_ID, "Hộ kinh doanh vendor", "A1B2C", now=clock.now()
        )


class Till:
    """A phone that numbers by itself."""

    def __init__(self, browser, stall_id: UUID, sale_command) -> None:
        self.id = ids.new()
        self.browser, self.stall_id, self.sale_command = browser, stall_id, sale_command
        self.range: dict = {}

    async def post(self, path: str, body: dict):
        return await self.browser.post(f"/api/stalls/{self.stall_id}/{path}", json=body)

    async def ask(self, after: int = 0):
        answer = await self.post(f"tills/{self.id}/range", {"after": after})
        self.range = answer.json()
        return answer

    def numbered(self, place: int = 0, **more) -> dict:
        """The till's invoice so many after the next, of a sale nobody knows yet."""
        serial = self.range["next_serial"] + place
        return {
            "sale_id": str(ids.new()),
            "symbol": self.range["symbol"],
            "number": self.range["next_number"] + place,
            "code": f"{self.range['code_prefix']}-{serial:011d}",
            "numbered_at": clock.now().isoformat(),
            **more,
        }

    async def tell(self, own: dict):
        return await self.post(f"tills/{self.id}/invoices", own)

    async def sell(self, own: dict) -> None:
        command = self.sale_command(method="cash") | {"sale_id": own["sale_id"]}
        assert (await self.post("sales", command)).status_code == 201


@pytest.fixture
def till(registered, as_, world, sale_command) -> Till:
    return Till(as_("vendor"), world.stall_id, sale_command)


async def test_a_number_given_without_a_network_is_the_invoices_number(till, follow, as_, database):
    await till.ask()
    own = till.numbered()
    first = (await till.tell(own)).json()
    await till.sell(own)
    await follow()

    second = (await till.tell(own)).json()
    again = (await till.tell(own)).json()

    assert first["state"] == "kept"
    assert second["state"] == "issued"
    assert again == second
    async with database.as_system() as db:
        issued = await einvoice.invoice_by_id(db, UUID(own["sale_id"]))
    assert (issued.invoice.number, issued.invoice.code) == (own["number"], own["code"])
    assert issued.invoice.symbol == own["symbol"]
    sale = (await as_("vendor").get(f"/api/sales/{own['sale_id']}")).json()
    assert sale["invoice_id"] == own["sale_id"]


async def test_a_range_asked_for_again_is_the_same_and_the_next_lies_behind_it(till):
    first = (await till.ask()).json()
    again = (await till.ask()).json()
    following = (await till.ask(first["last_serial"])).json()
    following_again = (await till.ask(first["last_serial"])).json()

    same = ("symbol", "next_number", "code_prefix", "next_serial", "last_serial")
    assert [first[one] for one in same] == [again[one] for one in same]
    assert following["next_serial"] == first["last_serial"] + 1
    assert following_again["next_serial"] == following["next_serial"]


async def test_two_tills_never_share_a_series_or_a_code(till, as_, world, sale_command):
    other = Till(as_("vendor"), world.stall_id, sale_command)

    mine, theirs = (await till.ask()).json(), (await other.ask()).json()

    assert mine["symbol"] != theirs["symbol"]
    assert mine["last_serial"] < theirs["next_serial"]


async def test_numbers_are_issued_in_their_order_whenever_their_sales_come(
    till, follow, work, database
):
    await till.ask()
    numbers = [till.numbered(place) for place in range(3)]
    for own in numbers:
        await till.tell(own)
    for own in reversed(numbers[1:]):  # the first sale is the last to arrive
        await till.sell(own)
    await follow()
    await work("issue_till_numbers")
    async with database.as_system() as db:
        early = await einvoice.invoice_by_id(db, UUID(numbers[1]["sale_id"]))

    await till.sell(numbers[0])
    await follow()
    await work("issue_till_numbers")

    assert early is None
    async with database.as_system() as db:
        issued = [await einvoice.invoice_by_id(db, UUID(own["sale_id"])) for own in numbers]
    assert [one.invoice.number for one in issued] == [1, 2, 3]


async def refuse(till, own: dict, *, was_shown: bool = True):
    """The market refused the sale of this number: the till says so."""
    body = {"sale_id": own["sale_id"], "why": "sale_lines_wrong", "was_shown": was_shown}
    return await till.post(f"tills/{till.id}/refusals", body)


async def test_a_number_whose_sale_was_refused_blocks_none_and_is_never_used_again_annex_2(
    till, follow, database, as_, world
):
    """Decree 254/2026, Annex 2: where numbers cannot be continuous they rise and are used once."""
    await till.ask()
    first, refused, last = (till.numbered(place) for place in range(3))
    for own in (first, refused, last):
        await till.tell(own)
    for own in (first, last):
        await till.sell(own)
    await follow()

    passed = (await refuse(till, refused)).json()
    states = [(await till.tell(own)).json()["state"] for own in (first, refused, last)]

    assert passed["state"] == "passed"
    assert states == ["issued", "passed", "issued"]
    async with database.as_system() as db:
        issued = [await einvoice.invoice_by_id(db, UUID(one["sale_id"])) for one in (first, last)]
    assert [one.invoice.number for one in issued] == [1, 3]
    forgot = (
        await till.ask()
    ).json()  # a phone without its memory gets neither number nor code again
    assert forgot["next_number"] == 4
    assert int(last["code"][-11:]) < forgot["next_serial"]
    page = await as_("vendor").get(
        f"/ban-hang/{world.stall_id}/hoa-don", headers={"accept": "text/html"}
    )
    checked = await as_("vendor").get(
        f"/ban-hang/{world.stall_id}/doi-chieu", headers={"accept": "text/html"}
    )
    for shown in (page, checked):
        assert "Số bị bỏ" in shown.text
        assert f"2{refused['symbol']} 2" in shown.text
        assert "Khách đã thấy số này." in shown.text


async def test_a_number_the_buyer_never_saw_is_passed_over_too_and_said_so(till, database):
    await till.ask()
    own = till.numbered()
    await till.tell(own)

    answer = await refuse(till, own, was_shown=False)
    again = await refuse(till, own, was_shown=True)

    assert (answer.json()["state"], again.json()["state"]) == ("passed", "passed")
    async with database.as_system() as db:
        row = await db.get(TillNumberRow, UUID(own["sale_id"]))
    assert (row.was_shown, row.passed_why) == (False, "sale_lines_wrong")


async def test_a_number_before_it_still_comes_first(till, follow, work, database):
    await till.ask()
    waiting, refused, last = (till.numbered(place) for place in range(3))
    for own in (waiting, refused, last):
        await till.tell(own)
    await till.sell(last)
    await refuse(till, refused)
    await follow()
    await work("issue_till_numbers")
    async with database.as_system() as db:
        early = await einvoice.invoice_by_id(db, UUID(last["sale_id"]))

    await till.sell(waiting)
    await follow()
    await work("issue_till_numbers")

    assert early is None
    async with database.as_system() as db:
        issued = [await einvoice.invoice_by_id(db, UUID(one["sale_id"])) for one in (waiting, last)]
    assert [one.invoice.number for one in issued] == [1, 3]


async def test_a_sale_that_is_here_keeps_its_number_whatever_is_said(till, follow, as_, world):
    await till.ask()
    own = till.numbered()
    await till.tell(own)
    await till.sell(own)
    await follow()
    stranger = Till(as_("other"), world.other_stall_id, till.sale_command)
    stranger.id = till.id

    refused = await refuse(till, own)
    foreign = await refuse(stranger, own)

    assert refused.json()["state"] in ("kept", "issued")
    assert foreign.status_code in (404, 409)
    assert (await till.tell(own)).json()["state"] == "issued"


async def test_a_sale_made_anew_after_that_gets_an_ordinary_invoice(till, follow, database):
    await till.ask()
    own = till.numbered()
    await till.tell(own)
    await refuse(till, own)
    await till.sell(own)
    await follow()

    tapped = await till.browser.post(f"/api/sales/{own['sale_id']}/invoice")

    assert tapped.status_code in (200, 201)
    async with database.as_system() as db:
        issued = await einvoice.invoice_by_id(db, UUID(own["sale_id"]))
    assert issued.invoice.symbol.endswith("AA")


async def test_the_code_on_the_slip_says_not_sent_yet_and_then_shows_the_invoice(
    till, follow, client
):
    await till.ask()
    own = till.numbered(lookup_code=f"{till.range['lookup_prefix']}0123456789")

    async def look() -> tuple[int, str]:
        page = await client.get(f"/hd/{own['lookup_code']}", headers={"accept": "text/html"})
        return page.status_code, page.text

    untold = await look()
    await till.tell(own)
    waits = await look()
    await till.sell(own)
    await follow()
    told = (await till.tell(own)).json()
    shown = await look()

    assert untold[0] == waits[0] == shown[0] == 200
    assert "<b>Chưa gửi</b>" in untold[1]
    assert own["code"] not in untold[1]
    assert "<b>Chưa gửi</b>" in waits[1]
    assert own["code"] in waits[1]
    assert told["lookup_url"] == f"/hd/{own['lookup_code']}"
    assert "<b>Chưa gửi</b>" not in shown[1]
    assert own["code"] in shown[1]


async def test_a_slip_whose_number_was_passed_over_sends_the_buyer_to_the_seller(till, client):
    await till.ask()
    own = till.numbered(lookup_code=f"{till.range['lookup_prefix']}0123456789")
    await till.tell(own)
    await refuse(till, own)

    page = await client.get(f"/hd/{own['lookup_code']}", headers={"accept": "text/html"})

    assert "Số này bị bỏ." in page.text


async def test_a_lookup_code_of_another_till_is_refused(till):
    await till.ask()
    letters = "AAAAAA" if till.range["lookup_prefix"] != "AAAAAA" else "BBBBBB"

    other = await till.tell(till.numbered(lookup_code=f"{letters}0123456789"))
    none = await till.tell(till.numbered(lookup_code="short"))

    assert other.status_code == 422
    assert none.status_code in (400, 422)


async def test_a_stall_that_invoices_every_sale_gives_a_numbered_one_no_second_number(
    till, follow, work, work_off, database, world
):
    async with database.as_system() as db:
        stall = await db.get(StallRow, world.stall_id)
        stall.invoice_mode = "each_sale"
        db.add(stall)
    await till.ask()
    own = till.numbered()
    await till.tell(own)
    await till.sell(own)
    await follow()

    await work_off("issue_invoices")
    tapped = await till.browser.post(f"/api/sales/{own['sale_id']}/invoice")
    await work("issue_till_numbers")

    assert (tapped.status_code, tapped.json()["code"]) == (409, "invoice_number_waits")
    async with database.as_system() as db:
        issued = await einvoice.invoice_by_id(db, UUID(own["sale_id"]))
    assert issued.invoice.code == own["code"]


async def test_what_is_not_this_tills_is_refused_and_nothing_is_kept(
    till, as_, world, sale_command, database
):
    await till.ask()
    other = Till(as_("vendor"), world.stall_id, sale_command)
    await other.ask()
    own = till.numbered()
    foreign_code = own | {"code": other.numbered()["code"]}
    foreign_series = own | {"symbol": other.range["symbol"]}
    no_code = own | {"code": "M2-26-A1B2C-0000000000X"}

    answers = [await till.tell(one) for one in (foreign_code, foreign_series, no_code)]

    assert [one.status_code for one in answers] == [409, 409, 422]
    async with database.as_system() as db:
        assert await db.get(TillNumberRow, UUID(own["sale_id"])) is None


async def test_another_number_for_the_same_sale_and_the_same_number_for_another_are_refused(till):
    await till.ask()
    own = till.numbered()
    await till.tell(own)

    twice = await till.tell(till.numbered(1) | {"sale_id": own["sale_id"]})
    shared = await till.tell(own | {"sale_id": str(ids.new())})

    assert (twice.status_code, twice.json()["code"]) == (422, "invoice_id_reused")
    assert (shared.status_code, shared.json()["code"]) == (409, "number_out_of_turn")


async def test_a_sale_invoiced_before_keeps_its_invoice(till, open_sale, notify, follow):
    sale = await open_sale()
    await notify(sale["memo"], 85_000)
    await follow()
    await till.browser.post(f"/api/sales/{sale['sale_id']}/invoice")
    await till.ask()

    answer = await till.tell(till.numbered(sale_id=sale["sale_id"]))

    assert (answer.status_code, answer.json()["code"]) == (422, "already_invoiced")


async def test_a_neighbour_neither_takes_numbers_here_nor_numbers_these_sales(
    till, as_, world, open_sale, sale_command
):
    await till.ask()
    stranger = Till(as_("other"), world.stall_id, sale_command)
    sale = await open_sale()

    refused = await stranger.ask()
    stranger.stall_id = world.other_stall_id
    unregistered = await stranger.ask()
    stranger.range = till.range
    foreign = await stranger.tell(stranger.numbered(sale_id=sale["sale_id"]))

    assert refused.status_code == 403
    assert (unregistered.status_code, unregistered.json()["code"]) == (409, "invoice_not_possible")
    assert foreign.status_code == 409


async def test_a_wrong_clock_is_set_right_and_the_number_stands(till, follow, database):
    await till.ask()
    own = till.numbered() | {"numbered_at": "2019-01-01T00:00:00+00:00"}
    await till.tell(own)
    await till.sell(own)
    await follow()

    await till.tell(own)

    async with database.as_system() as db:
        issued = await einvoice.invoice_by_id(db, UUID(own["sale_id"]))
    assert issued.invoice.number == 1
    assert (clock.now() - issued.issued_at).total_seconds() < 600


async def test_a_replacement_takes_no_number_out_of_the_tills_series(till, follow, database):
    await till.ask()
    own = till.numbered()
    await till.tell(own)
    await till.sell(own)
    await follow()
    await till.tell(own)
    now = clock.now()
    async with database.as_system() as db:
        named = await einvoice.name_buyer(
            db, UUID(own["sale_id"]), einvoice.Buyer(name="Trần Thị Khách"), new_id=ids.new(),
            lookup_code=einvoice.lookup_code(uuid5(till.id, "x").bytes), now=now,
        )  # fmt: skip
    after = till.numbered(1)

    await till.tell(after)
    await till.sell(after)
    await follow()
    second = (await till.tell(after)).json()

    assert (named.invoice.symbol[-2:], named.invoice.number) == ("AA", 1)
    assert second["state"] == "issued"
