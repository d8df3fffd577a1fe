"""The first screens of everything one is here: stalls, roles."""

from dataclasses import dataclass

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from market import geography, places
from market.people import SignedIn
from market.web.i18n import N_


def home_of(me: SignedIn) -> str:
    """The first screen of a person, by what they mostly do."""
    if me.stall_ids:
        return f"/ban-hang/{me.stall_ids[0]}"
    for role, path in (
        ("team", "/to-cong-nghe"),
        ("operator", "/quan-ly/{}"),
        ("official", "/phuong/{}"),
        ("clerk", "/doi-soat"),
    ):
        if me.has_role(role):
            scopes = me.scopes(role)
            return path.format(scopes[0] if scopes else "")
    return "/toi"


@dataclass(frozen=True, slots=True)
class Home:
    """A first screen of a role one has."""

    title: str
    """With a place for `code`, where it has one."""
    sentence: str
    url: str
    picture: str
    code: str = ""


async def homes_of(db: AsyncSession, me: SignedIn) -> list[Home]:
    """A card for each thing one is here: stalls first, then the roles."""
    found = []
    if me.stall_ids:
        rows = await db.execute(_MY_STALLS, {"ids": list(me.stall_ids)})
        for id_, code, hall, trade in rows:
            where = f"{hall} · {trade}" if trade else hall
            found.append(Home(N_("Sạp %(code)s"), where, f"/ban-hang/{id_}", "keypad", code))
    if me.has_role("team"):
        found.append(
            Home(N_("Tổ công nghệ"), N_("Các sạp cần đến hôm nay"), "/to-cong-nghe", "walk")
        )
    if me.has_role("operator"):
        halls = await places.halls(db, me.scopes("operator"))
        found += [
            Home(N_("Quản lý chợ"), hall.name, f"/quan-ly/{hall.id}", "hall") for hall in halls
        ]
    for unit_id in me.scopes("official"):
        unit = await geography.unit(db, unit_id)
        found.append(Home(N_("Số liệu của phường"), unit.full_name, f"/phuong/{unit_id}", "chart"))
    if me.has_role("clerk"):
        found.append(Home(N_("Đối soát"), N_("Khoản tiền cần xem lại"), "/doi-soat", "scale"))
    return found


_MY_STALLS = text(
    "SELECT s.id, s.code, h.name, s.trade FROM market.stall s JOIN market.hall h ON h.id = s.hall_id"
    " WHERE s.id = ANY (:ids) ORDER BY h.name, length(s.code), s.code"
)
