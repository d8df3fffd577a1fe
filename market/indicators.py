"""The catalogue of indicators: what each counts, from what, on which basis."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Basis = Literal["M", "D", "S", "E"]
Kind = Literal["count", "percent", "vnd"]


def N_(text: str) -> str:  # noqa: N802 - the customary marker of what a catalogue translates
    """Mark a Vietnamese sentence for translation where it is shown."""
    return text


@dataclass(frozen=True)
class Indicator:
    """A row of the catalogue: what is computed and from what."""

    code: str
    name_vi: str
    kind: Kind
    basis: Basis
    formula_vi: str
    numerator_vi: str
    denominator_vi: str = ""


INDICATORS: Mapping[str, Indicator] = {
    one.code: one
    for one in (
        Indicator(
            "A1",
            N_("Số điểm kinh doanh đang hoạt động"),
            "count",
            "M",
            N_("Đếm số điểm kinh doanh có trạng thái đang hoạt động vào ngày cuối kỳ."),
            N_("Điểm kinh doanh đang hoạt động"),
        ),
        Indicator(
            "A3",
            N_("Tỷ lệ điểm có mã QR"),
            "percent",
            "M",
            N_(
                "Số điểm có ít nhất một mã QR đang dùng và đã chuyển thử thành công ÷ số điểm kinh doanh đang hoạt động (A1)."
            ),
            N_("Điểm có mã QR đã kiểm tra"),
            N_("Điểm kinh doanh đang hoạt động"),
        ),
        Indicator(
            "B1",
            N_("Tỷ lệ điểm có phát sinh giao dịch"),
            "percent",
            "M",
            N_(
                "Số điểm có ít nhất một giao dịch không dùng tiền mặt đã xác nhận trong kỳ ÷ số điểm kinh doanh đang hoạt động (A1)."
            ),
            N_("Điểm có phát sinh giao dịch"),
            N_("Điểm kinh doanh đang hoạt động"),
        ),
        Indicator(
            "B2",
            N_("Số giao dịch không dùng tiền mặt"),
            "count",
            "M",
            N_(
                "Số giao dịch đã xác nhận, trừ giao dịch hoàn toàn bộ; không tính chuyển thử và tiền dịch vụ chợ."
            ),
            N_("Giao dịch đã xác nhận"),
        ),
        Indicator(
            "B3",
            N_("Giá trị giao dịch không dùng tiền mặt"),
            "vnd",
            "M",
            N_(
                "Tổng tiền các giao dịch đã xác nhận, trừ tiền hoàn trong kỳ; không tính chuyển thử và tiền dịch vụ chợ."
            ),
            N_("Tiền đã xác nhận (đồng)"),
        ),
        Indicator(
            "B4",
            N_("Giá trị bình quân một giao dịch"),
            "vnd",
            "M",
            N_("Giá trị giao dịch (B3) ÷ số giao dịch (B2)."),
            N_("Tiền đã xác nhận (đồng)"),
            N_("Giao dịch đã xác nhận"),
        ),
        Indicator(
            "B6",
            N_("Tỷ lệ không dùng tiền mặt theo số giao dịch"),
            "percent",
            "D",
            N_(
                "Số giao dịch không dùng tiền mặt ÷ (số giao dịch không dùng tiền mặt + số lần bán tiền mặt đã ghi)."
            ),
            N_("Giao dịch không dùng tiền mặt"),
            N_("Tất cả lần bán đã ghi"),
        ),
        Indicator(
            "B7",
            N_("Tỷ lệ không dùng tiền mặt theo giá trị"),
            "percent",
            "D",
            N_("Giá trị không dùng tiền mặt ÷ (giá trị không dùng tiền mặt + tiền mặt đã ghi)."),
            N_("Tiền không dùng tiền mặt (đồng)"),
            N_("Tất cả tiền bán đã ghi (đồng)"),
        ),
        Indicator(
            "B8",
            N_("Độ đầy đủ ghi nhận tiền mặt"),
            "percent",
            "M",
            N_(
                "Số điểm có ghi tiền mặt trong ít nhất tám phần mười số ngày bán ÷ số điểm kinh doanh đang hoạt động (A1). Chỉ công bố B6 và B7 khi đạt từ một nửa."
            ),
            N_("Điểm ghi tiền mặt đầy đủ"),
            N_("Điểm kinh doanh đang hoạt động"),
        ),
    )
}
FROM_REGISTER = {"A1", "A3", "B1", "B8"}
"""These say something of every vendor registered, the others only of those who sold."""
