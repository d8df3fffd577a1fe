"""Amounts and outcomes as a Vietnamese speaker says them, the result first. Pure.

The unit is always spoken: 200 đồng, sent to be heard as 200.000, must not sound alike.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from payments.amounts import parse_vnd

__all__ = [
    "AMOUNT_VND_MAX",
    "CLIPS",
    "Announcement",
    "announcement",
    "clips",
    "parse_vnd",
    "spoken_code",
    "spoken_vnd",
]

AMOUNT_VND_MAX = 999_999_999_999
"""The largest amount that can be spoken."""
SMALL_VND = 1_000
"""Below this an amount is announced with a warning: no stall sells for so little."""

Region = Literal["north", "central", "south"]
Tone = Literal["money", "missing", "look"]

_DIGITS = ("không", "một", "hai", "ba", "bốn", "năm", "sáu", "bảy", "tám", "chín")
_THOUSAND = {"north": "nghìn", "central": "nghìn", "south": "ngàn"}
_ODD = {"north": "linh", "central": "lẻ", "south": "lẻ"}
_FOUR_AFTER_TENS = {"north": "tư", "central": "tư", "south": "bốn"}

_LETTERS = {
    "A": "a như anh",
    "B": "bê như bánh",
    "C": "xê như cá",
    "D": "dê như dừa",
    "E": "e như em",
    "F": "ép phờ",
    "G": "giê như gà",
    "H": "hát như hoa",
    "I": "i ngắn",
    "J": "gi",
    "K": "ca như kẹo",
    "L": "lờ như lúa",
    "M": "mờ như mèo",
    "N": "nờ như nón",
    "O": "o như ong",
    "P": "pê như pin",
    "Q": "quy như quả",
    "R": "rờ như rau",
    "S": "sờ như sen",
    "T": "tê như tôm",
    "U": "u như ủng",
    "V": "vê như voi",
    "W": "vê kép",
    "X": "ích như xoài",
    "Y": "y dài",
    "Z": "dét",
}

CLIPS = {
    "khong": "không",
    "mot": "một",
    "mot_sac": "mốt",
    "hai": "hai",
    "ba": "ba",
    "bon": "bốn",
    "tu": "tư",
    "nam": "năm",
    "lam": "lăm",
    "sau": "sáu",
    "bay": "bảy",
    "tam": "tám",
    "chin": "chín",
    "muoi_huyen": "mười",
    "muoi": "mươi",
    "tram": "trăm",
    "linh": "linh",
    "le": "lẻ",
    "nghin": "nghìn",
    "ngan": "ngàn",
    "trieu": "triệu",
    "ty": "tỷ",
    "dong": "đồng",
}
"""Names of the short sounds and the word each of them says; enough for every amount."""
_CLIP_OF = {word: name for name, word in CLIPS.items()}


@dataclass(frozen=True, slots=True)
class Announcement:
    """What a till says when money moved."""

    headline: str
    """The result in capitals, for the screen: ĐỦ TIỀN, THIẾU TIỀN, THỪA TIỀN, …"""
    text: str
    """The sentence to speak, the result first, every amount with its unit."""
    tone: Tone
    """The sound before it: money is here, money is missing, or look at the screen."""
    warning: bool
    """True where the vendor should look before handing over the goods."""
    clips: tuple[str, ...]
    """The amount by short sounds, where the device cannot speak."""


def spoken_vnd(amount_vnd: int, region: Region = "north") -> str:
    """An amount in words with its unit: “tám mươi lăm nghìn đồng”.

    North says nghìn and linh, south ngàn and lẻ, the central provinces nghìn and lẻ.
    """
    return " ".join(_words(amount_vnd, region))


def clips(amount_vnd: int, region: Region = "north") -> list[str]:
    """The same words as names of short sounds, in the order to play them."""
    return [_CLIP_OF[word] for word in _words(amount_vnd, region)]


def spoken_code(code: str) -> str:
    """A memo code read to somebody on the phone: “chợ, ca như kẹo, bảy, …”, no two letters alike.

    Letters of the prefix are said as the word they are; other signs are left out.
    """
    body = code.upper()
    words = ["chợ"] if body.startswith("CHO") else []
    for letter in body[3 * len(words) :]:
        if letter.isdigit():
            words.append(_DIGITS[int(letter)])
        elif letter in _LETTERS:
            words.append(_LETTERS[letter])
    return ", ".join(words)


def announcement(
    outcome: str,
    amount_vnd: int,
    asked_vnd: int | None = None,
    received_vnd: int | None = None,
    region: Region = "north",
) -> Announcement:
    """The sentence for one receipt, by the name of what the settlement decided.

    `amount_vnd` is this receipt, `received_vnd` all that came for the payment so far, `asked_vnd`
    what it asks for. An outcome without a sentence of its own is money of unknown purpose.
    """

    def said(vnd: int) -> str:
        return spoken_vnd(vnd, region)

    received = amount_vnd if received_vnd is None else received_vnd
    asked = received if asked_vnd is None else asked_vnd
    headline, tone, rest = _sentence(outcome.lower(), amount_vnd, asked, received, said)
    small = amount_vnd < SMALL_VND
    if small and tone == "money":
        headline, tone = "SỐ TIỀN RẤT NHỎ", "look"
    text = f"{headline.capitalize()}. {rest}"
    warning = small or tone != "money"
    return Announcement(headline, text, tone, warning, tuple(clips(amount_vnd, region)))


def _sentence(
    outcome: str, amount: int, asked: int, received: int, said: Callable[[int], str]
) -> tuple[str, Tone, str]:
    """Headline, tone and the rest of the sentence."""
    if outcome == "settled":
        if received != amount:
            return (
                "ĐỦ TIỀN",
                "money",
                f"Vừa nhận thêm {said(amount)}, tất cả là {said(received)}.",
            )
        return "ĐỦ TIỀN", "money", f"Đã nhận {said(amount)}."
    if outcome == "short":
        missing = max(asked - received, 0)
        return (
            "THIẾU TIỀN",
            "missing",
            f"Mới nhận {said(received)}, còn thiếu {said(missing)}.",
        )
    if outcome == "over":
        excess = max(received - asked, 0)
        return "THỪA TIỀN", "look", f"Đã nhận {said(received)}, thừa {said(excess)}."
    if outcome in _MONEY_OF_NO_SALE:
        return "TIỀN VÀO", "money", f"Đã nhận {said(amount)}."
    headline, reason = _TO_LOOK_AT.get(outcome, _UNKNOWN)
    return headline, "look", f"Đã nhận {said(amount)}, {reason}."


_MONEY_OF_NO_SALE = frozenset({"stand", "cash"})
_UNKNOWN = ("TIỀN CHƯA RÕ", "chưa biết trả cho lần bán nào")
_TO_LOOK_AT = {
    "late": ("TIỀN ĐẾN MUỘN", "lần bán này đã đóng"),
    "duplicate_payment": ("KHÁCH TRẢ HAI LẦN", "lần bán này đã đủ tiền từ trước"),
    "unmatched": _UNKNOWN,
    "suggested": ("TIỀN CHƯA RÕ", "mời chọn lần bán trên màn hình"),
    "foreign_code": ("TIỀN CHƯA RÕ", "mã ghi là của người bán khác"),
    "amount_mismatch": ("SAI SỐ TIỀN", "khác với số tiền của lần bán"),
    "reference_reused": ("TIN BÁO LẠ", "mời kiểm tra trong ứng dụng ngân hàng"),
}


def _words(amount_vnd: int, region: Region) -> Iterator[str]:
    assert 0 <= amount_vnd <= AMOUNT_VND_MAX
    if amount_vnd == 0:
        yield _DIGITS[0]
    started = False
    for power, unit in ((10**9, "tỷ"), (10**6, "triệu"), (10**3, _THOUSAND[region]), (1, "")):
        group = amount_vnd // power % 1000
        if group == 0:
            continue
        yield from _group(group, started, region)
        if unit:
            yield unit
        started = True
    yield "đồng"


def _group(group: int, full: bool, region: Region) -> Iterator[str]:
    """Three digits in words; `full` speaks the zeros that hold the place after a larger unit."""
    hundreds, tens, ones = group // 100, group // 10 % 10, group % 10
    if hundreds or full:
        yield from (_DIGITS[hundreds], "trăm")
    if tens == 0 and ones and (hundreds or full):
        yield _ODD[region]
    if tens == 1:
        yield "mười"
    elif tens:
        yield from (_DIGITS[tens], "mươi")
    if ones:
        yield _last_digit(ones, tens, region)


def _last_digit(ones: int, tens: int, region: Region) -> str:
    if ones == 5 and tens:
        return "lăm"
    if ones == 1 and tens > 1:
        return "mốt"
    if ones == 4 and tens > 1:
        return _FOUR_AFTER_TENS[region]
    return _DIGITS[ones]
