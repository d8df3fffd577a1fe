from unicodedata import normalize

import pytest

from market import people
from market.errors import IdNumberInvalid, NameInvalid, PhoneInvalid, PinInvalid


@pytest.mark.parametrize(
    "typed",
    ["0912345678", "0912 345 678", "0912.345.678", "+84 912 345 678", "84912345678",
     "+84 (0)912-345-678", "0084912345678", " 0912345678 ", "０９１２３４５６７８"],
)  # fmt: skip
def test_a_phone_number_is_one_however_it_is_typed(typed: str) -> None:
    assert people.phone_of(typed) == "+84912345678"


@pytest.mark.parametrize(
    ("typed", "reason"),
    [("", "empty"), ("   ", "empty"), ("091234567", "length"), ("09123456789", "length"),
     ("0237385123", "prefix"), ("0112345678", "prefix"), ("0912a45678", "letters"),
     ("0912 345 67😀", "letters")],
)  # fmt: skip
def test_what_is_no_mobile_number_is_refused_with_its_reason(typed: str, reason: str) -> None:
    with pytest.raises(PhoneInvalid) as refused:
        people.phone_of(typed)

    assert refused.value.reason == reason


def test_a_number_is_shown_in_groups_and_masked_in_the_middle() -> None:
    assert people.shown_phone("+84912345678") == "0912 345 678"
    assert people.masked_phone("+84912345678") == "0912 ••• 678"


def test_a_name_is_kept_composed_with_single_spaces() -> None:
    typed = normalize("NFD", "  Nguyễn   Thị Phượng ")

    assert people.name_of(typed) == "Nguyễn Thị Phượng"


@pytest.mark.parametrize(
    "name", ["Nguyễn Thị Phượng", "H'Hen Niê", "Lò Văn Đức", "Đỗ Y-Blô", "Trần Thị B."]
)
def test_names_of_the_country_are_names(name: str) -> None:
    assert people.name_of(name) == name


@pytest.mark.parametrize(
    ("typed", "reason"),
    [("", "empty"), ("Phượng 🍉", "characters"), ("Cô 7", "characters"), ("a\u0000b", "characters"),
     ("<b>An</b>", "characters"), ("A" * 61, "length"), (". -", "length"), ("\u200b", "characters")],
)  # fmt: skip
def test_what_is_no_name_is_refused_with_its_reason(typed: str, reason: str) -> None:
    with pytest.raises(NameInvalid) as refused:
        people.name_of(typed)

    assert refused.value.reason == reason


def test_people_are_sorted_by_given_name_then_family_name() -> None:
    names = ["Trần Thị Ánh", "Lê Văn An", "Nguyễn Văn Ân", "Đỗ Thị Bình", "Bùi Văn An", "Lê Văn Ẩn",
             "Đặng Văn Đức", "Đặng Văn Dũng"]  # fmt: skip

    assert sorted(names, key=people.name_key) == [
        "Bùi Văn An", "Lê Văn An", "Trần Thị Ánh", "Nguyễn Văn Ân", "Lê Văn Ẩn", "Đỗ Thị Bình",
        "Đặng Văn Dũng", "Đặng Văn Đức",
    ]  # fmt: skip


@pytest.mark.parametrize("pin", ["2580", "84019", "190284"])
def test_four_to_six_digits_make_a_pin(pin: str) -> None:
    people.check_pin(pin, "+84912345678")


@pytest.mark.parametrize(
    ("pin", "reason"),
    [("123", "length"), ("1234567", "length"), ("", "digits"), ("12a4", "digits"), ("١٢٣٤", "digits"),
     ("1111", "weak"), ("1234", "weak"), ("7890", "weak"), ("4321", "weak"), ("1212", "weak"),
     ("123123", "weak"), ("5678", "weak")],
)  # fmt: skip
def test_what_anybody_would_try_first_is_no_pin(pin: str, reason: str) -> None:
    with pytest.raises(PinInvalid) as refused:
        people.check_pin(pin, "+84912345678")

    assert refused.value.reason == reason


def test_a_pin_fits_its_own_hash_and_nobody_s() -> None:
    kept = people.hash_pin("2580")

    assert kept.startswith("$argon2id$")
    assert people.pin_fits(kept, "2580")
    assert not people.pin_fits(kept, "2581")
    assert not people.pin_fits("", "2580")
    assert not people.pin_fits("broken", "2580")


def test_a_personal_number_is_kept_as_a_keyed_hash_and_four_digits() -> None:
    digest, last4 = people.id_number_digest("038 190 001 234", b"key")

    assert (len(digest), last4) == (32, "1234")
    assert people.id_number_digest("038190001234", b"key") == (digest, last4)
    assert people.id_number_digest("038190001234", b"other")[0] != digest


def test_a_personal_number_has_twelve_digits() -> None:
    with pytest.raises(IdNumberInvalid):
        people.id_number_digest("03819000123", b"key")
