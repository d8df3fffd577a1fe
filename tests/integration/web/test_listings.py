"""Goods over HTTP: the shelf, the tiles, the public page and the hall's search."""

import re

from market import ids


async def put(till, stall_id, **form):
    fields = {"name": "Rau muống", "unit": "mo", "category": "rau-cu", "price": "8k", **form}
    return await till.post(
        f"/ban-hang/{stall_id}/hang-hoa", files={k: (None, v) for k, v in fields.items()}
    )


async def test_goods_put_on_the_shelf_are_tiles_and_found_without_marks(as_, world, client):
    till = as_("vendor")

    answer = await put(till, world.stall_id, category=await category_of(till, world))

    assert answer.status_code == 303, answer.text
    tiles = (await till.get(f"/api/stalls/{world.stall_id}/goods")).json()
    assert [(one["name"], one["price_vnd"], one["unit"]) for one in tiles] == [
        ("Rau muống", 8_000, "mớ")
    ]
    found = await client.get(f"/cho/{world.hall_id}?q=rau muong")
    sku = re.search(r'href="/sp/([^"]+)"', found.text)[1]
    page = await client.get(f"/sp/{sku}")
    assert '"price":"8000"' in page.text.replace(" ", "") or '"price":8000' in page.text
    assert "application/ld+json" in page.text


async def test_a_stale_form_and_a_bad_price_say_so_and_change_nothing(as_, world):
    till = as_("vendor")
    category = await category_of(till, world)
    await put(till, world.stall_id, category=category)
    (tile,) = (await till.get(f"/api/stalls/{world.stall_id}/goods")).json()

    stale = await put(
        till, world.stall_id, category=category, product_id=tile["product_id"], version="7",
        price="9k",
    )  # fmt: skip
    bad = await put(till, world.stall_id, category=category, price="1.5")
    unknown = await put(till, world.stall_id, category=category, product_id=str(ids.new()))

    assert (stale.status_code, bad.status_code, unknown.status_code) == (409, 422, 404)
    (same,) = (await till.get(f"/api/stalls/{world.stall_id}/goods")).json()
    assert same == tile


async def test_a_helper_of_nobody_cannot_touch_anothers_shelf(as_, world):
    answer = await put(as_("other"), world.stall_id)

    assert answer.status_code == 403


async def category_of(till, world) -> str:
    page = await till.get(f"/ban-hang/{world.stall_id}/hang-hoa", headers={"accept": "text/html"})
    return re.search(r'<select name="category".*?<option value="([^"]+)"', page.text, re.S)[1]
