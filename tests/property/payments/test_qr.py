"""What is written is read back, whatever it is."""

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from payments import banks, qr
from payments.qr_errors import QRError
from payments.qr_format import closed
from payments.text import fold

BINS = st.sampled_from([bank.bin for bank in banks.banks() if not bank.use_instead])
ACCOUNTS = st.from_regex(r"[0-9A-Za-z]{1,19}", fullmatch=True)
WORDS = st.text(max_size=40)


@settings(max_examples=60, deadline=None)
@given(
    BINS,
    ACCOUNTS,
    st.none() | st.integers(1, qr.AMOUNT_VND_MAX),
    st.from_regex(r"[A-Z0-9 ]{0,25}", fullmatch=True),
    WORDS,
    WORDS,
)
def test_a_written_code_reads_back_as_it_was_meant(
    bank_bin: str, account_no: str, amount_vnd: int | None, memo: str, name: str, city: str
) -> None:
    text = qr.write_vietqr(
        bank_bin, account_no, amount_vnd, memo=memo, merchant_name=name, city=city
    )

    payload = qr.read(text)

    assert payload.findings == ()
    assert (payload.bank_bin, payload.account_no) == (bank_bin, account_no)
    assert payload.amount_vnd == amount_vnd
    assert payload.is_dynamic is (amount_vnd is not None)
    assert payload.memo == fold(memo)
    assert payload.merchant_name == fold(name, 25)
    assert qr.rewrite(payload) == text


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=120) | st.from_regex(r"000201[0-9A-Z]{0,200}", fullmatch=True))
def test_no_text_breaks_the_reader_other_than_by_name(text: str) -> None:
    try:
        step = 5 if qr.read(text) else 0
    except QRError as refused:
        step = refused.step

    assert 1 <= step <= 5


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_code_with_one_letter_changed_is_refused(data: st.DataObject) -> None:
    text = qr.write_vietqr("970436", "9990001112223", 85_000, memo="CHOK7M2QX")
    at = data.draw(st.integers(0, len(text) - 1))
    letter = data.draw(st.characters(min_codepoint=33, max_codepoint=126))
    changed = text[:at] + letter + text[at + 1 :]

    harmless = changed[:-4] == text[:-4] and changed[-4:].upper() == text[-4:]

    try:
        accepted = bool(qr.read(changed))
    except QRError:
        accepted = False

    assert accepted is harmless


OTHER_TAGS = ["02", "15", "27", "39", "51", "61", "64", "65", "79", "80", "99"]
VALUES = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=20)


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(st.sampled_from(OTHER_TAGS), VALUES, max_size=6), st.randoms())
def test_objects_nobody_knows_are_kept_to_the_letter_and_in_their_place(
    others: dict[str, str], rng: random.Random
) -> None:
    known = qr.read(qr.write_vietqr("970436", "9990001112223", 85_000)).objects
    rest = [*known[1:], *others.items()]
    rng.shuffle(rest)
    text = closed((known[0], *rest))

    payload = qr.read(text)

    assert qr.rewrite(payload) == text
    assert (payload.bank_bin, payload.account_no) == ("970436", "9990001112223")


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_a_right_checksum_over_any_damage_never_pays_a_stranger_in_silence(
    data: st.DataObject,
) -> None:
    """One character of the body changed and the checksum made anew, as a forger would."""
    text = qr.write_vietqr("970436", "9990001112223", 85_000, memo="CHOK7M2QX")
    at = data.draw(st.integers(6, len(text) - 9))
    letter = data.draw(st.characters(min_codepoint=32, max_codepoint=126))
    body = text[:at] + letter + text[at + 1 : -4]

    try:
        payload = qr.read(body + qr.crc16(body))
    except QRError:
        return

    original = qr.read(text)
    seen = (payload.bank_bin, payload.account_no, payload.amount_vnd, payload.memo)
    was = (original.bank_bin, original.account_no, original.amount_vnd, original.memo)
    differing = sum(one != other for one, other in zip(seen, was, strict=True))
    assert payload.errors or differing <= 1
    assert qr.rewrite(payload) == body + qr.crc16(body)


@settings(max_examples=40, deadline=None)
@given(st.text(max_size=60), st.text(max_size=60))
def test_any_name_makes_a_code_that_reads_without_a_word_of_complaint(
    name: str, native: str
) -> None:
    text = qr.write_vietqr("970436", "123456", merchant_name=name, native_name=native)

    assert qr.read(text).findings == ()
