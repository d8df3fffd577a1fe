"""A seller's own words about a wrong invoice, as the faults the law knows. Pure."""

import re
import unicodedata
from collections.abc import Iterable

from einvoice.triage import Fault

_WORDS: tuple[tuple[Fault, tuple[str, ...]], ...] = (
    (Fault.WORDS, ("bang chu",)),
    (Fault.RETURNED, ("tra hang", "tra lai", "doi hang", "doi tra", "doi size", "hoan hang", "tra mot phan",
                      "khach tra", "hoan tien", "khong mua nua", "khong lay hang")),
    (Fault.SERVICE_CANCELLED, ("huy dich vu", "huy dat", "huy tiec", "huy hop dong", "khong dung dich vu")),
    (Fault.REBATE, ("chiet khau", "giam gia theo so luong", "thuong doanh so")),
    (Fault.TAX_ID, ("ma so thue", "mst", "so dinh danh", "cccd", "can cuoc")),
    (Fault.RATE, ("thue suat", "thanh 5%", "thanh 8%", "thanh 10%")),
    (Fault.VAT, ("tien thue", "sai thue")),
    (Fault.GOODS, ("ten hang", "mat hang", "quy cach", "chat luong", "sai hang", "nham hang",
                   "ten dich vu", "nham mon", "sai mon")),
    (Fault.AMOUNT, ("so tien", "sai tien", "nham tien", "thanh tien", "don gia", "so luong",
                    "sai gia", "nham gia", "thieu tien", "thua tien", "tong tien", "tinh thua",
                    "tinh thieu", "thieu mot mon", "quen mot mon", "thieu mon", "quen mon")),
    (Fault.BUYER_ADDRESS, ("dia chi",)),
    (Fault.BUYER_NAME, ("ten nguoi mua", "ten khach", "ten cong ty", "ten don vi", "ho ten",
                        "sai ten", "nham ten")),
    (Fault.NO_SYMBOL, ("khong co ky hieu", "khong co so hoa don", "thieu ky hieu")),
    (Fault.OTHER_TEXT, ("so dien thoai", "email", "so tai khoan", "hinh thuc thanh toan", "ghi chu",
                        "don vi tinh")),
    (Fault.MANDATORY, ("ngay lap", "sai ngay", "nham ngay")),
)  # fmt: skip

_CANCELLING = re.compile(r"\b(huy|xoa|bo)( \w+)? hoa don\b|\b(huy|xoa) (no|di|bo)\b|\bthu hoi\b")


def faults_in(text: str) -> frozenset[Fault]:
    """What a seller's own words say is wrong; nothing where they are not understood.

    Typed with or without marks. An amount in words is not a wrong amount, nor goods a wrong name.
    """
    plain = folded(text)
    found: set[Fault] = set()
    for fault, phrases in _WORDS:
        for phrase in _longest_first(phrases):
            if phrase in plain:
                found.add(fault)
                plain = plain.replace(phrase, " ")
    if Fault.WORDS in found and not _says_amount(plain):
        found.discard(Fault.AMOUNT)
    return frozenset(found)


def wants_cancelling(text: str) -> bool:
    """Whether somebody wants an invoice gone. There is no such thing: what is wrong with it, or what
    became of the goods, says how it is set right. Source: Circular 91/2026, Art. 10.
    """
    return _CANCELLING.search(folded(text)) is not None


def _longest_first(phrases: Iterable[str]) -> list[str]:
    return sorted(phrases, key=len, reverse=True)


def _says_amount(rest: str) -> bool:
    return any(one in rest for one in ("don gia", "thanh tien", "so luong", "sai gia"))


def folded(text: str) -> str:
    """Lower case without marks: đơn giá → don gia."""
    plain = unicodedata.normalize("NFD", text.casefold().replace("đ", "d"))
    return " ".join("".join(c for c in plain if not unicodedata.combining(c)).split())
