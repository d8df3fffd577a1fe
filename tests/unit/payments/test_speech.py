"""How amounts and outcomes sound."""

import pytest

from payments import memo, speech


@pytest.mark.parametrize(
    ("amount_vnd", "words"),
    [
        (0, "không đồng"),
        (1, "một đồng"),
        (10, "mười đồng"),
        (11, "mười một đồng"),
        (15, "mười lăm đồng"),
        (20, "hai mươi đồng"),
        (21, "hai mươi mốt đồng"),
        (24, "hai mươi tư đồng"),
        (14, "mười bốn đồng"),
        (25, "hai mươi lăm đồng"),
        (104, "một trăm linh bốn đồng"),
        (105, "một trăm linh năm đồng"),
        (110, "một trăm mười đồng"),
        (111, "một trăm mười một đồng"),
        (155, "một trăm năm mươi lăm đồng"),
        (200, "hai trăm đồng"),
        (1_000, "một nghìn đồng"),
        (1_005, "một nghìn không trăm linh năm đồng"),
        (1_015, "một nghìn không trăm mười lăm đồng"),
        (50_000, "năm mươi nghìn đồng"),
        (85_000, "tám mươi lăm nghìn đồng"),
        (105_000, "một trăm linh năm nghìn đồng"),
        (200_000, "hai trăm nghìn đồng"),
        (1_000_005, "một triệu không trăm linh năm đồng"),
        (1_005_000, "một triệu không trăm linh năm nghìn đồng"),
        (1_250_000, "một triệu hai trăm năm mươi nghìn đồng"),
        (2_100_000, "hai triệu một trăm nghìn đồng"),
        (1_000_000_000, "một tỷ đồng"),
        (
            999_999_999_999,
            "chín trăm chín mươi chín tỷ chín trăm chín mươi chín triệu"
            " chín trăm chín mươi chín nghìn chín trăm chín mươi chín đồng",
        ),
    ],
)
def test_an_amount_is_spoken_as_in_the_north(amount_vnd: int, words: str) -> None:
    assert speech.spoken_vnd(amount_vnd) == words


@pytest.mark.parametrize(
    ("region", "words"),
    [
        ("north", "hai mươi tư nghìn một trăm linh năm đồng"),
        ("central", "hai mươi tư nghìn một trăm lẻ năm đồng"),
        ("south", "hai mươi bốn ngàn một trăm lẻ năm đồng"),
    ],
)
def test_each_region_hears_its_own_words(region: speech.Region, words: str) -> None:
    assert speech.spoken_vnd(24_105, region) == words


@pytest.mark.parametrize("region", ["north", "central", "south"])
def test_the_clips_say_the_same_words(region: speech.Region) -> None:
    for amount_vnd in (*range(0, 2_000, 7), 1_004_021, 85_000, 999_999_999_999):
        said = [speech.CLIPS[name] for name in speech.clips(amount_vnd, region)]

        assert " ".join(said) == speech.spoken_vnd(amount_vnd, region)


def test_clip_names_are_file_names() -> None:
    assert all(name.isascii() and name.replace("_", "").isalpha() for name in speech.CLIPS)
    assert len(set(speech.CLIPS.values())) == len(speech.CLIPS)


@pytest.mark.parametrize(
    ("given", "text", "tone", "warning"),
    [
        (
            ("settled", 50_000, 50_000, 50_000),
            "Đủ tiền. Đã nhận năm mươi nghìn đồng.",
            "money",
            False,
        ),
        (
            ("settled", 20_000, 50_000, 50_000),
            "Đủ tiền. Vừa nhận thêm hai mươi nghìn đồng, tất cả là năm mươi nghìn đồng.",
            "money",
            False,
        ),
        (
            ("short", 200, 200_000, 200),
            "Thiếu tiền. Mới nhận hai trăm đồng, còn thiếu một trăm chín mươi chín nghìn tám trăm đồng.",
            "missing",
            True,
        ),
        (
            ("over", 60_000, 50_000, 60_000),
            "Thừa tiền. Đã nhận sáu mươi nghìn đồng, thừa mười nghìn đồng.",
            "look",
            True,
        ),
        (("stand", 30_000, None, None), "Tiền vào. Đã nhận ba mươi nghìn đồng.", "money", False),
        (("stand", 200, None, None), "Số tiền rất nhỏ. Đã nhận hai trăm đồng.", "look", True),
        (
            ("late", 30_000, 30_000, 30_000),
            "Tiền đến muộn. Đã nhận ba mươi nghìn đồng, lần bán này đã đóng.",
            "look",
            True,
        ),
        (
            ("never_heard_of", 30_000, None, None),
            "Tiền chưa rõ. Đã nhận ba mươi nghìn đồng, chưa biết trả cho lần bán nào.",
            "look",
            True,
        ),
    ],
)
def test_the_result_is_said_first(
    given: tuple[str, int, int | None, int | None], text: str, tone: str, warning: bool
) -> None:
    said = speech.announcement(*given)

    assert (said.text, said.tone, said.warning) == (text, tone, warning)


def test_an_outcome_is_understood_in_capitals_too() -> None:
    assert speech.announcement("SETTLED", 50_000, 50_000, 50_000).headline == "ĐỦ TIỀN"


def test_a_code_is_spelled_sign_by_sign() -> None:
    assert speech.spoken_code("chok7m2qx") == (
        "chợ, ca như kẹo, bảy, mờ như mèo, hai, quy như quả, ích như xoài"
    )


def test_no_two_signs_of_a_code_sound_alike() -> None:
    said = [speech.spoken_code(sign) for sign in memo.ALPHABET]

    assert all(said)
    assert len(set(said)) == len(memo.ALPHABET)
