"""The table of banks, its traps, and what people type."""

from datetime import date

import pytest

from payments import banks
from payments.banks import AccountDoubt, Transfers


def test_the_table_has_66_banks_with_distinct_bins() -> None:
    bins = [bank.bin for bank in banks.banks()]

    assert len(bins) == len(set(bins)) == 66
    assert all(len(one) == 6 and one.isdigit() for one in bins)


def test_every_row_says_where_it_comes_from_and_since_when() -> None:
    assert all(bank.source and bank.valid_from for bank in banks.banks())


@pytest.mark.parametrize(
    ("query", "bank_bin"),
    [
        ("970436", "970436"),
        ("vcb", "970436"),
        ("Vietcombank", "970436"),
        ("vietcom", "970436"),
        ("VTB", "970415"),
        ("công thương", "970415"),
        ("cong thuong viet nam", "970415"),
        ("nông nghiệp", "970405"),
        ("agri", "970405"),
        ("quân đội", "970422"),
        ("LienVietPostBank", "970449"),
        ("OceanBank", "970414"),
        ("đông á", "970406"),
        ("pvcombank", "970412"),
        ("BFTVVNVX", "970436"),
        ("momo", "971025"),
    ],
)
def test_the_first_bank_found_is_the_one_meant(query: str, bank_bin: str) -> None:
    assert banks.find(query)[0].bin == bank_bin


def test_a_code_that_two_banks_use_shows_both() -> None:
    assert [bank.bin for bank in banks.find("BVB")][:2] == ["970438", "970454"]


def test_nothing_is_found_for_nothing_or_nonsense() -> None:
    assert banks.find("") == banks.find("  ") == banks.find("zzzzz") == []


def test_the_granted_bin_of_cimb_points_to_the_one_transfers_use() -> None:
    assert banks.bank("970459").use_instead == "422589"
    assert banks.bank("422589").transfers is Transfers.RECEIVE


def test_an_unknown_bin_is_refused_by_name() -> None:
    with pytest.raises(banks.BankUnknown) as refused:
        banks.bank("999999")

    assert refused.value.bank_bin == "999999"


def test_a_bank_is_known_from_its_first_day() -> None:
    assert banks.bank("970436", date(2026, 11, 23)).short_name == "Vietcombank"
    assert banks.bank("970436", date(2023, 12, 31)).short_name == "Vietcombank"
    with pytest.raises(banks.BankUnknown):
        banks.bank("970436", date(2023, 12, 30))


@pytest.mark.parametrize(
    ("bank_bin", "day", "name"),
    [
        ("970406", date(2025, 2, 13), "DongA Bank"),
        ("970406", date(2025, 2, 14), "Vikki Bank"),
        ("970444", date(2025, 1, 16), "CB Bank"),
        ("970444", date(2025, 1, 17), "VCBNeo"),
    ],
)
def test_a_renamed_bank_keeps_its_bin_and_has_the_name_of_the_day(
    bank_bin: str, day: date, name: str
) -> None:
    assert banks.bank(bank_bin, day).short_name == name


def test_on_every_day_a_bin_is_one_bank() -> None:
    days = {day for bank in banks._table() for day in (bank.valid_from, bank.valid_to) if day}

    for day in days:
        bins = [bank.bin for bank in banks.banks(day)]
        assert len(bins) == len(set(bins))


def test_an_old_name_finds_the_old_row_on_an_old_day_and_the_new_one_today() -> None:
    assert banks.find("Đông Á", on=date(2024, 6, 1))[0].short_name == "DongA Bank"
    assert banks.find("Đông Á")[0].short_name == "Vikki Bank"


@pytest.mark.parametrize(
    ("query", "bank_bin"),
    [
        ("970436", "970436"),
        ("vcb", "970436"),
        ("MB", "970422"),
        ("VietinBank", "970415"),
        ("ngân hàng tmcp quân đội", "970422"),
        ("DAB", "970406"),
        ("CIMB", "422589"),
        ("970459", "970459"),
        ("TIMO", "963388"),
    ],
)
def test_a_code_or_a_whole_name_means_one_bank(query: str, bank_bin: str) -> None:
    assert banks.meant(query).bin == bank_bin


def test_a_code_of_two_banks_is_refused_with_both_named() -> None:
    with pytest.raises(banks.BankAmbiguous) as refused:
        banks.meant("bvb")

    assert [bank.bin for bank in refused.value.found] == ["970438", "970454"]
    assert "BaoViet Bank (970438), BVBank (970454)" in str(refused.value)


@pytest.mark.parametrize("query", ["", "viet", "bank of nowhere"])
def test_half_a_name_means_no_bank(query: str) -> None:
    with pytest.raises(banks.BankUnknown):
        banks.meant(query)


@pytest.mark.parametrize(
    ("account_no", "doubts"),
    [
        ("9990001112223", ()),
        ("0912345678", (AccountDoubt.LIKE_A_PHONE,)),
        ("VQRQ0001abc", (AccountDoubt.HAS_LETTERS,)),
        ("12345", (AccountDoubt.UNUSUALLY_SHORT,)),
    ],
)
def test_unusual_accounts_are_doubted_not_refused(
    account_no: str, doubts: tuple[AccountDoubt, ...]
) -> None:
    assert banks.check_account(account_no) == doubts


@pytest.mark.parametrize("account_no", ["", "1" * 20, "12 34", "12-34", "số1", "１２３", "🥬"])
def test_impossible_accounts_are_refused(account_no: str) -> None:
    with pytest.raises(banks.AccountMalformed):
        banks.check_account(account_no)


def test_typed_spaces_and_dots_are_dropped_and_zeros_kept() -> None:
    assert banks.clean_account(" 0011.0123-456 78 ") == "001101234567" + "8"


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("Nguyễn Thị Phượng", "NGUYEN THI PHUONG", True),
        ("Đặng Văn Đức", "DANG VAN DUC", True),
        ("Lê Thị Thúy", "LE THI THUY", True),
        ("Nguyễn Thị Phượng", "NGUYEN THI PHUC", False),
        ("", "", False),
        ("Lan", "", False),
    ],
)
def test_payee_names_are_compared_without_accents(one: str, other: str, same: bool) -> None:
    assert banks.name_matches(one, other) is same
