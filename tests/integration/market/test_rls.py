"""Who sees which rows when a query forgets its filter: the whole table is asked for, every time."""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlmodel.ext.asyncio.session import AsyncSession

from market import geography, ids, people, places
from market.conflict_tables import ReceiptConflictRow
from market.db import NOBODY, Database, Viewer
from market.refund_tables import RefundHourRow
from market.tables import (
    AttemptRow,
    ConsentRow,
    OnboardingRow,
    PayeeAccountRow,
    ReadLogRow,
    SaleLineRow,
    SaleRow,
    SessionRow,
    SignInCodeRow,
    StandCheckRow,
    StandRow,
    TakingsHourRow,
)

NOW = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)
DAY = date(2026, 11, 23)


@dataclass
class Side:
    """One hall in one ward, with one vendor and what hangs on them."""

    unit_id: UUID
    hall_id: UUID
    stall_id: UUID
    person_id: UUID
    vendor_id: UUID
    onboarding_id: UUID
    account_id: UUID
    stand_id: UUID
    sale_id: UUID


@dataclass
class World:
    """Two sides, “a” and “b”; whoever has a role has it at “a”."""

    a: Side
    b: Side
    viewers: dict[str, Viewer]


async def side(db: AsyncSession, ward_code: str, phone: str, team_id: UUID) -> Side:
    unit = await geography.unit_at(db, ward_code, DAY)
    made = Side(unit.id, *(ids.new() for _ in range(8)))
    await places.add_hall(db, made.hall_id, f"Chợ {unit.name}", unit.id)
    await places.add_zone(db, ids.new(), made.hall_id, "Dãy rau")
    await people.add_person(db, made.person_id, phone, "Lê Thị Hoa", now=NOW)
    await people.add_vendor(db, made.vendor_id, made.person_id, "Cô Hoa", now=NOW, tax_id="0381")
    await people.add_membership(db, made.person_id, "vendor", made.vendor_id, DAY)
    await places.add_stall(db, made.stall_id, made.hall_id, "A1", DAY, vendor_id=made.vendor_id)
    account = PayeeAccountRow(
        id=made.account_id, vendor_id=made.vendor_id, bank_bin="970405", account_no="1",
        holder_name="LE THI HOA", created_at=NOW,
    )  # fmt: skip
    db.add(account)
    await db.flush()
    db.add(
        StandRow(
            id=made.stand_id, serial=f"S{phone}", stall_id=made.stall_id, memo=f"M{phone}",
            payee_account_id=made.account_id, qr_text="", issued_at=NOW,
        )
    )  # fmt: skip
    await db.flush()
    db.add(
        OnboardingRow(
            id=made.onboarding_id, stall_id=made.stall_id, started_by=team_id, step="done",
            person_id=made.person_id, vendor_id=made.vendor_id, started_at=NOW, updated_at=NOW,
        )
    )  # fmt: skip
    db.add(
        ConsentRow(
            id=ids.new(), person_id=made.person_id, purpose="payments", text_version="1",
            channel="team", given_at=NOW,
        )
    )  # fmt: skip
    db.add(
        SignInCodeRow(person_id=made.person_id, code_hash="x", issued_by=team_id, expires_at=NOW)
    )
    db.add(
        StandCheckRow(
            id=ids.new(), stand_id=made.stand_id, checked_at=NOW, checked_by=made.person_id,
            result="same",
        )
    )  # fmt: skip
    db.add(
        SaleRow(
            id=made.sale_id, stall_id=made.stall_id, vendor_id=made.vendor_id, amount_vnd=1000,
            method="cash", sold_at=NOW, recorded_at=NOW, digest=b"",
        )
    )  # fmt: skip
    await db.flush()
    db.add(
        SaleLineRow(
            sale_id=made.sale_id, line_index=0, name="Rau", unit="mớ", quantity=Decimal(1),
            unit_price_vnd=1000, amount_vnd=1000,
        )
    )  # fmt: skip
    db.add(TakingsHourRow(stall_id=made.stall_id, hour=NOW, method="cash"))
    db.add(RefundHourRow(stall_id=made.stall_id, hour=NOW, method="vietqr"))
    db.add(
        ReceiptConflictRow(
            id=ids.new(), receipt_id=ids.new(), owner_id=made.vendor_id, gateway="sepay",
            first_vnd=1, told_vnd=2, occurred_at=NOW, told_at=NOW,
        )
    )  # fmt: skip
    db.add(
        SessionRow(
            token_hash=phone.encode(), person_id=made.person_id, created_at=NOW, expires_at=NOW,
            seen_at=NOW,
        )
    )  # fmt: skip
    db.add(AttemptRow(key=phone, window_start=NOW))
    db.add(
        ReadLogRow(
            id=ids.new(), at=NOW, person_id=team_id, role="team", subject="person",
            subject_id=made.person_id, reason="gọi hỏi thăm",
        )
    )  # fmt: skip
    await db.flush()
    return made


@pytest.fixture
async def world(db: AsyncSession) -> World:
    await geography.load_units(db)
    staff = {}
    for number, role in enumerate(("helper", "operator", "team", "official", "clerk", "admin")):
        staff[role] = ids.new()
        await people.add_person(db, staff[role], f"090000010{number}", "Trần Văn Bình", now=NOW)
    a = await side(db, "14797", "0900000001", staff["team"])
    b = await side(db, "14758", "0900000002", staff["team"])
    scopes = {"helper": a.vendor_id, "operator": a.hall_id, "team": a.hall_id, "official": a.unit_id,
              "clerk": None, "admin": None}  # fmt: skip
    for role, scope in scopes.items():
        await people.add_membership(db, staff[role], role, scope, DAY)
    viewers = {"nobody": NOBODY}
    for role, person_id in {**staff, "vendor": a.person_id}.items():
        me = await people.viewer_of(db, person_id, DAY)
        assert me is not None
        viewers[role] = me.viewer
    await db.commit()
    return World(a, b, viewers)


SEEN_BY = {
    "market.unit": "all",
    "market.hall": "all",
    "market.zone": "all",
    "market.stall": "all",
    "market.vendor_name": "all",
    "market.person": {"vendor": "a + helper", "helper": "self", "operator": "self", "team": "a + self",
                      "official": "self", "clerk": "self", "admin": "all"},
    "market.vendor": {"vendor": "a", "helper": "a", "team": "a", "admin": "all"},
    "market.session": {},
    "market.attempt": {},
    "market.sign_in_code": {"team": "a"},
    "market.consent": {"vendor": "a", "team": "a"},
    "market.payee_account": {"vendor": "a", "helper": "a", "team": "a"},
    "market.stand": {"vendor": "a", "helper": "a", "operator": "a", "team": "a", "official": "a"},
    "market.stand_check": {"vendor": "a", "helper": "a", "operator": "a", "team": "a", "official": "a"},
    "market.onboarding": {"vendor": "a", "team": "a"},
    "market.sale": {"vendor": "a", "helper": "a", "clerk": "all"},
    "market.sale_line": {"vendor": "a", "helper": "a", "clerk": "all"},
    "market.takings_hour": {"vendor": "a", "helper": "a", "operator": "a", "official": "a"},
    "market.refund_hour": {"vendor": "a", "helper": "a", "operator": "a", "official": "a"},
    "market.receipt_conflict": {"vendor": "a", "helper": "a"},
    "market.read_log": {"vendor": "a"},
}  # fmt: skip
"""Table → role → how much of it. A role that is not named sees nothing."""
ROLES = ("nobody", "vendor", "helper", "operator", "team", "official", "clerk", "admin")
COUNTS = {"nothing": 0, "a": 1, "self": 1, "a + self": 2, "a + helper": 2, "all": None}


@pytest.mark.parametrize("role", ROLES)
async def test_a_query_without_a_filter_shows_only_what_the_role_may_see(
    database: Database, db: AsyncSession, world: World, role: str
) -> None:
    found, expected = {}, {}
    for table, matrix in SEEN_BY.items():
        total = (await db.execute(text(f"SELECT count(*) FROM {table}"))).scalar_one()
        share = matrix if isinstance(matrix, str) else matrix.get(role, "nothing")
        expected[table] = total if COUNTS[share] is None else COUNTS[share]
        assert total >= 2, f"{table} has no other side"

    async with database.as_viewer(world.viewers[role]) as session:
        for table in SEEN_BY:
            rows = await session.execute(text(f"SELECT count(*) FROM {table}"))
            found[table] = rows.scalar_one()

    assert found == expected


OWNED = {"market.payee_account": "account_id", "market.stand": "stand_id", "market.sale": "sale_id",
         "market.onboarding": "onboarding_id", "market.vendor": "vendor_id"}  # fmt: skip


@pytest.mark.parametrize("role", ["vendor", "helper", "operator", "team", "official"])
async def test_what_is_seen_is_one_s_own_side(database: Database, world: World, role: str) -> None:
    async with database.as_viewer(world.viewers[role]) as session:
        for table, name in OWNED.items():
            rows = await session.execute(text(f"SELECT id FROM {table}"))

            assert set(rows.scalars()) <= {getattr(world.a, name)}


REFUSALS = ("row-level security", "permission denied", "cannot be changed", "only ever")


async def refused(database: Database, viewer: Viewer, statement: str, **values: Any) -> bool:
    """Whether a write is refused, or finds no row it may touch."""
    try:
        async with database.as_viewer(viewer) as session:
            result = await session.execute(text(statement), values)
            return bool(result.rowcount == 0)  # type: ignore[attr-defined]  # every write counts its rows
    except DBAPIError as error:
        return any(words in str(error) for words in REFUSALS)


@pytest.mark.parametrize("role", ROLES)
async def test_nobody_gives_themselves_a_role(database: Database, world: World, role: str) -> None:
    if role == "admin":
        return
    viewer = world.viewers[role]

    for wanted, scope in (("admin", None), ("operator", world.b.hall_id), ("vendor", world.b.vendor_id),
                          ("official", world.b.unit_id), ("clerk", None), ("team", world.b.hall_id)):  # fmt: skip
        assert await refused(
            database, viewer,
            "INSERT INTO market.membership (id, person_id, role, scope_id, valid_from)"
            " VALUES (:id, :person, :role, :scope, '2026-01-01')",
            id=ids.new(), person=viewer.person_id or world.a.person_id, role=wanted, scope=scope,
        )  # fmt: skip


@pytest.mark.parametrize(
    "role", ["nobody", "vendor", "helper", "operator", "team", "official", "clerk"]
)
async def test_nobody_writes_on_the_other_side(database: Database, world: World, role: str) -> None:
    viewer, b = world.viewers[role], world.b

    assert await refused(
        database,
        viewer,
        "UPDATE market.person SET phone = '+84900000099' WHERE id = :id",
        id=b.person_id,
    )
    assert await refused(
        database,
        viewer,
        "UPDATE market.payee_account SET account_no = '6' WHERE id = :id",
        id=b.account_id,
    )
    assert await refused(
        database, viewer, "UPDATE market.stand SET retired_at = now() WHERE id = :id", id=b.stand_id
    )
    assert await refused(
        database, viewer, "UPDATE market.stall SET vendor_id = NULL WHERE id = :id", id=b.stall_id
    )
    assert await refused(
        database, viewer, "UPDATE market.sale SET state = 'paid' WHERE id = :id", id=b.sale_id
    )
    assert await refused(
        database, viewer, "UPDATE market.vendor SET name = 'X' WHERE id = :id", id=b.vendor_id
    )
    assert await refused(
        database, viewer, "UPDATE market.hall SET name = 'X' WHERE id = :id", id=b.hall_id
    )
    assert await refused(database, viewer, "UPDATE market.unit SET name = 'X'")
    assert await refused(database, viewer, "DELETE FROM market.consent")
    assert await refused(database, viewer, "DELETE FROM market.read_log")


async def test_a_helper_does_not_change_the_receiving_account(
    database: Database, world: World
) -> None:
    change = "UPDATE market.payee_account SET account_no = '6' WHERE id = :id"

    assert await refused(database, world.viewers["helper"], change, id=world.a.account_id)
    assert not await refused(database, world.viewers["vendor"], change, id=world.a.account_id)


async def test_the_team_cannot_reset_the_pin_of_somebody_it_met(
    database: Database, world: World
) -> None:
    team = world.viewers["team"]

    assert await refused(
        database,
        team,
        "UPDATE market.person SET pin_hash = 'mine' WHERE id = :id",
        id=world.a.person_id,
    )
    async with database.as_system() as session:
        await session.execute(
            text("UPDATE market.person SET pin_hash = 'set' WHERE id = :id"),
            {"id": world.a.person_id},
        )
    assert await refused(
        database, team, "UPDATE market.sign_in_code SET code_hash = 'mine' WHERE person_id = :id",
        id=world.a.person_id,
    )  # fmt: skip


async def test_the_view_of_names_is_not_a_way_to_write(database: Database, world: World) -> None:
    for role in ROLES:
        assert await refused(
            database, world.viewers[role], "UPDATE market.vendor_name SET name = 'X'"
        )


async def test_only_the_team_asks_who_has_a_phone_number(database: Database, world: World) -> None:
    answers = {}
    for role in ROLES:
        async with database.as_viewer(world.viewers[role]) as session:
            found = await people.person_with_phone(session, "+84900000002")
            answers[role] = found is not None

    assert {role for role, is_known in answers.items() if is_known} == {"team", "admin"}


async def test_a_role_at_one_hall_is_not_a_role_at_another(
    database: Database, db: AsyncSession, world: World
) -> None:
    operator = world.viewers["operator"]
    assert operator.person_id is not None
    await people.add_membership(db, operator.person_id, "team", world.b.hall_id, DAY)
    me = await people.viewer_of(db, operator.person_id, DAY)
    await db.commit()
    assert me is not None

    async with database.as_viewer(me.viewer) as session:
        seen = (
            (await session.execute(text("SELECT stall_id FROM market.onboarding"))).scalars().all()
        )

    assert seen == [world.b.stall_id]


async def test_one_s_own_reads_of_others_are_recorded_and_stay(
    database: Database, world: World
) -> None:
    team = world.viewers["team"]
    async with database.as_viewer(team) as session:
        await people.log_read(session, team, "person", [world.a.person_id], "gọi lại", now=NOW)

    async with database.as_viewer(world.viewers["vendor"]) as session:
        reasons = (
            (await session.execute(text("SELECT reason FROM market.read_log ORDER BY id")))
            .scalars()
            .all()
        )

    assert reasons == ["gọi hỏi thăm", "gọi lại"]
    assert await refused(
        database, team,
        "INSERT INTO market.read_log VALUES (:id, now(), :other, 'team', 'person', :other, 'x')",
        id=ids.new(), other=world.a.person_id,
    )  # fmt: skip


@pytest.mark.parametrize(
    "statement",
    ["UPDATE market.sale SET amount_vnd = 2000", "UPDATE market.consent SET purpose = 'x'",
     "DELETE FROM market.consent", "UPDATE market.stand SET qr_text = 'x'", "DELETE FROM market.stand_check",
     "UPDATE market.read_log SET reason = ''", "TRUNCATE market.read_log"],
)  # fmt: skip
async def test_what_stays_is_refused_even_to_the_owner(
    db: AsyncSession, world: World, statement: str
) -> None:
    with pytest.raises(DBAPIError, match=r"stay|only ever|cannot be changed"):
        await db.execute(text(statement))


async def test_a_consent_is_withdrawn_once(db: AsyncSession, world: World) -> None:
    await db.execute(text("UPDATE market.consent SET withdrawn_at = now()"))

    with pytest.raises(DBAPIError, match="only ever withdrawn"):
        await db.execute(text("UPDATE market.consent SET withdrawn_at = NULL"))


async def test_every_table_but_those_without_anybody_s_data_is_guarded(db: AsyncSession) -> None:
    rows = await db.execute(
        text("SELECT relname FROM pg_class WHERE relnamespace = 'market'::regnamespace"
             " AND relkind IN ('r', 'p') AND NOT relrowsecurity")
    )  # fmt: skip

    assert set(rows.scalars()) <= {"alembic_version", "live_event", "outbox", "relay_position"}
