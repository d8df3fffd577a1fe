"""Webhooks by the letter of Standard Webhooks, and addresses that must never be told anything."""

import base64
import hashlib
import hmac
from datetime import UTC, datetime, timedelta

import pytest

from market import ids, webhook_sending, webhooks

NOW = datetime(2026, 11, 23, 3, 17, 22, tzinfo=UTC)
TOLERANCE_SECONDS = 300


class Forged(Exception):
    """What a receiver says to anything it cannot trust."""


def verified(secret, headers, body, now):
    """A receiver, written from the text of Standard Webhooks and nothing of ours."""
    names = {name.lower(): value for name, value in headers.items()}
    message_id, stamp = names["webhook-id"], names["webhook-timestamp"]
    if abs(now.timestamp() - int(stamp)) > TOLERANCE_SECONDS:
        raise Forged("timestamp")
    key = base64.b64decode(secret.split("_", 1)[1])
    signed = message_id.encode() + b"." + stamp.encode() + b"." + body
    expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    for versioned in names["webhook-signature"].split(" "):
        version, _, signature = versioned.partition(",")
        if version == "v1" and hmac.compare_digest(signature, expected):
            return message_id
    raise Forged("signature")


@pytest.fixture
def message():
    return webhooks.Told(ids.new(), 1, "payment.paid", '{"type":"payment.paid","data":"₫"}', NOW)


def test_a_receiver_that_knows_only_the_standard_trusts_what_we_send(message):
    secret = webhooks.new_secret()

    headers = webhooks.signature_headers(message, [secret], now=NOW)

    assert verified(secret, headers, message.body.encode(), NOW) == message.webhook_id
    assert len(base64.b64decode(secret.removeprefix("whsec_"))) == 32


def test_while_a_secret_is_replaced_both_receivers_trust_it(message):
    new, old = webhooks.new_secret(), webhooks.new_secret()

    headers = webhooks.signature_headers(message, [new, old], now=NOW)

    for secret in (new, old):
        assert verified(secret, headers, message.body.encode(), NOW)


@pytest.mark.parametrize("change", ["id", "stamp", "body", "secret", "late"])
def test_whatever_is_changed_on_the_way_is_not_trusted(message, change):
    secret = webhooks.new_secret()
    headers = webhooks.signature_headers(message, [secret], now=NOW)
    body, now = message.body.encode(), NOW
    if change == "id":
        headers["webhook-id"] += "0"
    elif change == "stamp":
        headers["webhook-timestamp"] = str(int(headers["webhook-timestamp"]) + 1)
    elif change == "body":
        body += b" "
    elif change == "secret":
        secret = webhooks.new_secret()
    else:
        now += timedelta(seconds=TOLERANCE_SECONDS + 1)

    with pytest.raises(Forged):
        verified(secret, headers, body, now)


def test_the_published_example_of_the_standard_signs_to_the_same_value(message):
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    signed = b'msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330.{"test": 2432232314}'

    made = base64.b64encode(hmac.digest(webhooks._key(secret), signed, "sha256")).decode()

    assert made == "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "127.8.8.8", "10.0.0.1", "172.16.9.9", "192.168.1.1", "169.254.169.254",
     "100.64.0.1", "0.0.0.0", "255.255.255.255", "224.0.0.1", "198.18.0.1", "240.0.0.1",  # noqa: S104 - refused
     "192.0.2.1", "::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1", "fd00:ec2::254", "ff02::1",
     "::ffff:127.0.0.1", "::ffff:169.254.169.254", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe",
     "2002:7f00:1::", "2002:a9fe:a9fe::1", "2001:db8::1", "192.0.0.8", "192.0.0.192", "fec0::1",
     "::127.0.0.1", "not an address"],
)  # fmt: skip
def test_addresses_that_are_not_on_the_open_internet_are_refused(address):
    assert not webhook_sending.is_public(address)


@pytest.mark.parametrize("address", ["1.1.1.1", "203.162.4.191", "2606:4700:4700::1111"])
def test_public_addresses_are_not(address):
    assert webhook_sending.is_public(address)


def test_one_private_address_spoils_a_name_that_has_public_ones_too():
    with pytest.raises(webhook_sending.AddressRefused):
        webhook_sending.chosen(["1.1.1.1", "127.0.0.1"], allow_private=False)

    assert webhook_sending.chosen(["127.0.0.1"], allow_private=True) == "127.0.0.1"


@pytest.mark.parametrize(
    "url",
    ["http://example.com/", "ftp://example.com/", "https://", "https:///x", "//example.com",
     "https://user:pass@example.com/", "https://example.com/#a", "https://example.com:0/",
     "https://example.com:99999/", "https://exa mple.com/", "https://ví-dụ.vn/", "file:///etc/passwd",
     "https://a..example.com/", "https://" + "a" * 64 + ".com/", "https://example.com/\n", "https://" + "a" * 500 + ".com/", "javascript:alert(1)", ""],
)  # fmt: skip
def test_addresses_that_cannot_be_are_refused(url):
    with pytest.raises(webhooks.WebhookInvalid):
        webhooks.check_url(url, allow_private=False)


def test_an_endpoint_is_parked_by_many_failures_over_a_long_time_only():
    long_ago = NOW - timedelta(hours=24)

    assert webhooks.should_park(20, long_ago, NOW)
    assert not webhooks.should_park(19, long_ago, NOW)
    assert not webhooks.should_park(500, NOW - timedelta(hours=23), NOW)
    assert not webhooks.should_park(20, None, NOW)


@pytest.mark.parametrize(
    ("status", "header", "seconds"),
    [
        (503, "120", 120),
        (429, " 0 ", 0),
        (429, "Mon, 23 Nov 2026 03:27:22 GMT", 600),
        (503, "Mon, 23 Nov 2026 03:00:00 GMT", 0),
        (503, "99999999999999999999", 6 * 3_600),
        (503, "Tue, 23 Nov 2027 03:00:00 GMT", 6 * 3_600),
        (503, "", None),
        (503, "soon", None),
        (503, "Fri, 31 Dec 99999999999999999999 00:00:00 GMT", None),
        (503, "Fri, 31 Dec 9999 23:59:59 -2359", 6 * 3_600),
        (503, "-5", None),
        (500, "120", None),
        (200, "120", None),
    ],
)
def test_a_busy_endpoint_is_left_alone_as_long_as_it_asks_within_bounds(status, header, seconds):
    wait = webhooks.retry_after(status, header, NOW)

    assert wait == (None if seconds is None else timedelta(seconds=seconds))
