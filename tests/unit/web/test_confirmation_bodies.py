"""What integrators send, read into plain facts or refused by name."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import msgspec
import pytest

from market.integrators import Integrator
from market.web import confirmation_bodies as bodies
from market.web import confirmation_errors as wrongs
from market.web.errors import problem_of

NOW = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)
BANK = Integrator(UUID(int=1), "Ngân hàng A", "bank_a", ("970436",), NOW)
BANKS = Integrator(UUID(int=2), "Hai ngân hàng", "bank_b", ("970405", "970436"), NOW)
ACQUIRER = Integrator(UUID(int=3), "Cổng thẻ", "cards", (), NOW)
CREDIT = {"amount_vnd": 85_000, "occurred_at": "2026-11-23T09:59:00+07:00", "account_no": "999"}


def body(**more):
    return msgspec.json.encode({**CREDIT, **more})


def raw(field, value):
    rest = msgspec.json.encode({key: one for key, one in CREDIT.items() if key != field}).decode()
    return f'{rest[:-1]},"{field}":{value}}}'.encode()


def confirmed(integrator, **fields):
    told = bodies.read_one(msgspec.json.encode({**CREDIT, **fields}))
    return bodies.confirmation_of(told, integrator, "k1", NOW)


def test_a_bank_s_credit_is_read_as_it_was_sent():
    found = confirmed(BANK, reference="FT1", memo="CHO4 Ủng hộ 🥬")

    assert (found.gateway, found.provider_id, found.bank_bin) == ("bank_a", "k1", "970436")
    assert (found.amount_vnd, found.account_no, found.reference) == (85_000, "999", "FT1")
    assert (found.memo, found.direction, found.succeeded) == ("CHO4 Ủng hộ 🥬", "in", True)
    assert found.occurred_at == datetime(2026, 11, 23, 2, 59, tzinfo=UTC)


@pytest.mark.parametrize(
    "value",
    ["0", "-1", "1.0", "1e3", '"5"', "true", "null", "1e400", "100000000000001", "9" * 40, "NaN"],
)
def test_what_is_no_amount_is_refused_as_one(value):
    with pytest.raises((wrongs.AmountInvalid, wrongs.JSONInvalid)) as refused:
        bodies.read_one(raw("amount_vnd", value))

    assert refused.value.code == ("json_invalid" if value == "NaN" else "amount_invalid")


@pytest.mark.parametrize(
    "value",
    ['"2026-11-23T10:00:00"', '"2026-11-23"', "1795402800", '"yesterday"', '"2026-02-30T00:00:00Z"',
     "null"],
)  # fmt: skip
def test_what_is_no_instant_is_refused_as_one(value):
    with pytest.raises(wrongs.TimeInvalid):
        bodies.read_one(raw("occurred_at", value))


@pytest.mark.parametrize(
    "at",
    [NOW + timedelta(days=1, seconds=1), NOW - timedelta(days=401),
     datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)],
)  # fmt: skip
def test_an_instant_nobody_can_mean_is_refused(at):
    with pytest.raises(wrongs.TimeInvalid):
        confirmed(BANK, occurred_at=at.isoformat())


def test_the_first_and_the_last_hour_of_the_calendar_are_refused_in_any_zone():
    for at in ("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00"):
        with pytest.raises(wrongs.TimeInvalid):
            confirmed(BANK, occurred_at=at)


@pytest.mark.parametrize(
    ("wrong", "field"),
    [({"amount": 1}, "amount"), ({"memo": None}, "memo"), ({"memo": 7}, "memo"),
     ({"memo": "x" * 1_001}, "memo"), ({"reference": "x" * 101}, "reference"),
     ({"account_no": "1" * 20}, "account_no"), ({"succeeded": 1}, "succeeded")],
)  # fmt: skip
def test_a_field_that_cannot_be_is_named(wrong, field):
    with pytest.raises(wrongs.FieldInvalid) as refused:
        bodies.read_one(body(**wrong))

    assert refused.value.field == field
    assert problem_of(refused.value).facts == {"field": field}


def test_a_missing_field_is_named():
    with pytest.raises(wrongs.AmountInvalid) as refused:
        bodies.read_one(b'{"occurred_at":"2026-11-23T10:00:00Z"}')

    assert refused.value.field == "amount_vnd"


@pytest.mark.parametrize(
    "sent",
    [b"", b"{", b"\xff", b"\xef\xbb\xbf{}", body() + b" {}", raw("memo", '"\xff"').replace(b"\xc3\xbf", b"\xff"),
     raw("memo", '"\\ud800"'), raw("memo", '"\\ud83d\\u0041"'), raw("memo", '"\x00"'), raw("memo", "x")],
)  # fmt: skip
def test_what_is_no_json_is_refused_as_such(sent):
    with pytest.raises(wrongs.JSONInvalid):
        bodies.read_one(sent)


@pytest.mark.parametrize("sent", [b"[]", b"null", b"1", b'"x"', b"[" * 16_000])
def test_what_is_no_object_is_refused(sent):
    with pytest.raises((wrongs.FieldInvalid, wrongs.JSONInvalid)):
        bodies.read_one(sent)


@pytest.mark.parametrize("field", ["memo", "reference", "payment_ref", "detail"])
def test_a_nul_is_refused_and_an_escaped_backslash_is_none(field):
    with pytest.raises(wrongs.FieldInvalid) as refused:
        bodies.read_one(raw(field, '"a\\u0000b"'))

    assert refused.value.field == field
    assert getattr(bodies.read_one(raw(field, '"a\\\\u0000b"')), field) == "a\\u0000b"


# ── Whose money it is ───────────────────────────────────────────────────────────────────────────


def test_a_bank_reports_for_its_own_accounts_alone():
    with pytest.raises(wrongs.BankNotYours):
        confirmed(BANK, bank_bin="970405")


def test_a_partner_of_several_banks_says_which():
    assert confirmed(BANKS, bank_bin="970405").bank_bin == "970405"
    with pytest.raises(wrongs.FieldInvalid) as refused:
        confirmed(BANKS)
    assert refused.value.field == "bank_bin"


@pytest.mark.parametrize(
    ("wrong", "field"),
    [({"account_no": ""}, "account_no"), ({"account_no": "12 34"}, "account_no"),
     ({"account_no": "１２３"}, "account_no"), ({"payment_ref": "x"}, "payment_ref"),
     ({"succeeded": False}, "succeeded")],
)  # fmt: skip
def test_a_bank_names_the_account_and_what_it_booked(wrong, field):
    with pytest.raises(wrongs.FieldInvalid) as refused:
        confirmed(BANK, **wrong)

    assert refused.value.field == field


def test_an_acquirer_names_our_payment_and_never_an_account():
    found = confirmed(ACQUIRER, account_no="", payment_ref="p1", succeeded=False, detail="24")

    assert (found.gateway, found.payment_ref, found.bank_bin) == ("cards", "p1", "")
    assert (found.succeeded, found.detail) == (False, "24")
    with pytest.raises(wrongs.BankNotYours):
        confirmed(ACQUIRER, payment_ref="p1")
    with pytest.raises(wrongs.FieldInvalid):
        confirmed(ACQUIRER, account_no="")


# ── Keys ────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("header", [b"BNK-1", b'"BNK-1"', b" BNK-1 "])
def test_a_key_may_be_bare_or_quoted(header):
    assert bodies.idempotency_key(header) == "BNK-1"


@pytest.mark.parametrize("header", [b"a b", b"a#failed", b"\xc3\xa9", b"x" * 129, b'""', b"a\x00"])
def test_a_key_that_does_not_survive_a_log_is_refused(header):
    with pytest.raises(wrongs.KeyInvalid):
        bodies.idempotency_key(header)


@pytest.mark.parametrize("header", [None, b""])
def test_without_a_key_there_is_no_way_in(header):
    with pytest.raises(wrongs.KeyMissing):
        bodies.idempotency_key(header)


# ── Many ────────────────────────────────────────────────────────────────────────────────────────


def test_one_bad_item_does_not_cost_the_others():
    good = msgspec.json.encode({**CREDIT, "id": "a"})
    wrong = [
        raw("amount_vnd", "0")[:-1] + b',"id":"b"}', b"7", raw("memo", '"\\u0000"')[:-1] + b',"id":"d"}',
        b'{"id":"a b"}', b"null", raw("memo", '"\xff"').replace(b"\xc3\xbf", b"\xff"),
    ]  # fmt: skip

    read = bodies.read_many(b"[" + b",".join([*wrong, good]) + b"]", is_lines=False)

    assert isinstance(read[-1], bodies.ConfirmCreditItem)
    assert [one.id for one in read] == ["b", None, "d", None, None, None, "a"]
    assert all(isinstance(one, bodies.Refused) for one in read[:-1])


def test_lines_are_read_one_by_one_and_empty_ones_skipped():
    good = msgspec.json.encode({**CREDIT, "id": "a"})

    read = bodies.read_many(good + b"\r\n\n{\n  \n" + good, is_lines=True)

    assert [isinstance(one, bodies.ConfirmCreditItem) for one in read] == [True, False, True]


def test_a_list_that_breaks_off_is_refused_as_a_whole():
    good = msgspec.json.encode({**CREDIT, "id": "a"})

    with pytest.raises(wrongs.JSONInvalid):
        bodies.read_many(b"[" + good + b",", is_lines=False)


@pytest.mark.parametrize("is_lines", [False, True])
def test_more_than_a_thousand_are_refused(is_lines):
    item = b"1"
    sent = b"\n".join([item] * 1_001) if is_lines else b"[" + b",".join([item] * 1_001) + b"]"

    with pytest.raises(wrongs.TooManyItems):
        bodies.read_many(sent, is_lines=is_lines)
