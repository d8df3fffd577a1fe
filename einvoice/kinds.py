"""The kinds of message: what they are called, what they carry, who signs them. Pure.

Source: QĐ 1510/QĐ-TCT for 100-206, 300-303, 400, 999; kinds said to be `is_known=False` are named by
provider material only.
"""

from dataclasses import dataclass

from einvoice.seal import AUTHORITY_ON_NOTICE, MESSAGE, TAXPAYER, Place

ERROR_NOTICE = Place("DSCKS/NNT", ("DLTBao",))
SUMMARY = Place("DSCKS/NNT", ("DLBTHop",))
OCCASION_REQUEST = Place("DSCKS/NNT", ("DLDNghi",))


@dataclass(frozen=True)
class Kind:
    """One kind of message."""

    number: int
    name: str
    payload: str = "TBao"
    """The element inside DLieu."""
    place: Place | None = None
    """Where the payload is signed, seen from the payload."""
    is_reply: bool = False
    many: bool = False
    is_known: bool = True


def _kinds() -> dict[int, Kind]:
    notice = {"place": AUTHORITY_ON_NOTICE, "is_reply": True}
    rows = [
        Kind(100, "Tờ khai đăng ký, thay đổi thông tin sử dụng hóa đơn", "TKhai", TAXPAYER),
        Kind(101, "Tờ khai đăng ký ủy nhiệm lập hóa đơn", "TKhai", TAXPAYER),
        Kind(102, "Thông báo tiếp nhận tờ khai", **notice),  # type: ignore[arg-type]
        Kind(103, "Thông báo chấp nhận đăng ký", **notice),  # type: ignore[arg-type]
        Kind(104, "Thông báo chấp nhận ủy nhiệm", **notice),  # type: ignore[arg-type]
        Kind(105, "Thông báo hết thời gian miễn phí, sai loại", place=AUTHORITY_ON_NOTICE),
        Kind(106, "Đề nghị cấp hóa đơn từng lần phát sinh", "DNghi", OCCASION_REQUEST),
        Kind(200, "Gửi hóa đơn để cấp mã", "HDon"),
        Kind(201, "Gửi hóa đơn từng lần phát sinh để cấp mã", "HDon"),
        Kind(202, "Hóa đơn đã cấp mã", "HDon", is_reply=True),
        Kind(203, "Chuyển dữ liệu hóa đơn không mã", "HDon", many=True),
        Kind(204, "Thông báo kết quả kiểm tra dữ liệu", **notice),  # type: ignore[arg-type]
        Kind(205, "Trả lời đề nghị cấp hóa đơn từng lần", **notice),  # type: ignore[arg-type]
        Kind(206, "Chuyển hóa đơn khởi tạo từ máy tính tiền có mã", "HDon", many=True),
        Kind(216, "Chuyển hóa đơn máy tính tiền không mã", "HDon", many=True, is_known=False),
        Kind(300, "Thông báo hóa đơn có sai sót", place=ERROR_NOTICE),
        Kind(301, "Thông báo tiếp nhận và kết quả xử lý hóa đơn sai sót", **notice),  # type: ignore[arg-type]
        Kind(302, "Cơ quan thuế đề nghị rà soát hóa đơn", place=AUTHORITY_ON_NOTICE),
        Kind(303, "Thông báo hóa đơn máy tính tiền có sai sót", place=ERROR_NOTICE),
        Kind(304, "Thông báo chứng từ có sai sót", place=ERROR_NOTICE, is_known=False),
        Kind(400, "Bảng tổng hợp dữ liệu hóa đơn", "BTHDLieu", SUMMARY, many=True),
        Kind(999, "Phản hồi kỹ thuật", is_reply=True),
        Kind(-1, "Thông điệp sai định dạng", is_reply=True),
    ]
    return {row.number: row for row in rows}


KINDS = _kinds()
WHOLE_MESSAGE = {206: MESSAGE}
"""Kinds whose DLieu as a whole is signed."""
LATER = {
    *(107, 108, 109, 110, 111, 112, 113, 114, 150),
    *(207, 208, 209, 210, 211, 212, 213, 401),
    *(500, 501, 502, 503, 504, 505, 506, 507, 600, 601, 602, 603, 901, 902, -2),
}
"""Kinds that exist and whose content no table known to us describes."""
