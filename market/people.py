"""People: who somebody is, how they prove it, what they may do and where."""

import hashlib
import hmac
import itertools
import secrets
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

import sqlalchemy
from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHash
from sqlalchemy import text
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from market import ids
from market.db import Viewer
from market.errors import (
    IdNumberInvalid,
    NameInvalid,
    NotFound,
    PhoneInvalid,
    PhoneTaken,
    PinInvalid,
)
from market.tables import MembershipRow, PersonRow, ReadLogRow, SignInCodeRow, VendorRow

NAME_LENGTH_MAX = 60
PIN_LENGTH_MIN, PIN_LENGTH_MAX = 4, 6
CODE_LENGTH = 6
CODE_LIFETIME = timedelta(hours=24)
"""The vendor may set the PIN at home in the evening, on their own phone."""

ROLES = ("vendor", "helper", "operator", "team", "official", "clerk", "admin")

VENDOR_NAME = sqlalchemy.table(
    "vendor_name", sqlalchemy.column("id", sqlalchemy.Uuid), sqlalchemy.column("name"),
    schema="market",
)  # fmt: skip
"""The name over every stall, readable by anybody; the vendor's own row is not."""

_hasher = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
"""argon2id. Ten thousand PINs are soon tried by whoever holds the hashes; the limit on attempts
(market.sessions) is what protects a PIN. Source: OWASP Password Storage Cheat Sheet."""
_NOBODY = _hasher.hash("nobody has this phone number")


@dataclass(frozen=True, slots=True)
class Person:
    """Someone who signs in."""

    id: UUID
    name: str
    phone: str
    has_pin: bool
    locale: str = "vi"


@dataclass(frozen=True, slots=True)
class Membership:
    """One role of one person over one thing."""

    role: str
    scope_id: UUID | None
    """vendor, helper → vendor; operator, team → hall; official → unit; clerk, admin → none."""


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Who is at the other end, with all they may do today."""

    person_id: UUID
    name: str
    phone_masked: str
    locale: str
    memberships: tuple[Membership, ...]
    stall_ids: tuple[UUID, ...]
    """Stalls of the vendors one is, or helps."""
    own_stall_ids: tuple[UUID, ...]
    """Those among them of the vendors one is."""
    viewer: Viewer

    def has_role(self, role: str, scope_id: UUID | None = None) -> bool:
        """Whether one is that, anywhere or over this very thing."""
        return any(
            one.role == role and (scope_id is None or one.scope_id == scope_id)
            for one in self.memberships
        )

    def scopes(self, role: str) -> tuple[UUID, ...]:
        """Over what one has this role."""
        return tuple(one.scope_id for one in self.memberships if one.role == role and one.scope_id)


# ── Phones, names, PINs (pure) ──────────────────────────────────────────────────────────────────


def phone_of(typed: str) -> str:
    """A typed mobile number in +84 form: “0912 345 678”, “84912345678”, “+84 (0)912…”.

    Raises: PhoneInvalid.
    """
    kept = [letter for letter in unicodedata.normalize("NFKC", typed) if letter not in " \t.-()+/"]
    if not kept:
        raise PhoneInvalid("empty")
    digits = "".join(kept)
    if not (digits.isascii() and digits.isdigit()):
        raise PhoneInvalid("letters")
    national = digits
    if digits.startswith("84") and len(digits) >= 11:
        national = "0" + digits[2:].removeprefix("0")
    elif digits.startswith("0084"):
        national = "0" + digits[4:].removeprefix("0")
    if len(national) != 10:
        raise PhoneInvalid("length")
    if national[:2] not in {"03", "05", "07", "08", "09"}:
        raise PhoneInvalid("prefix")
    return "+84" + national[1:]


def shown_phone(phone: str) -> str:
    """+84912345678 → “0912 345 678”."""
    national = "0" + phone.removeprefix("+84")
    return f"{national[:4]} {national[4:7]} {national[7:]}"


def masked_phone(phone: str) -> str:
    """+84912345678 → “0912 ••• 678”."""
    national = "0" + phone.removeprefix("+84")
    return f"{national[:4]} ••• {national[7:]}"


def name_of(typed: str) -> str:
    """A person's or business's name in NFC with single spaces.

    Raises: NameInvalid. Letters of any script, marks, spaces, hyphen, apostrophe and dot only:
    no emoji, no digits.
    """
    name = " ".join(unicodedata.normalize("NFC", typed).split())
    if not name:
        raise NameInvalid("empty")
    if len(name) > NAME_LENGTH_MAX:
        raise NameInvalid("length")
    if not all(letter in " -'’." or unicodedata.category(letter)[0] in "LM" for letter in name):
        raise NameInvalid("characters")
    if sum(unicodedata.category(letter)[0] == "L" for letter in name) < 2:
        raise NameInvalid("length")
    return name


_ORDER = {letter: index for index, letter in enumerate("aăâbcdđeêfghijklmnoôơpqrstuưvwxyz")}
_TONE_ORDER = {"": 0, "\u0300": 1, "\u0309": 2, "\u0303": 3, "\u0301": 4, "\u0323": 5}


def name_key(name: str) -> tuple[Any, ...]:
    """Sorts as a Vietnamese register does: given name, then family and middle names; tone last."""
    words = [_word_key(word) for word in unicodedata.normalize("NFC", name).lower().split()]
    return (words[-1:], words[:-1])


def _word_key(word: str) -> tuple[tuple[int, ...], tuple[int, ...]]:
    letters, tones = [], []
    for letter in word:
        marks = unicodedata.normalize("NFD", letter)
        tone = "".join(mark for mark in marks if mark in _TONE_ORDER)
        bare = unicodedata.normalize("NFC", "".join(m for m in marks if m not in _TONE_ORDER))
        letters.append(_ORDER.get(bare, 100 + ord(bare[0])))
        tones.append(_TONE_ORDER.get(tone, 0))
    return tuple(letters), tuple(tones)


def check_pin(pin: str, phone: str = "") -> None:
    """Whether a PIN may be chosen: 4–6 digits, not what anybody would try first.

    Raises: PinInvalid.
    """
    if not (pin.isascii() and pin.isdigit()):
        raise PinInvalid("digits")
    if not PIN_LENGTH_MIN <= len(pin) <= PIN_LENGTH_MAX:
        raise PinInvalid("length")
    if _is_weak(pin) or (phone and phone.endswith(pin)):
        raise PinInvalid("weak")


def _is_weak(pin: str) -> bool:
    steps = {(int(b) - int(a)) % 10 for a, b in itertools.pairwise(pin)}
    if steps in ({0}, {1}, {9}):
        return True
    return any(
        len(pin) % length == 0 and pin == pin[:length] * (len(pin) // length)
        for length in (2, 3)
        if length < len(pin)
    )


def hash_pin(pin: str) -> str:
    """The argon2id hash to keep. Takes some 20 ms: call it off the event loop."""
    return _hasher.hash(pin)


def pin_fits(pin_hash: str, pin: str) -> bool:
    """Whether the PIN is the one; takes as long where there is none. Call it off the event loop."""
    try:
        _hasher.verify(pin_hash or _NOBODY, pin)
    except (Argon2Error, InvalidHash):
        return False
    return bool(pin_hash)


def id_number_digest(typed: str, key: bytes) -> tuple[bytes, str]:
    """A personal number as we may keep it: HMAC-SHA-256 under `key`, and its last four digits.

    Raises: IdNumberInvalid.
    """
    digits = "".join(letter for letter in typed if not letter.isspace())
    if not (digits.isascii() and digits.isdigit() and len(digits) == 12):
        raise IdNumberInvalid
    return hmac.digest(key, digits.encode(), hashlib.sha256), digits[-4:]


# ── Persons ─────────────────────────────────────────────────────────────────────────────────────


async def person_with_phone(db: AsyncSession, phone: str) -> tuple[UUID, str] | None:
    """Id and name of whoever has this number (+84 form); of the web only the team may ask."""
    found = await db.execute(
        text("SELECT id, name FROM market.person_with_phone(:phone)"), {"phone": phone}
    )
    row = found.one_or_none()
    return None if row is None else (row[0], row[1])


async def add_person(
    db: AsyncSession, person_id: UUID, phone: str, name: str, *, now: datetime,
    identified_by: str = "", locale: str = "vi", pin_hash: str = "",
) -> Person:  # fmt: skip
    """Write a person, the phone in any form a human types.

    Raises: PhoneInvalid, NameInvalid; PhoneTaken, with the name of who has it.
    """
    number, called = phone_of(phone), name_of(name)
    # Two who write the same number take turns: the second is told, not broken off.
    await db.execute(text("SELECT pg_advisory_xact_lock(hashtext(:phone))"), {"phone": number})
    known = await person_with_phone(db, number)
    if known is not None:
        raise PhoneTaken(*known)
    db.add(
        PersonRow(
            id=person_id, phone=number, name=called, pin_hash=pin_hash, locale=locale,
            identified_by=identified_by, identified_at=now if identified_by else None,
            created_at=now,
        )
    )  # fmt: skip
    await db.flush()
    return Person(person_id, called, number, bool(pin_hash), locale)


async def person(db: AsyncSession, person_id: UUID) -> Person:
    """One person.

    Raises: NotFound.
    """
    row = await db.get(PersonRow, person_id)
    if row is None:
        raise NotFound("person", person_id)
    return Person(row.id, row.name, row.phone, bool(row.pin_hash), row.locale)


async def set_pin(db: AsyncSession, person_id: UUID, pin_hash: str) -> None:
    """Keep the hash of a checked PIN; a code that waited for it is used up."""
    row = await db.get(PersonRow, person_id, with_for_update=True)
    if row is None:
        raise NotFound("person", person_id)
    row.pin_hash = pin_hash
    waiting = await db.get(SignInCodeRow, person_id)
    if waiting is not None:
        await db.delete(waiting)
    await db.flush()


def new_code() -> str:
    """Six digits to be said once."""
    return f"{secrets.randbelow(10**CODE_LENGTH):0{CODE_LENGTH}d}"


async def issue_code(
    db: AsyncSession, person_id: UUID, code_hash: str, issued_by: UUID, *, now: datetime
) -> None:
    """Keep the hash (of `hash_pin`) of a code with which somebody without a PIN sets one.

    An older code stops working.
    """
    row = await db.get(SignInCodeRow, person_id, with_for_update=True)
    if row is None:
        row = SignInCodeRow(
            person_id=person_id, code_hash=code_hash, issued_by=issued_by,
            expires_at=now + CODE_LIFETIME,
        )  # fmt: skip
        db.add(row)
    row.code_hash, row.issued_by, row.expires_at = code_hash, issued_by, now + CODE_LIFETIME
    await db.flush()


# ── Vendors and roles ───────────────────────────────────────────────────────────────────────────


async def add_vendor(
    db: AsyncSession, vendor_id: UUID, person_id: UUID, name: str, *, now: datetime,
    tax_id: str = "", address: str = "",
) -> None:  # fmt: skip
    """Write the household business of a person. Its role follows by `add_membership`."""
    db.add(
        VendorRow(
            id=vendor_id, person_id=person_id, name=name_of(name), tax_id=tax_id,
            address=address, created_at=now,
        )
    )  # fmt: skip
    await db.flush()


async def vendor_of(db: AsyncSession, person_id: UUID) -> UUID | None:
    """The vendor a person is."""
    rows = await db.exec(select(VendorRow.id).where(VendorRow.person_id == person_id))
    return rows.one_or_none()


async def vendor_names(db: AsyncSession, vendor_ids: Iterable[UUID | None]) -> dict[UUID, str]:
    """Display names, whoever asks."""
    wanted = {one for one in vendor_ids if one is not None}
    if not wanted:
        return {}
    rows = await db.execute(
        sqlalchemy.select(VENDOR_NAME.c.id, VENDOR_NAME.c.name).where(VENDOR_NAME.c.id.in_(wanted))
    )
    return {row[0]: row[1] for row in rows}


async def add_membership(
    db: AsyncSession, person_id: UUID, role: str, scope_id: UUID | None, valid_from: date,
    valid_to: date | None = None,
) -> UUID:  # fmt: skip
    """Give a role from a local day on; one that had ended begins anew. The membership's id."""
    assert role in ROLES
    assert (scope_id is None) == (role in {"clerk", "admin"})
    rows = await db.exec(
        select(MembershipRow).where(
            MembershipRow.person_id == person_id,
            MembershipRow.role == role,
            col(MembershipRow.scope_id).is_not_distinct_from(scope_id),
        )
    )
    row = rows.one_or_none()
    if row is None:
        row = MembershipRow(
            id=ids.new(), person_id=person_id, role=role, scope_id=scope_id,
            valid_from=valid_from, valid_to=valid_to,
        )  # fmt: skip
        db.add(row)
    elif row.valid_to is not None:
        row.valid_from, row.valid_to = valid_from, valid_to
    await db.flush()
    return row.id


async def end_membership(
    db: AsyncSession, person_id: UUID, role: str, scope_id: UUID | None, last_day: date
) -> None:
    """Let a role end after `last_day`."""
    rows = await db.exec(
        select(MembershipRow).where(
            MembershipRow.person_id == person_id,
            MembershipRow.role == role,
            col(MembershipRow.scope_id).is_not_distinct_from(scope_id),
        )
    )
    for row in rows:
        row.valid_to = last_day
    await db.flush()


_SIGNED_IN = """
WITH RECURSIVE who AS ($WHO),
roles AS (
    SELECT m.role, m.scope_id FROM market.membership m JOIN who USING (person_id)
    WHERE m.valid_from <= who.day AND (m.valid_to IS NULL OR m.valid_to >= who.day)
), units AS (
    SELECT scope_id AS id FROM roles WHERE role = 'official'
    UNION SELECT below.id FROM market.unit below JOIN units ON below.parent_id = units.id
)
SELECT p.id, p.name, p.phone, p.locale, who.seen_at,
    ARRAY(SELECT role FROM roles ORDER BY role, scope_id) AS roles,
    ARRAY(SELECT scope_id FROM roles ORDER BY role, scope_id) AS scopes,
    ARRAY(SELECT id FROM units) AS units,
    ARRAY(SELECT s.id FROM market.stall s WHERE s.status <> 'ended' AND s.vendor_id IN
        (SELECT scope_id FROM roles WHERE role IN ('vendor', 'helper')) ORDER BY s.code) AS stalls,
    ARRAY(SELECT s.id FROM market.stall s WHERE s.status <> 'ended' AND s.vendor_id IN
        (SELECT scope_id FROM roles WHERE role = 'vendor') ORDER BY s.code) AS own_stalls
FROM market.person p JOIN who ON who.person_id = p.id
"""


class SignedInRow(NamedTuple):
    """What `signed_in_query` yields."""

    id: UUID
    name: str
    phone: str
    locale: str
    seen_at: datetime
    roles: Sequence[str]
    scopes: Sequence[UUID | None]
    units: Sequence[UUID]
    stalls: Sequence[UUID]
    own_stalls: Sequence[UUID]


def signed_in_query(who: str) -> str:
    """One statement for all that a person may do: `who` yields `person_id`, `seen_at`, `day`."""
    return _SIGNED_IN.replace("$WHO", who)


_VIEWER = text(
    signed_in_query(
        "SELECT CAST(:person_id AS uuid) AS person_id, NULL AS seen_at, CAST(:day AS date) AS day"
    )
)


async def viewer_of(db: AsyncSession, person_id: UUID, day: date) -> SignedIn | None:
    """What a person may do on that local day, in one query; None for nobody we know."""
    found = (await db.execute(_VIEWER, {"person_id": person_id, "day": day})).one_or_none()
    return None if found is None else signed_in_of(found)


def signed_in_of(row: Any) -> SignedIn:
    """The value of one row of `signed_in_query`; officials of a province have all its wards."""
    memberships = tuple(
        Membership(role, scope) for role, scope in zip(row.roles, row.scopes, strict=True)
    )

    def scopes(*roles: str) -> tuple[UUID, ...]:
        return tuple(
            dict.fromkeys(m.scope_id for m in memberships if m.role in roles and m.scope_id)
        )

    viewer = Viewer(
        person_id=row.id,
        roles=tuple(dict.fromkeys(one.role for one in memberships)),
        vendor_ids=scopes("vendor", "helper"),
        hall_ids=scopes("operator", "team"),
        unit_ids=tuple(row.units),
    )
    return SignedIn(
        person_id=row.id, name=row.name, phone_masked=masked_phone(row.phone), locale=row.locale,
        memberships=memberships, stall_ids=tuple(row.stalls),
        own_stall_ids=tuple(row.own_stalls), viewer=viewer,
    )  # fmt: skip


async def log_read(
    db: AsyncSession, viewer: Viewer, subject: str, subject_ids: Sequence[UUID], reason: str, *,
    now: datetime,
) -> None:  # fmt: skip
    """Record that the viewer read personal rows of others, in the transaction that read them."""
    assert viewer.person_id is not None
    for subject_id in subject_ids:
        db.add(
            ReadLogRow(
                id=ids.new(), at=now, person_id=viewer.person_id,
                role=viewer.roles[0] if viewer.roles else "", subject=subject,
                subject_id=subject_id, reason=reason,
            )
        )  # fmt: skip
    await db.flush()
