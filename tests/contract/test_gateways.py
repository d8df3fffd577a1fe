"""What every gateway promises, asked with its own provider's signatures."""

import random
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from payments.gateways import (
    GatewayError,
    GatewayUnavailable,
    Notice,
    NoticeForged,
    NoticeMalformed,
    NoticeStale,
    Secrets,
    confirmations,
)
from tests.contract.subjects import NOW, SECRET, STALE, SUBJECTS

AMOUNT_VND_MAX = 10**14
OTHER = "of-another-market-91be"


def those(have):
    """The subjects with a trait, as parameters. Without a clock in the signature ids tell repeats; of
    what a key alone proves, TLS shows that it came unchanged; a query has no fractions; who names
    no currency watches accounts in đồng alone.
    """
    found = [one for one in SUBJECTS if have(one)]
    return {"argvalues": found, "ids": [one.name for one in found]}


def told(gateway, notice, now=NOW):
    return confirmations(gateway.verify(notice, now))


def changed(notice: Notice, place: int, mask: int) -> Notice:
    """The notice with some bits of one byte of its body or query turned."""
    raw = bytearray(notice.body or notice.query.encode())
    raw[place % len(raw)] ^= mask
    if notice.body:
        return replace(notice, body=bytes(raw))
    return replace(notice, query=raw.decode("utf-8", "replace"))


def said_of(gateway, notice):
    """What is believed of a notice; None where it is refused."""
    try:
        return told(gateway, notice)
    except GatewayError:
        return None


# ── Genuine ─────────────────────────────────────────────────────────────────────────────────────


def test_a_genuine_notice_is_one_movement_of_its_amount(subject, gateway) -> None:
    (found,) = told(gateway, subject.notice())

    assert (found.gateway, found.amount_vnd) == (gateway.name, 85_000)
    assert (found.direction, found.succeeded) == ("in", True)
    assert found.occurred_at == NOW
    assert found.provider_id
    assert found.account_no == "9990001112223" or found.payment_ref == "CHOK7M2QX"


def test_a_doubled_notice_says_the_same_and_has_the_same_id(subject, gateway) -> None:
    notice = subject.notice()

    assert told(gateway, notice) == told(gateway, notice)


def test_a_repeat_signed_anew_says_the_same(subject, gateway) -> None:
    later = NOW + timedelta(hours=2)

    assert told(gateway, subject.notice(at=later), later) == told(gateway, subject.notice())


def test_both_secrets_hold_while_one_replaces_the_other(subject) -> None:
    gateway = subject.gateway(Secrets("the-new-one-55aa", SECRET))

    for secret in ("the-new-one-55aa", SECRET):
        assert told(gateway, subject.notice(secret=secret))


def test_a_secret_that_was_replaced_is_dead(subject) -> None:
    gateway = subject.gateway(Secrets("the-new-one-55aa"))

    with pytest.raises(NoticeForged):
        gateway.verify(subject.notice(), NOW)


# ── Forged ──────────────────────────────────────────────────────────────────────────────────────


def test_another_key_is_refused(subject, gateway) -> None:
    with pytest.raises(NoticeForged):
        gateway.verify(subject.notice(secret=OTHER), NOW)


def test_without_a_signature_it_is_refused(subject, gateway) -> None:
    notice = subject.notice()
    bare = Notice(notice.body, {}, notice.query.partition("&vnp_SecureHash")[0])
    if subject.name == "payos":
        bare = Notice(notice.body.replace(b'"signature"', b'"signatura"'))

    with pytest.raises(NoticeForged):
        gateway.verify(bare, NOW)


@pytest.mark.parametrize("subject", **those(lambda one: one.proves_content))
def test_another_amount_under_the_same_signature_is_refused(subject, gateway) -> None:
    genuine, larger = subject.notice(), subject.payload("9" + subject.knows_amount, {})
    usual = subject.payload(subject.knows_amount, {})
    forged = Notice(
        genuine.body.replace(usual, larger),
        genuine.headers,
        genuine.query.replace(usual.decode(), larger.decode()),
    )

    with pytest.raises(NoticeForged):
        gateway.verify(forged, NOW)


@pytest.mark.parametrize("subject", **those(lambda one: one.proves_content))
@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(place=st.integers(0, 5_000), mask=st.integers(1, 255))
def test_a_flipped_byte_is_refused(subject, place: int, mask: int) -> None:
    """Where the content is signed and not its spelling, a flip that changes nothing may pass."""
    gateway, genuine = subject.gateway(Secrets(SECRET)), subject.notice()
    tampered = changed(genuine, place, mask)

    believed = said_of(gateway, tampered)

    assert believed is None or (not subject.signs_every_byte and believed == told(gateway, genuine))


def test_every_flipped_character_of_a_signature_is_refused(subject, gateway) -> None:
    genuine = subject.notice()
    for name, value in genuine.headers.items():
        for place, old in enumerate(value):
            if old.lower() == "z" or not old.isalnum():
                continue
            new = "1" if old == "0" else "0"
            headers = {**genuine.headers, name: value[:place] + new + value[place + 1 :]}

            assert said_of(gateway, replace(genuine, headers=headers)) is None, (name, place)


def test_forged_notices_are_never_accepted(subject, forged_count) -> None:
    """Random secrets, moved signatures, flipped bits, cut and stretched bodies."""
    gateway, dice = (
        subject.gateway(Secrets(SECRET, "the-former-one-77cc")),
        random.Random(subject.name),
    )
    genuine = subject.notice()
    wanted, accepted = forged_count // len(SUBJECTS) + 1, 0

    for _ in range(wanted):
        other = {
            "secret": f"{dice.getrandbits(64):016x}",
            "amount": f"{dice.randrange(1, 10**7)}00",
        }
        forged = subject.notice(**other)
        if subject.proves_content and dice.random() < 0.5:
            forged = Notice(forged.body, genuine.headers, forged.query)
            if dice.random() < 0.3:
                forged = changed(forged, dice.randrange(2_000), dice.randrange(1, 256))
        believed = said_of(gateway, forged)
        accepted += believed is not None and believed != told(gateway, genuine)

    assert accepted == 0


# ── Old and early ───────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("subject", **those(lambda one: one.has_clock))
@pytest.mark.parametrize("late", STALE, ids=str)
def test_a_notice_signed_long_ago_or_in_the_future_is_stale(subject, gateway, late) -> None:

    with pytest.raises(NoticeStale):
        gateway.verify(subject.notice(), NOW + late)


@pytest.mark.parametrize("seconds", [-300, 300])
def test_a_notice_within_five_minutes_is_taken(subject, gateway, seconds: int) -> None:
    assert told(gateway, subject.notice(), NOW + timedelta(seconds=seconds))


def test_a_notice_of_three_days_ago_that_is_signed_anew_is_taken(subject, gateway) -> None:
    later = NOW + timedelta(hours=72)

    (found,) = told(gateway, subject.notice(at=later), later)

    assert found.occurred_at == NOW


# ── Nonsense, rightly signed ────────────────────────────────────────────────────────────────────

NOT_NOTICES = {
    "empty": b"",
    "null": b"null",
    "list": b"[]",
    "number": b"1",
    "cut": b'{"id":1',
    "utf-16": '{"id":1}'.encode("utf-16"),
    "latin-1": '{"id":"é"}'.encode("latin-1"),
    "bom": b'\xef\xbb\xbf{"id":1}',
    "surrogate": b'{"id":"\\ud800"}',
    "nul": b'{"id":"\x00"}',
    "deep": b"[" * 100_000,
    "huge": b'{"id":"' + b"x" * 300_000 + b'"}',
    "html": b"<html></html>",
    "form": b"id=1&amount=85000",
}


@pytest.mark.parametrize("payload", NOT_NOTICES.values(), ids=NOT_NOTICES)
def test_what_is_no_notice_is_refused_by_name(subject, gateway, payload: bytes) -> None:
    with pytest.raises((NoticeForged, NoticeMalformed)):
        gateway.verify(subject.sign(payload, SECRET, NOW), NOW)


@pytest.mark.parametrize("subject", **those(lambda one: one.is_json))
def test_a_notice_in_another_encoding_is_refused(subject, gateway) -> None:
    usual = subject.payload(subject.knows_amount, {})
    latin = usual.replace(b"CHOK7M2QX", b"CHOK7M2QX \xe9")

    for payload in (latin, usual.decode().encode("utf-16"), b"\xef\xbb\xbf" + usual):
        with pytest.raises((NoticeForged, NoticeMalformed)):
            gateway.verify(subject.sign(payload, SECRET, NOW), NOW)


@pytest.mark.parametrize(
    "amount",
    ["1000000000000000000", "1e18", "1e400", "0.5", "85000.5", "1e-3", "null", "true", '"NaN"',
     "NaN", "Infinity", "-0.5", '"85000 VND"', '"85,000"', "[85000]", "{}", '""'],
)  # fmt: skip
def test_an_amount_that_is_no_money_is_refused(subject, gateway, amount: str) -> None:
    if not subject.is_json:
        amount = amount.strip('"')
    with pytest.raises((NoticeForged, NoticeMalformed)):
        gateway.verify(subject.notice(amount=amount), NOW)


@pytest.mark.parametrize("subject", **those(lambda one: one.is_json))
@pytest.mark.parametrize("amount", ["85000.0", "85000.00", '"85000"', '"85000.00"', "8.5e4"])
def test_an_amount_with_an_empty_fraction_is_exact_or_refused(subject, gateway, amount) -> None:

    believed = said_of(gateway, subject.notice(amount=amount))

    assert believed is None or [one.amount_vnd for one in believed] == [85_000]


@pytest.mark.parametrize("amount", ["-85000", "0", "-0", "-1e18"])
def test_no_movement_is_negative_or_nothing(subject, gateway, amount: str) -> None:
    """Money out may be written as a negative amount; then it is told as going out."""
    believed = said_of(gateway, subject.notice(amount=amount)) or ()

    assert all(one.direction == "out" and one.amount_vnd == 85_000 for one in believed)


def test_every_amount_up_to_the_largest_is_read_exactly(subject, gateway) -> None:
    hundredths = subject.name == "vnpay"
    for amount_vnd in (1, 999, 1_000, 2**31, 2**32 + 1, 9_999_999_999):
        notice = subject.notice(amount=f"{amount_vnd}{'00' if hundredths else ''}")

        assert [one.amount_vnd for one in told(gateway, notice)] == [amount_vnd]


def test_a_field_that_stands_twice_is_refused(subject, gateway) -> None:
    usual = subject.payload(subject.knows_amount, {})
    if subject.is_json:
        literal = subject.knows_amount.encode()
        start = usual.rindex(b'"', 0, usual.index(b":" + literal) - 1)
        twice = usual.replace(usual[start : usual.index(b":" + literal)] + b":" + literal,
                              usual[start : usual.index(b":" + literal)] + b":1,"
                              + usual[start : usual.index(b":" + literal)] + b":" + literal)  # fmt: skip
    else:
        twice = usual.replace(b"vnp_Amount", b"vnp_Amount=100&vnp_Amount", 1)

    with pytest.raises((NoticeForged, NoticeMalformed)):
        gateway.verify(subject.sign(twice, SECRET, NOW), NOW)


def test_a_notice_that_lacks_a_field_is_refused(subject, gateway) -> None:
    for field in subject.required:
        with pytest.raises((NoticeForged, NoticeMalformed)):
            gateway.verify(subject.notice(**{field: None}), NOW)


@pytest.mark.parametrize("subject", **those(lambda one: one.account))
@pytest.mark.parametrize("account", ["", " ", "\t\n", "\x00", "\u200b"])
def test_money_on_no_account_is_refused(subject, gateway, account: str) -> None:
    with pytest.raises(NoticeMalformed):
        gateway.verify(subject.notice(**{subject.account: account}), NOW)


@pytest.mark.parametrize("subject", **those(lambda one: one.currency))
def test_other_money_than_dong_is_refused(subject, gateway) -> None:
    for currency in ("USD", "usd", "", "VN"):
        with pytest.raises(NoticeMalformed):
            gateway.verify(subject.notice(**{subject.currency: currency}), NOW)


@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(payload=st.binary(max_size=300))
def test_no_bytes_make_a_gateway_fall(subject, gateway, payload: bytes) -> None:
    for notice in (subject.sign(payload, SECRET, NOW), Notice(payload, {}, repr(payload))):
        believed = said_of(gateway, notice) or ()

        assert all(0 < one.amount_vnd <= AMOUNT_VND_MAX for one in believed)


# ── Words ───────────────────────────────────────────────────────────────────────────────────────


def test_every_outcome_has_an_answer_and_a_yes_is_no_error(subject, gateway) -> None:
    for outcome in ("settled", "already_seen", "account_unknown", "outgoing", "failed", "ping",
                    "reference_reused"):  # fmt: skip
        assert gateway.answer(outcome).status == 200


def test_a_refusal_says_no_and_no_more(subject, gateway) -> None:
    for error in (NoticeForged, NoticeMalformed, GatewayUnavailable):
        refusal = gateway.refusal(error("x", f"because of {SECRET}"))

        assert refusal != gateway.answer("settled")
        assert SECRET not in repr(refusal)


def test_no_secret_is_printed_or_told_in_an_error(subject) -> None:
    gateway = subject.gateway(Secrets(SECRET, OTHER))
    texts = [repr(gateway)]
    for notice in (subject.notice(secret="wrong-one"), subject.notice(amount="-1")):
        try:
            gateway.verify(notice, NOW)
        except GatewayError as refused:
            texts += [str(refused), repr(refused), repr(vars(refused))]

    assert not [text for text in texts if SECRET in text or OTHER in text]
