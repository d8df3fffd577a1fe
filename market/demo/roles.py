"""Who one can be in the demo: the cards of the start page."""

from typing import Any
from uuid import UUID

from msgspec import Struct
from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession


def N_(sentence: str) -> str:  # noqa: N802 - the customary marker of what a catalogue translates
    """Mark a Vietnamese sentence for translation where it is shown."""
    return sentence


class RoleCard(Struct, frozen=True):
    """One card: who, what one would do, a picture's name, and the link that signs one in."""

    role: str
    title: str
    sentence: str
    picture: str
    url: str
    person: str = ""


_PEOPLE = text(
    "SELECT DISTINCT ON (m.role) m.role, p.id, p.name, m.scope_id"
    " FROM market.membership m JOIN market.person p ON p.id = m.person_id"
    " WHERE m.role <> 'vendor' ORDER BY m.role, m.valid_from, m.id"
)
# The vendor who has a helper is the one to be: both screens then belong to one stall.
_VENDOR = text(
    "SELECT p.id, p.name, s.id, h.id FROM market.membership m"
    " JOIN market.vendor v ON v.id = m.scope_id JOIN market.person p ON p.id = v.person_id"
    " JOIN market.stall s ON s.vendor_id = v.id JOIN market.hall h ON h.id = s.hall_id"
    " WHERE m.role = 'helper' ORDER BY s.code LIMIT 1"
)
# The busiest ward: the one with the most halls.
_WARD = text(
    "SELECT m.person_id, m.scope_id, u.name, p.name FROM market.membership m"
    " JOIN market.unit u ON u.id = m.scope_id JOIN market.person p ON p.id = m.person_id"
    " JOIN market.hall h ON h.unit_id = u.id WHERE m.role = 'official'"
    " GROUP BY 1, 2, 3, 4 ORDER BY count(*) DESC LIMIT 1"
)


# A session is approved by two; the first clerk has a card as every role has.
_SECOND_CLERK = text(
    "SELECT p.id, p.name FROM market.membership m JOIN market.person p ON p.id = m.person_id"
    " WHERE m.role = 'clerk' ORDER BY m.valid_from, m.id OFFSET 1 LIMIT 1"
)


async def start_page_roles(db: AsyncSession) -> list[RoleCard]:
    """A card per role of the demo's world; none while there is no world."""
    vendor = (await db.execute(_VENDOR)).one_or_none()
    ward = (await db.execute(_WARD)).one_or_none()
    people = {row[0]: row for row in await db.execute(_PEOPLE)}
    if vendor is None or ward is None:
        return []
    stall_id, hall_id = vendor[2], vendor[3]
    cards = [
        RoleCard(
            "vendor",
            N_("Người bán"),
            N_("Bấm số tiền, đưa mã cho khách, nghe tiền về."),
            "keypad",
            _be(vendor[0], f"/ban-hang/{stall_id}"),
            vendor[1],
        ),
        RoleCard(
            "shopper",
            N_("Người mua"),
            N_("Đi chợ, xem hàng, trả bằng ứng dụng ngân hàng mô phỏng."),
            "basket",
            f"/cho/{hall_id}",
        ),
        RoleCard(
            "official",
            N_("Cán bộ phường"),
            N_("Phường mình đang không dùng tiền mặt đến đâu, mỗi con số mở ra cách tính."),
            "chart",
            _be(ward[0], f"/phuong/{ward[1]}"),
            ward[3],
        ),
    ]
    for role, title, sentence, picture, path in _OTHERS:
        if role in people:
            row: Any = people[role]
            place = {"stall": stall_id, "hall": hall_id}
            cards.append(
                RoleCard(role, title, sentence, picture, _be(row[1], path.format(**place)), row[2])
            )
    second = (await db.execute(_SECOND_CLERK)).one_or_none()
    if second is not None:
        cards.append(
            RoleCard(
                "second_clerk",
                N_("Người duyệt thứ hai"),
                N_("Phiên quyết toán của VNPAY: chỗ lệch, hai người duyệt, lệnh trả cho từng sạp."),
                "scale",
                _be(second[0], "/doi-soat/phien"),
                second[1],
            )
        )
    return cards


_OTHERS = (
    (
        "helper",
        N_("Người bán giúp"),
        N_("Đứng sạp thay cô chủ: thấy tiền về, không đổi được tài khoản."),
        "person",
        "/ban-hang/{stall}",
    ),
    (
        "team",
        N_("Tổ công nghệ số"),
        N_("Đến từng sạp, mở tài khoản, in mã trong ba phút."),
        "walk",
        "/to-cong-nghe",
    ),
    (
        "operator",
        N_("Ban quản lý chợ"),
        N_("Sổ quầy và việc kiểm tra mã mỗi sáng trên một màn hình."),
        "hall",
        "/quan-ly/{hall}",
    ),
    (
        "clerk",
        N_("Nhân viên đối soát"),
        N_("Những khoản tiền chưa rõ: thiếu, thừa, trùng, sai nội dung."),
        "scale",
        "/doi-soat",
    ),
)


def _be(person_id: UUID, path: str) -> str:
    return f"/demo/la/{person_id}?tiep={path}"
