"""What is written is read back, whatever it is."""

from hypothesis import given, settings
from hypothesis import strategies as st

from payments import banks, qr
from payments.qr_errors import QRError
from payments.text import fold

BINS = st.sampled_from([bank.bin for bank in banks.banks()])
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
