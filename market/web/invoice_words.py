"""What the tax authority's answers mean to a vendor: what happened, and what to do. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass

import einvoice
from market.web.i18n import N_


@dataclass(frozen=True)
class Told:
    """One reason in plain words. `theirs` is the authority's own sentence."""

    what: str
    todo: str
    theirs: str
    is_ours: bool
    """Whether the market's support has to look, not the vendor."""


_CALL = N_("Gọi hỗ trợ của chợ. Số hóa đơn được giữ nguyên.")
_AGAIN = N_("Bấm “Gửi lại”. Nếu vẫn bị trả, gọi hỗ trợ của chợ.")
_WORDS: dict[str, tuple[str, str, bool]] = {
    "K008": (N_("Chữ ký số của lần gửi không đúng hoặc đã hết hạn."), _CALL, True),
    "K101": (
        N_("Sạp chưa đăng ký hóa đơn điện tử với cơ quan thuế."),
        N_("Vào Cài đặt sạp, đăng ký hóa đơn điện tử, rồi bấm “Gửi lại”."),
        False,
    ),
    "K102": (
        N_("Cơ quan thuế đang tạm ngừng hóa đơn của bạn."),
        N_("Gọi cơ quan thuế quản lý để biết lý do. Được mở lại thì bấm “Gửi lại”."),
        False,
    ),
    "K103": (
        N_("Sạp chưa đăng ký loại hóa đơn này với cơ quan thuế."),
        N_("Vào Cài đặt sạp, đăng ký lại hóa đơn điện tử, rồi bấm “Gửi lại”."),
        False,
    ),
    "K110": (N_("Mẫu số hoặc ký hiệu hóa đơn không hợp lệ."), _CALL, True),
    "K111": (N_("Mã cơ quan thuế trên hóa đơn không khớp."), _CALL, True),
    "K112": (
        N_("Mã số thuế trên hóa đơn không đúng."),
        N_("Xem lại mã số thuế của người mua, rồi sửa hóa đơn."),
        False,
    ),
    "K113": (N_("Các số tiền trên hóa đơn không khớp nhau."), _CALL, True),
    "K114": (N_("Một nội dung trên hóa đơn chưa đúng."), _AGAIN, True),
    "K115": (N_("Tệp hóa đơn hỏng trên đường gửi."), _AGAIN, True),
    "K116": (N_("Chữ ký số trên hóa đơn không đúng."), _CALL, True),
    "K117": (
        N_("Cơ quan thuế chưa có hợp đồng ủy nhiệm lập hóa đơn."),
        N_("Nhờ ban quản lý chợ đăng ký ủy nhiệm, rồi bấm “Gửi lại”."),
        False,
    ),
    "K301": (N_("Luật không còn cho hủy hóa đơn."), N_("Chọn điều chỉnh hoặc thay thế."), False),
    "K302": (N_("Cơ quan thuế chưa có hóa đơn này."), N_("Chờ hóa đơn được nhận rồi báo lại."), False),
}  # fmt: skip
_OTHER = (N_("Cơ quan thuế chưa nhận hóa đơn này."), _AGAIN, True)


def told(reasons: Iterable[einvoice.Reason]) -> list[Told]:
    """Each kind of reason once, in the order given; a code nobody explained keeps their words."""
    found: dict[str, Told] = {}
    for reason in reasons:
        what, todo, is_ours = _WORDS.get(reason.code, _OTHER)
        theirs = " ".join(filter(None, (reason.text, reason.remedy)))
        found.setdefault(what, Told(what, todo, theirs, is_ours))
    return list(found.values())
