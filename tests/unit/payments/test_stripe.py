"""Stripe's events: the documented signature, tolerance, two secrets, which events are money."""

import json
from datetime import UTC, datetime, timedelta

import pytest
import stripe as library

from payments.gateways import Gateway, Notice, NoticeForged, NoticeMalformed, NoticeStale, Secrets
from payments.gateways.stripe import (
    AmountUnsupported,
    LiveKeyRefused,
    StripeClient,
    StripeConfig,
    StripeGateway,
    sign,
)

SECRET = "whsec_demo_stripe"
SENT = 1795403842
NOW = datetime.fromtimestamp(SENT, UTC)
CONFIG = StripeConfig("sk_test_chodemo", Secrets(SECRET))
GATEWAY = StripeGateway(CONFIG)
BODY = (
    b'{"id":"evt_demo_1","object":"event","type":"payment_intent.succeeded","data":{"object":{"id":'
    b'"pi_demo_1","object":"payment_intent","amount":85000,"currency":"vnd","metadata":{"order":'
    b'"HD000123"}}}}'
)
SIGNATURE = "3e2c9b8fff01b8797035f22e437d109b90cac1d4db5c511770de04832f0fc71c"


def signed(body: bytes, secret: str = SECRET) -> Notice:
    return Notice(body, {"stripe-signature": sign(secret, SENT, body)})


def event(kind: str, **fields: object) -> Notice:
    intent = {
        "id": "pi_1",
        "object": "payment_intent",
        "amount": 85_000,
        "currency": "vnd",
        "metadata": {"payment_ref": "ref-1"},
        **fields,
    }
    body = {"id": "evt_1", "type": kind, "created": SENT, "data": {"object": intent}}
    return signed(json.dumps(body).encode())


def test_the_documented_event_is_signed_to_the_letter() -> None:
    assert sign(SECRET, SENT, BODY) == f"t={SENT},v1={SIGNATURE}"


def test_the_official_library_signs_alike() -> None:
    header = library.WebhookSignature.generate_signature_header(BODY.decode(), SECRET, SENT)

    assert header == sign(SECRET, SENT, BODY)


def test_the_documented_event_is_taken() -> None:
    found = GATEWAY.verify(signed(BODY), NOW)

    assert found is not None
    assert (found.provider_id, found.amount_vnd, found.succeeded) == ("pi_demo_1", 85_000, True)


def test_an_event_names_our_payment_and_its_time() -> None:
    found = GATEWAY.verify(event("payment_intent.succeeded"), NOW)

    assert found is not None
    assert (found.payment_ref, found.occurred_at) == ("ref-1", NOW)


def test_a_failed_try_does_not_take_the_id_of_a_later_success() -> None:
    failed = GATEWAY.verify(event("payment_intent.payment_failed"), NOW)
    succeeded = GATEWAY.verify(event("payment_intent.succeeded"), NOW)

    assert failed is not None
    assert succeeded is not None
    assert not failed.succeeded
    assert failed.provider_id != succeeded.provider_id


@pytest.mark.parametrize(
    "kind",
    ["checkout.session.completed", "charge.refunded", "charge.succeeded", "balance.available"],
)
def test_events_that_bring_no_money_are_genuine_and_nothing(kind: str) -> None:
    assert GATEWAY.verify(event(kind), NOW) is None


@pytest.mark.parametrize(
    "body",
    [
        {"id": "evt_2", "type": "v1.billing.meter.no_meter_found", "created": "2026-11-23T03:17:22.000Z"},
        {"id": "evt_3", "type": "v2.core.event_destination.ping", "created": "2026-11-23T03:17:22Z",
         "data": None, "related_object": {"id": "ed_1"}},
        {"id": "evt_4", "type": "account.updated", "created": SENT, "data": {}},
    ],
)  # fmt: skip
def test_events_of_newer_kinds_are_genuine_and_nothing(body: dict[str, object]) -> None:
    assert GATEWAY.verify(signed(json.dumps(body).encode()), NOW) is None


def test_what_was_captured_came_not_what_was_asked() -> None:
    found = GATEWAY.verify(event("payment_intent.succeeded", amount_received=80_000), NOW)

    assert found is not None
    assert found.amount_vnd == 80_000


@pytest.mark.parametrize(
    "header",
    [
        "",
        f"t={SENT}",
        f"v1={SIGNATURE}",
        f"t={SENT},v0={SIGNATURE}",
        f"t={SENT + 1},v1={SIGNATURE}",
        f"t=now,v1={SIGNATURE}",
        f"t={SENT},v1={SIGNATURE[:-1]}",
        f"t={SENT},v1=é",
        "t=,v1=",
    ],
)
def test_an_event_nobody_signed_is_forged(header: str) -> None:
    with pytest.raises(NoticeForged):
        GATEWAY.verify(Notice(BODY, {"stripe-signature": header}), NOW)


def test_one_right_signature_among_several_is_enough() -> None:
    header = f"t={SENT},v1={'0' * 64},v1={SIGNATURE},v0=abc"

    assert GATEWAY.verify(Notice(BODY, {"stripe-signature": header}), NOW) is not None


@pytest.mark.parametrize("seconds", [-301, 301])
def test_an_old_event_is_stale(seconds: int) -> None:
    with pytest.raises(NoticeStale):
        GATEWAY.verify(signed(BODY), NOW + timedelta(seconds=seconds))


def test_both_secrets_hold_while_one_replaces_the_other() -> None:
    gateway = StripeGateway(StripeConfig("sk_test_x", Secrets("whsec_new", SECRET)))

    assert gateway.verify(signed(BODY, "whsec_new"), NOW)
    assert gateway.verify(signed(BODY, SECRET), NOW)


@pytest.mark.parametrize(
    "notice",
    [
        signed(b""),
        signed(b"[]"),
        signed(b'{"id":"evt","type":"payment_intent.succeeded","data":{}}'),
        event("payment_intent.succeeded", currency="usd"),
        event("payment_intent.succeeded", amount=0),
        event("payment_intent.succeeded", amount="85000"),
        event("payment_intent.succeeded", amount_received=0),
        event("payment_intent.succeeded", id=""),
    ],
)
def test_a_signed_event_that_makes_no_sense_is_malformed(notice: Notice) -> None:
    with pytest.raises(NoticeMalformed):
        GATEWAY.verify(notice, NOW)


def test_another_shops_money_on_the_same_account_says_nothing() -> None:
    notice = event("payment_intent.succeeded", currency="usd", metadata={"order": "77"})

    assert GATEWAY.verify(notice, NOW) is None


@pytest.mark.parametrize("key", ["sk_live_1", "rk_live_1"])
def test_live_keys_are_refused_unless_allowed(key: str) -> None:
    with pytest.raises(LiveKeyRefused):
        StripeConfig(key, Secrets(SECRET))
    assert StripeConfig(key, Secrets(SECRET), live_allowed=True).key == key


@pytest.mark.parametrize("amount_vnd", [0, 12_999, 100_000_000])
async def test_amounts_stripe_cannot_take_are_refused_before_asking(amount_vnd: int) -> None:
    client = StripeClient(CONFIG)

    with pytest.raises(AmountUnsupported):
        await client.open_intent("ref-1", amount_vnd, "Rau", idempotency_key="pay:1")
    await client.close()


def test_the_gateway_fits_the_protocol_and_hides_its_secrets() -> None:
    gateway: Gateway = GATEWAY

    assert gateway.answer("settled").status == 200
    assert gateway.refusal(NoticeForged("stripe", "")).status == 400
    assert SECRET not in repr(gateway)
    assert "sk_test_chodemo" not in repr(gateway)


def out_event(kind: str, **changes: object) -> Notice:
    given = {
        "id": "re_1",
        "object": "refund",
        "amount": 30_000,
        "payment_intent": "pi_demo_1",
        "status": "succeeded",
        "metadata": {"refund_id": "01a20690-18a3-7519-a7e0-cf3168634357"},
    }
    return event(kind, **(given | changes))


@pytest.mark.parametrize(
    ("kind", "changes", "provider_id", "detail"),
    [
        ("refund.created", {}, "re_1:succeeded", "refund.succeeded"),
        ("refund.failed", {"status": "failed"}, "re_1:failed", "refund.failed"),
        ("charge.dispute.created", {"id": "dp_1"}, "dp_1:opened", "dispute.opened"),
        (
            "charge.dispute.closed",
            {"id": "dp_1", "status": "lost", "metadata": None},
            "dp_1:lost",
            "dispute.lost",
        ),
        ("charge.dispute.closed", {"id": "dp_1", "status": "won"}, "dp_1:won", "dispute.won"),
    ],
)
def test_refunds_and_disputes_are_money_that_goes_out(
    kind: str, changes: dict[str, object], provider_id: str, detail: str
) -> None:
    told = GATEWAY.verify(out_event(kind, **changes), NOW)

    assert told is not None
    assert (told.direction, told.provider_id, told.detail) == ("out", provider_id, detail)
    assert (told.reference, told.amount_vnd) == ("pi_demo_1", 30_000)


@pytest.mark.parametrize(
    "kind", ["charge.refunded", "charge.dispute.funds_withdrawn", "payout.paid"]
)
def test_what_another_event_tells_too_is_not_told_twice(kind: str) -> None:
    assert GATEWAY.verify(out_event(kind), NOW) is None
