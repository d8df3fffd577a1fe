"""A wrong invoice set right on the phone: asked in plain words, shown before it is written, written once."""

import re
from datetime import timedelta

import pytest

import einvoice
from einvoice import Action, Fault, notices
from einvoice.errors import NotPossible
from market import clock, corrections, ids
from market.db import Viewer
from market.flows import correction
from market.flows.correction import Wish

PAGE = {"accept": "text/html"}
LINES = [
    {"name": "Rau muống", "unit": "bó", "quantity": "5", "unit_price_vnd": 5_000, "amount_vnd": 25_000},
    {"name": "Thịt ba chỉ", "unit": "kg", "quantity": "0.5", "unit_price_vnd": 120_000, "amount_vnd": 60_000},
]  # fmt: skip


@pytest.fixture
async def registered(database, world) -> None:
    async with database.as_system() as db:
        await einvoice.record_registration(
            db, world.vendor_id, "038190000123", "Hộ kinh doanh vendor", "A1B2C", now=clock.now()
        )


@pytest.fixture
def invoiced(registered, open_sale, notify, follow, as_):
    """A paid sale of two goods with its invoice; the invoice's id."""

    async def made(lines=LINES):
        sale = await open_sale(amount_vnd=85_000, lines=lines)
        await notify(sale["memo"], 85_000)
        await follow()
        return (await as_("vendor").post(f"/api/sales/{sale['sale_id']}/invoice")).json()

    return made


@pytest.fixture
def accept(database):
    """The authority has taken an invoice in, whatever the way."""

    async def moved(invoice_id, state="accepted"):
        from sqlalchemy import text

        async with database.as_system() as db:
            await db.execute(
                text("UPDATE einvoice.invoice SET state = :state WHERE id = :id"),
                {"state": state, "id": invoice_id},
            )

    return moved


@pytest.fixture
def invoices(database, world):
    async def found():
        viewer = Viewer(roles=("vendor",), vendor_ids=(world.vendor_id,))
        async with database.as_viewer(viewer) as db:
            listed = await einvoice.invoices_of(
                db, world.vendor_id, clock.now() - timedelta(days=1)
            )
        return sorted(listed, key=lambda one: one.invoice.number)

    return found


@pytest.fixture
def set_right(as_, world):
    """Key the right content, look at what will be written, say yes; the answers to both."""

    async def keyed(issued, *, sure=True, **form):
        path = f"/ban-hang/{world.stall_id}/hoa-don/{issued['invoice_id']}/sua/cach"
        form = {"id": str(ids.new()), **form}
        shown = await as_("vendor").post(path, data=form, headers=PAGE)
        if not sure:
            return shown, None
        return shown, await as_("vendor").post(path, data={**form, "chac": "1"}, headers=PAGE)

    return keyed


def right(count="4", name="Rau muống"):
    return {
        "ten": [name, "Thịt ba chỉ"],
        "don_vi": ["bó", "kg"],
        "so_luong": [count, "0,5"],
        "don_gia": ["5.000", "120.000"],
    }


async def test_wrong_goods_are_replaced_once_and_the_sale_points_to_the_new_invoice(
    invoiced, set_right, invoices, as_, world
):
    issued = await invoiced()
    path = f"/ban-hang/{world.stall_id}/hoa-don/{issued['invoice_id']}/sua"

    what = await as_("vendor").get(path, headers=PAGE)
    how = await as_("vendor").get(f"{path}/cach?sai=goods", headers=PAGE)
    shown, done = await set_right(issued, sai="goods", **right("5", "Rau cải"))
    state = await as_("vendor").get(done.headers["location"], headers=PAGE)

    assert "Sai tên hàng" in what.text
    assert "Lập hóa đơn thay thế" in how.text
    assert "Luật chỉ cho cách này." in how.text
    assert "Tám mươi lăm nghìn đồng" in shown.text
    original, replacement = await invoices()
    assert (original.correction, replacement.kind) == ("replaced", "replacement")
    assert [one.name for one in replacement.invoice.lines] == ["Rau cải", "Thịt ba chỉ"]
    assert "Chờ hóa đơn cũ được nhận trước" in state.text
    sale = (await as_("vendor").get(f"/api/sales/{original.subject_id}")).json()
    assert sale["invoice_id"] == str(replacement.id)


async def test_pressed_twice_it_is_written_once(invoiced, set_right, invoices):
    issued = await invoiced()
    same = str(ids.new())

    for _ in range(2):
        _, done = await set_right(issued, id=same, sai="amount", **right())

    assert done.status_code == 303
    assert len(await invoices()) == 2


async def test_nothing_is_written_before_the_vendor_says_yes(invoiced, set_right, invoices):
    issued = await invoiced()

    shown, _ = await set_right(issued, sure=False, sai="amount", **right())

    assert "80.000" in shown.text
    assert len(await invoices()) == 1


@pytest.mark.parametrize(
    ("form", "said"),
    [
        (right("5"), "giống hệt"),
        (right("năm"), "Xem lại các ô"),
        (right("-1"), "Xem lại các ô"),
        (right("4") | {"ten": ["Rau muống"]}, "Xem lại các ô"),
        (right("0") | {"so_luong": ["0", "0"]}, "Xem lại các ô"),
    ],
)
async def test_a_form_that_says_nothing_right_is_shown_again_with_a_sentence(
    invoiced, set_right, invoices, form, said
):
    issued = await invoiced()

    shown, _ = await set_right(issued, sure=False, sai="amount", **form)

    assert shown.status_code == 422
    assert said in shown.text
    assert len(await invoices()) == 1


async def test_returned_goods_are_adjusted_by_the_differences(invoiced, set_right, invoices):
    issued = await invoiced()

    await set_right(issued, sai="returned", tra=["2", "0"])

    _, adjustment = await invoices()
    (line,) = adjustment.invoice.lines
    assert (line.quantity, line.amount_vnd, adjustment.kind) == (-2, -10_000, "adjustment")


async def test_the_first_correction_fixes_the_method(invoiced, set_right, invoices, as_, world):
    issued = await invoiced()
    await set_right(issued, sai="returned", tra=["2", "0"])

    path = f"/ban-hang/{world.stall_id}/hoa-don/{issued['invoice_id']}/sua/cach"
    how = await as_("vendor").get(f"{path}?sai=amount", headers=PAGE)
    await set_right(issued, sai="amount", **right("1"))

    assert "Lập hóa đơn điều chỉnh" in how.text
    _, _, second = await invoices()
    assert (second.kind, second.payable_vnd) == ("adjustment", -10_000)  # 3 were left, 1 is right


@pytest.mark.parametrize(
    ("fault", "action"),
    [
        (Fault.RETURNED, Action.REPLACE),
        (Fault.AMOUNT, Action.ADJUST),
        (Fault.AMOUNT, Action.NOTIFY),
    ],
)
async def test_a_way_the_law_does_not_offer_is_refused(invoiced, database, settings, fault, action):
    issued = await invoiced()
    wish = Wish(id=ids.new(), faults=frozenset({fault}), action=action, said="", lines=())

    async with database.as_system() as db:
        found = await einvoice.invoice_by_id(db, issued["invoice_id"])
        with pytest.raises(NotPossible):
            await correction.begin(db, settings, found, wish, now=clock.now())


async def test_a_replaced_invoice_is_left_alone(invoiced, set_right, as_, world):
    issued = await invoiced()
    await set_right(issued, sai="amount", **right())

    path = f"/ban-hang/{world.stall_id}/hoa-don/{issued['invoice_id']}"
    again = await as_("vendor").get(f"{path}/sua/cach?sai=amount", headers=PAGE)
    page = await as_("vendor").get(path, headers=PAGE)

    assert again.status_code == 409
    assert "Thay bằng" in page.text
    assert "/sua" not in page.text


async def test_a_wrong_buyers_name_is_only_notified_once_the_invoice_is_accepted(
    invoiced, set_right, accept, work, database, invoices, as_, client
):
    issued = await invoiced()
    said = "Tên người mua đúng là Nguyễn Thị Hoa"

    _, done = await set_right(issued, sai="buyer_name", ly_do=said)
    waits = await as_("vendor").get(done.headers["location"], headers=PAGE)
    await accept(issued["invoice_id"])
    await work("write_corrections")
    sent = await as_("vendor").get(done.headers["location"], headers=PAGE)
    page = await client.get(issued["lookup_url"], headers=PAGE)

    assert "Chờ cơ quan thuế nhận hóa đơn cũ trước" in waits.text
    assert "Đã lập thông báo sai sót" in sent.text
    assert said in page.text
    assert len(await invoices()) == 1
    async with database.as_system() as db:
        due = await einvoice.claim_pending(db, 10, clock.now())
    assert [one.kind for one in due if one.kind != 206] == [notices.ERROR_AT_TILL]


async def test_a_business_buyer_signs_before_anything_is_written(
    invoiced, set_right, invoices, as_, world, client
):
    issued = await invoiced()
    named = await as_("vendor").post(
        issued["lookup_url"] + "/ten", data={"name": "Công ty TNHH Ví Dụ", "tax_id": "0107001729"}
    )
    code = named.headers["location"].rpartition("/")[2]
    second = next(one for one in await invoices() if one.lookup_code == code)

    _, done = await set_right({"invoice_id": second.id}, sai="amount", **right())
    asked = await as_("vendor").get(done.headers["location"], headers=PAGE)
    before = len(await invoices())
    signed = await as_("vendor").post(
        done.headers["location"] + "/dong-y", data={"so": "01/TT", "ngay": "2026-11-23"}
    )

    assert "VĂN BẢN THỎA THUẬN" in asked.text
    assert "0107001729" in asked.text
    assert (before, signed.status_code) == (2, 303)
    third = (await invoices())[2]
    assert (third.kind, third.payable_vnd) == ("replacement", 80_000)


async def test_an_agreement_nobody_signs_can_be_left(invoiced, set_right, invoices, as_, database):
    issued = await invoiced()
    named = await as_("vendor").post(
        issued["lookup_url"] + "/ten", data={"name": "Công ty TNHH Ví Dụ", "tax_id": "0107001729"}
    )
    code = named.headers["location"].rpartition("/")[2]
    second = next(one for one in await invoices() if one.lookup_code == code)
    _, done = await set_right({"invoice_id": second.id}, sai="amount", **right())
    path = done.headers["location"]

    no_number = await as_("vendor").post(path + "/dong-y", data={"so": " ", "ngay": "2026-11-23"})
    no_day = await as_("vendor").post(path + "/dong-y", data={"so": "1", "ngay": "hôm nay"})
    left = await as_("vendor").post(path + "/thoi")
    late = await as_("vendor").post(path + "/dong-y", data={"so": "1", "ngay": "2026-11-23"})

    assert (no_number.status_code, no_day.status_code, left.status_code) == (409, 422, 303)
    assert late.status_code == 409
    async with database.as_system() as db:
        rows = await corrections.corrections_of(db, second.id)
    assert [row.state for row in rows] == ["withdrawn"]
    assert len(await invoices()) == 2


async def test_words_of_ones_own_are_understood_or_asked_for_again(invoiced, as_, world):
    issued = await invoiced()
    path = f"/ban-hang/{world.stall_id}/hoa-don/{issued['invoice_id']}/sua/cach"

    understood = await as_("vendor").get(f"{path}?loi=em ghi nhầm đơn giá rồi", headers=PAGE)
    not_understood = await as_("vendor").get(f"{path}?loi=ờ thì", headers=PAGE)
    cancelled = await as_("vendor").get(f"{path}?loi=hủy hóa đơn này", headers=PAGE)

    assert "Sai tiền, giá, số lượng" in understood.text
    assert "Chưa rõ sai chỗ nào" in not_understood.text
    assert "không hủy được nữa" in cancelled.text


async def test_somebody_else_sees_and_corrects_nothing(invoiced, as_, world):
    issued = await invoiced()
    own = f"/ban-hang/{world.stall_id}/hoa-don/{issued['invoice_id']}"
    theirs = f"/ban-hang/{world.other_stall_id}/hoa-don/{issued['invoice_id']}"

    for path in (own, f"{own}/sua", theirs, f"{theirs}/sua", f"{theirs}/sua/cach?sai=goods"):
        answer = await as_("other").get(path)
        assert answer.status_code in {403, 404}, path


async def test_the_operator_hears_whose_invoices_are_late_and_nothing_more(
    invoiced, database, as_, world
):
    issued = await invoiced()
    async with database.as_system() as db:
        found = await einvoice.invoice_by_id(db, issued["invoice_id"])
        late = einvoice.IssueInvoice(
            id=ids.new(), owner_id=world.vendor_id, subject_id=ids.new(),
            seller=found.invoice.seller, lines=found.invoice.lines,
            issued_at=clock.now() - timedelta(days=2),
            lookup_code=einvoice.lookup_code(b"0123456789"),
        )  # fmt: skip
        await einvoice.issue(db, late, now=clock.now())

    page = await as_("operator").get(f"/quan-ly/{world.hall_id}", headers=PAGE)

    assert re.search(r"quá hạn chưa tới cơ quan thuế, ở sạp:</b>\s+A12\.", page.text)


# ── The day, and what was refused ───────────────────────────────────────────────────────────────


async def test_the_day_counts_by_state_and_says_what_to_do(invoiced, accept, as_, world, database):
    first, second, third = [await invoiced() for _ in range(3)]
    await accept(first["invoice_id"])
    await accept(second["invoice_id"], "rejected")
    await refuse(database, second["invoice_id"], "K102")

    page = await as_("vendor").get(f"/ban-hang/{world.stall_id}/hoa-don", headers=PAGE)

    tiles = re.findall(r'<b class="num">(\d+)</b><span>([^<]+)', page.text)
    assert tiles == [("1", "Bị trả lại"), ("1", "Đang gửi"), ("1", "Đã nhận")]
    assert "Cơ quan thuế đang tạm ngừng hóa đơn của bạn." in page.text
    assert "K102" not in page.text
    assert page.text.index(f"/hoa-don/{second['invoice_id']}") < page.text.index(
        f"/hoa-don/{third['invoice_id']}"
    )


async def test_a_refused_invoice_goes_out_again_under_its_own_number(
    invoiced, accept, as_, world, invoices
):
    issued = await invoiced()
    await accept(issued["invoice_id"], "rejected")
    path = f"/ban-hang/{world.stall_id}/hoa-don/{issued['invoice_id']}"

    page = await as_("vendor").get(path, headers=PAGE)
    sent = await as_("vendor").post(f"{path}/gui-lai")

    assert "Gửi lại" in page.text
    assert sent.status_code == 303
    (again,) = await invoices()
    assert (again.state, again.invoice.number) == ("numbered", 1)


async def test_sales_without_an_invoice_are_counted_and_invoiced_on_one_tap(
    registered, open_sale, notify, follow, as_, world, work, database, invoices
):
    sales = []
    for _ in range(2):
        sales.append(await open_sale())
        await notify(sales[-1]["memo"], 85_000)
    await follow()
    path = f"/ban-hang/{world.stall_id}/hoa-don"

    page = await as_("vendor").get(path, headers=PAGE)
    await as_("vendor").post(f"{path}/lap-het")
    for sale in sales:
        await work("issue_invoice", sale_id=sale["sale_id"])

    assert "2 lần bán chưa có hóa đơn." in page.text
    assert len(await invoices()) == 2


async def refuse(database, invoice_id, code):
    from sqlalchemy import text

    said = '[{"code": "%s", "text": "Người bán đang ngừng sử dụng hóa đơn.", "remedy": ""}]'
    async with database.as_system() as db:
        await db.execute(
            text("UPDATE einvoice.invoice SET reasons = CAST(:said AS jsonb) WHERE id = :id"),
            {"said": said % code, "id": invoice_id},
        )
