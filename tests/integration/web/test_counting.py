"""Counted goods over HTTP: counted on a page or by the API, told on tiles and pages, brought back."""

import pytest

from market import ids


@pytest.fixture
def stock(as_, world):
    """The vendor puts goods on the shelf and says how many; its paths and calls."""

    class Stock:
        till = as_("vendor")

        async def put(self, counted, **form):
            fields = {
                "name": "Rau muống",
                "unit": "mo",
                "category": "rau-cu",
                "price": "8k",
                **form,
            }
            await self.till.post(
                f"/ban-hang/{world.stall_id}/hang-hoa",
                files={key: (None, value) for key, value in fields.items()},
            )
            self.product_id = (await self.tile())["product_id"]
            return await self.count(counted)

        async def count(self, counted, who="vendor"):
            return await as_(who).call("PUT", self.api, json={"counted": counted})

        async def tile(self):
            (tile,) = (await self.till.get(f"/api/stalls/{world.stall_id}/goods")).json()
            return tile

        async def left(self):
            return (await self.till.get(self.api)).json()["free"]

        async def sell(self, open_sale, quantity, **more):
            line = {
                "product_id": self.product_id, "name": "Rau muống", "unit": "mớ",
                "quantity": str(quantity), "unit_price_vnd": 8_000,
                "amount_vnd": 8_000 * quantity,
            }  # fmt: skip
            return await open_sale(amount_vnd=8_000 * quantity, lines=[line], **more)

        @property
        def api(self):
            return f"/api/stalls/{world.stall_id}/goods/{self.product_id}/stock"

        @property
        def page(self):
            return f"/ban-hang/{world.stall_id}/hang-hoa/{self.product_id}/dem"

    return Stock()


async def test_what_is_counted_is_told_on_the_tile_the_shelf_and_the_public_pages(
    stock, as_, client, world
):
    answer = await stock.put("3")

    shelf = await as_("vendor").get(f"/ban-hang/{world.stall_id}/hang-hoa")
    hall = await client.get(f"/cho/{world.hall_id}")
    public = await client.get(hall.text.split('href="/sp/')[1].split('"')[0].join(["/sp/", ""]))
    tile = await stock.tile()
    assert answer.json() == {
        "product_id": stock.product_id, "on_shelf": "3", "held": "0", "free": "3",
        "is_sold_out": False,
    }  # fmt: skip
    assert (tile["left"], tile["is_sold_out"]) == ("3", False)
    assert "còn 3" in shelf.text
    assert "còn 3" in public.text


async def test_the_last_one_being_paid_for_is_sold_out_everywhere(
    stock, open_sale, client, world, as_
):
    await stock.put("1")

    await stock.sell(open_sale, 1)

    tile = await stock.tile()
    hall = await client.get(f"/cho/{world.hall_id}")
    page = await as_("vendor").get(stock.page)
    assert (tile["left"], tile["is_sold_out"]) == ("0", True)
    assert "Hết hàng" in hall.text
    assert "khách đang trả tiền 1" in page.text


async def test_the_big_buttons_add_take_away_and_stop(stock):
    await stock.put("3")

    for form in ({"more": "10"}, {"more": "-1"}, {"more": "1"}):
        await stock.till.post(stock.page, data=form)
    after = await stock.left()
    await stock.till.post(stock.page, data={"counted": "1.500"})
    thousands = await stock.left()
    await stock.till.post(stock.page, data={"stop": "1"})

    assert (after, thousands, await stock.left()) == ("13", "1500", None)


async def test_what_cannot_be_a_count_changes_nothing(stock):
    await stock.put("3")

    answers = [
        await stock.till.post(stock.page, data={"counted": typed})
        for typed in ("", "ba", "2,5", "-1", "1e99")
    ]
    answers.append(await stock.count("-1"))

    assert [one.status_code for one in answers] == [422] * 6
    assert await stock.left() == "3"


async def test_another_vendor_counts_nothing_here(stock, as_, world):
    await stock.put("3")
    elsewhere = stock.api.replace(str(world.stall_id), str(world.other_stall_id))

    here = await stock.count("9", who="other")
    there = await as_("other").call("PUT", elsewhere, json={"counted": "9"})

    assert (here.status_code, there.status_code) == (403, 404)
    assert await stock.left() == "3"


async def test_sold_out_and_there_again_keeps_the_count(stock, world):
    await stock.put("3")
    path = f"/ban-hang/{world.stall_id}/hang-hoa/{stock.product_id}"

    await stock.till.post(f"{path}/het")
    gone = await stock.tile()
    await stock.till.post(f"{path}/con")

    assert gone["is_sold_out"]
    assert await stock.left() == "3"


@pytest.fixture
async def sold(stock, open_sale, notify, follow, work):
    """Two of three are sold and paid."""
    await stock.put("3")
    sale = await stock.sell(open_sale, 2)
    await notify(sale["memo"], 16_000)
    await follow()
    await work("settle_stock")
    assert await stock.left() == "1"
    return sale


async def test_a_refund_asks_for_the_goods_and_puts_back_what_is_ticked_once(
    stock, sold, as_, world
):
    path = f"/ban-hang/{world.stall_id}/hoan-tien/{sold['sale_id']}"
    page = await as_("vendor").get(path)
    form = {"refund_id": str(ids.new()), "amount": "16000", "tra": stock.product_id}

    asked = await as_("vendor").post(path, data=form)
    await as_("vendor").post(path, data=form)

    told = await as_("vendor").get(asked.headers["location"])
    again = await as_("vendor").get(path)
    assert "Hàng trả lại?" in page.text
    assert await stock.left() == "3"
    assert "Đã về quầy" in told.text
    assert "Hàng trả lại?" not in again.text


async def test_a_refund_without_a_tick_leaves_the_count_as_it_is(stock, sold, as_, world):
    path = f"/ban-hang/{world.stall_id}/hoan-tien/{sold['sale_id']}"

    await as_("vendor").post(path, data={"refund_id": str(ids.new()), "amount": "8000"})

    assert await stock.left() == "1"


async def test_a_refund_that_is_withdrawn_takes_the_goods_with_it(stock, sold, as_, world):
    refund_id = str(ids.new())
    api = f"/api/sales/{sold['sale_id']}/refunds"
    await as_("vendor").post(
        api,
        json={
            "refund_id": refund_id, "amount_vnd": 16_000,
            "returned_product_ids": [stock.product_id],
        },
    )  # fmt: skip
    back = (await as_("vendor").get(api)).json()["goods"]

    await as_("vendor").post(
        f"/ban-hang/{world.stall_id}/hoan-tien/{sold['sale_id']}/{refund_id}/thoi"
    )

    assert [(one["quantity"], one["is_back"]) for one in back] == [("2", True)]
    assert await stock.left() == "1"


async def edit(stock, world, version, **form):
    fields = {"name": "Rau muống", "unit": "mo", "category": "rau-cu", "price": "8k"}
    fields |= {"product_id": stock.product_id, "version": str(version), **form}
    return await stock.till.post(
        f"/ban-hang/{world.stall_id}/hang-hoa",
        files={key: (None, value) for key, value in fields.items()},
    )


async def version_of(stock, world):
    page = await stock.till.get(f"/ban-hang/{world.stall_id}/hang-hoa?sua={stock.product_id}")
    return int(page.text.split('name="version" value="')[1].split('"')[0])


async def test_a_price_changed_while_a_sale_moved_the_count_is_stored_beside_it(stock, world):
    await stock.put("3")
    seen = await version_of(stock, world)
    await stock.till.post(stock.page, data={"more": "-1"})

    answer = await edit(stock, world, seen, price="9k")

    assert answer.status_code == 303
    assert (await stock.tile())["price_vnd"] == 9_000
    assert await stock.left() == "2"


async def test_two_who_change_the_same_goods_are_told_as_before(stock, world):
    await stock.put("3")
    seen = await version_of(stock, world)
    await edit(stock, world, seen, price="9k")

    answer = await edit(stock, world, seen, price="7k")

    assert (answer.status_code, answer.json()["code"]) == (409, "stale_version")
    assert (await stock.tile())["price_vnd"] == 9_000


async def test_a_form_that_does_not_ask_for_the_description_leaves_it(stock, world, as_):
    await stock.put("3", description="Hái lúc sáng sớm.")
    seen = await version_of(stock, world)

    await edit(stock, world, seen, price="9k")

    page = await as_("vendor").get(f"/ban-hang/{world.stall_id}/hang-hoa")
    public = await as_("vendor").get("/sp/" + page.text.split('href="/sp/')[1].split('"')[0])
    assert "Hái lúc sáng sớm." in public.text
