"""Who may sell at a vendor's stalls: helpers, named by the vendor, let go again at once.

A helper sees money come and keys in sales; accounts, taxes and other helpers stay the vendor's.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from market import ids, people, sessions
from market.errors import HelperIsOwner, HelpersTooMany, NotFound, PhoneOfAnother
from market.people import Person

HELPERS_MAX = 10
"""A family and its hands; more is a mistake or somebody collecting accounts."""


@dataclass(frozen=True, slots=True)
class Helper:
    """Somebody who may sell today."""

    person_id: UUID
    name: str
    phone: str
    """In +84 form."""
    since: date
    has_pin: bool
    """Has chosen one, so can sign in."""
    is_only_here: bool
    """Is nothing else in any market: only then may this vendor hand out the way to a PIN."""


_HELPERS = text(
    "SELECT p.id, p.name, p.phone, m.valid_from, p.pin_hash <> '',"
    " NOT EXISTS (SELECT FROM market.membership o WHERE o.person_id = p.id"
    "   AND (o.role <> 'helper' OR o.scope_id IS DISTINCT FROM m.scope_id))"
    " AND NOT EXISTS (SELECT FROM market.vendor v WHERE v.person_id = p.id)"
    " FROM market.membership m JOIN market.person p ON p.id = m.person_id"
    " WHERE m.role = 'helper' AND m.scope_id = :vendor_id AND m.valid_from <= :day"
    " AND (m.valid_to IS NULL OR m.valid_to >= :day) ORDER BY m.valid_from, p.id"
)
# Two who add helpers of one vendor at the same instant take turns.
_LOCK = text("SELECT person_id FROM market.vendor WHERE id = :vendor_id FOR UPDATE")


async def helpers_of(db: AsyncSession, vendor_id: UUID, day: date) -> list[Helper]:
    """Who helps this vendor on that local day, the longest first. Run it as the system: what else
    they are is nobody else's to read.
    """
    rows = await db.execute(_HELPERS, {"vendor_id": vendor_id, "day": day})
    return [Helper(*row) for row in rows]


async def add_helper(
    db: AsyncSession, vendor_id: UUID, name: str, phone: str, *, day: date, now: datetime
) -> Person:
    """This person may sell for the vendor from today on. Twice is once. Run it as the system.

    A number we know is taken for the same person only if the name is the same too: whoever types a
    stranger's number does not learn the name.
    Raises: PhoneInvalid, NameInvalid, PhoneOfAnother, HelperIsOwner, HelpersTooMany, NotFound.
    """
    owner = (await db.execute(_LOCK, {"vendor_id": vendor_id})).scalar_one_or_none()
    if owner is None:
        raise NotFound("vendor", vendor_id)
    called = people.name_of(name)
    known = await people.person_with_phone(db, people.phone_of(phone))
    if known is None:
        helper = await people.add_person(db, ids.new(), phone, called, now=now)
    elif known[0] == owner:
        raise HelperIsOwner
    elif known[1].casefold() != called.casefold():
        raise PhoneOfAnother
    else:
        helper = await people.person(db, known[0])
    present = await helpers_of(db, vendor_id, day)
    if len(present) >= HELPERS_MAX and helper.id not in {one.person_id for one in present}:
        raise HelpersTooMany(HELPERS_MAX)
    await people.add_membership(db, helper.id, "helper", vendor_id, day)
    return helper


async def end_helper(db: AsyncSession, vendor_id: UUID, person_id: UUID, *, day: date) -> None:
    """This person may not sell for the vendor any longer, from this instant on. Repeatable."""
    await people.end_membership(db, person_id, "helper", vendor_id, day - timedelta(days=1))


async def only_helper(db: AsyncSession, onboarding_id: UUID) -> UUID | None:
    """Whom this onboarding is about, if they have only helped others until now. Run it as the system."""
    return (await db.execute(_ONLY_HELPER, {"onboarding_id": onboarding_id})).scalar_one_or_none()


async def forget_pin(db: AsyncSession, person_id: UUID) -> None:
    """A helper's PIN may have been chosen by the vendor who was handed the code for it: whoever begins
    to sell in their own name chooses another, and nobody stays signed in. Run it as the system.
    """
    await people.set_pin(db, person_id, "")
    await sessions.close_sessions_of(db, person_id)


_ONLY_HELPER = text(
    "SELECT p.id FROM market.onboarding o JOIN market.person p ON p.id = o.person_id"
    " WHERE o.id = :onboarding_id AND p.pin_hash <> ''"
    " AND EXISTS (SELECT FROM market.membership m WHERE m.person_id = p.id)"
    " AND NOT EXISTS (SELECT FROM market.membership m"
    "   WHERE m.person_id = p.id AND m.role <> 'helper')"
)
