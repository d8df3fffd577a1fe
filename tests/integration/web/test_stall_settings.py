"""What a vendor decides about the stall, over HTTP."""

import einvoice


async def test_registering_for_invoices_needs_consent_and_leaves_a_message_to_send(
    as_, world, database
):
    path = f"/ban-hang/{world.stall_id}/cai-dat/hoa-don"

    refused = await as_("vendor").post(path, data={"tax_id": "038190000123"})
    taken = await as_("vendor").post(path, data={"tax_id": "038190000123", "agreed": "1"})

    assert (refused.status_code, refused.json()["code"]) == (422, "consent_missing")
    assert taken.status_code == 303
    async with database.as_system() as db:
        registration = await einvoice.registration_of(db, "038190000123")
    assert registration is not None
    assert registration.state == "sent"


async def test_a_choice_that_does_not_exist_changes_nothing(as_, world):
    till = as_("vendor")

    bad = await till.post(
        f"/ban-hang/{world.stall_id}/cai-dat", data={"invoice_mode": "always", "round_vnd": "1"}
    )
    good = await till.post(
        f"/ban-hang/{world.stall_id}/cai-dat",
        data={"invoice_mode": "each_sale", "round_vnd": "500"},
    )

    assert (bad.status_code, good.status_code) == (404, 303)
    stall = (await till.get(f"/api/stalls/{world.stall_id}")).json()
    assert (stall["invoice_mode"], stall["round_vnd"]) == ("each_sale", 500)


async def test_somebody_else_may_not_decide(as_, world):
    for who in ("other", "operator", "official"):
        answer = await as_(who).get(f"/ban-hang/{world.stall_id}/cai-dat")

        assert answer.status_code == 403
