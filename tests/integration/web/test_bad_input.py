"""Bad input gets a clear sentence and leaves nothing half done."""

import pytest


async def test_a_body_of_ten_megabytes_is_refused_by_name(as_, world):
    answer = await as_("vendor").post(
        f"/api/stalls/{world.stall_id}/sales",
        content=b"x" * 10_000_000,
        headers={"content-type": "application/json"},
    )

    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b'{"sale_id":"x"}', "{\"sale_id\":\"\u1ec7\"}".encode("utf-16"), b"\xff\xfe\x00"],
)  # fmt: skip
async def test_what_is_no_sale_is_refused_with_its_field(as_, world, body):
    answer = await as_("vendor").post(
        f"/api/stalls/{world.stall_id}/sales",
        content=body,
        headers={"content-type": "application/json"},
    )

    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["title"]


async def test_lines_that_do_not_add_up_leave_no_sale(as_, world, sale_command):
    command = sale_command(
        amount_vnd=50_000,
        lines=[{"name": "Rau 🥬", "quantity": "1", "unit_price_vnd": 10_000, "amount_vnd": 10_000}],
    )

    answer = await as_("vendor").post(f"/api/stalls/{world.stall_id}/sales", json=command)

    assert (answer.status_code, answer.json()["code"]) == (422, "lines_do_not_add_up")
    gone = await as_("vendor").get(f"/api/sales/{command['sale_id']}")
    assert gone.status_code == 404


async def test_a_page_for_somebody_else_says_so_and_offers_a_way_on(as_, world):
    page = await as_("official").get(f"/ban-hang/{world.stall_id}", headers={"accept": "text/html"})

    assert page.status_code == 403
    assert "Bạn không có quyền" in page.text
    assert "/dang-nhap" in page.text
