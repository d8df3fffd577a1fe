"""Writes the demo's world: places, people, accounts, codes, goods. Once, as a whole or not at all."""

from datetime import datetime
from uuid import UUID

from sqlmodel import select
from sqlmodel.ext.asyncio.session import AsyncSession

import payments
from market import clock, geography, people, places, stands
from market.demo.plan import Dealer, HallPlan, StallPlan, VendorPlan, WorldPlan, world_plan
from market.tables import HallRow, PayeeAccountRow, PersonRow, StallRow, StandRow, UnitRow

PIN = "2468"
"""Everybody's PIN in the demo; it opens nothing but made-up stalls."""
OPERATOR = "Hợp tác xã Quản lý chợ Hạc Thành"
CITY = "THANH HOA"


async def begun_at(db: AsyncSession) -> datetime | None:
    """The instant a demo world in this database was begun with; None if there is none."""
    found = await db.exec(select(PersonRow.created_at).order_by(PersonRow.phone).limit(1))
    return found.one_or_none()


async def demo_world(db: AsyncSession, seed: int, now: datetime) -> WorldPlan:
    """The world of this seed is in the caller's transaction; one that stands is left as it is."""
    begun = await begun_at(db)
    if begun is not None:
        return world_plan(seed, begun)
    plan = world_plan(seed, now)
    await geography.load_units(db)
    await _people(db, plan, now)
    await places.add_operator(db, plan.operator_id, OPERATOR)
    units = await _units(db)
    for hall in plan.halls:
        await _hall(db, plan, hall, units, now)
    await _roles(db, plan, units, now)
    await _codes(db, plan, seed, now)
    return plan


async def _people(db: AsyncSession, plan: WorldPlan, now: datetime) -> None:
    pin_hash = people.hash_pin(PIN)
    staff = (plan.helper, plan.operator, plan.team, plan.official, plan.clerk, plan.admin,
             plan.second_clerk)  # fmt: skip
    for person in (*staff, *(one.person for one in plan.vendors())):
        await people.add_person(
            db, person.id, person.phone, person.name, now=now,
            identified_by="cccd", pin_hash=pin_hash,
        )  # fmt: skip
    for vendor in plan.vendors():
        name = f"Hộ kinh doanh {vendor.person.name}"
        await people.add_vendor(db, vendor.id, vendor.person.id, name, now=now)
        await people.add_membership(db, vendor.person.id, "vendor", vendor.id, clock.local_day(now))


async def _units(db: AsyncSession) -> dict[str, UUID]:
    """Today's wards and the old wards, by code; the demo names no code that means both."""
    rows = await db.exec(select(UnitRow))
    return {f"{one.code}:{one.valid_to is None}": one.id for one in rows}


async def _hall(
    db: AsyncSession, plan: WorldPlan, hall: HallPlan, units: dict[str, UUID], now: datetime
) -> None:
    site, today = hall.site, clock.local_day(now)
    await places.add_hall(
        db, hall.id, site.name, units[f"{site.unit_code}:True"], kind=site.kind,
        area_id=units[f"{site.area_code}:False"], operator_id=plan.operator_id, grade=site.grade,
        address=site.address, latitude=site.latitude, longitude=site.longitude, opened_on=today,
    )  # fmt: skip
    for position, (letter, name, _) in enumerate(site.zones):
        await places.add_zone(db, hall.zone_ids[letter], hall.id, name, position)
    db.add_all(
        StallRow(
            id=one.id,
            hall_id=hall.id,
            zone_id=hall.zone_ids[one.zone],
            vendor_id=one.vendor.id if one.vendor else None,
            code=one.code,
            trade=one.trade,
            invoice_mode=one.invoice_mode,
            round_vnd=500 if one.zone in {"A", "B"} else 1,
            opened_on=today,
        )
        for one in hall.stalls
    )
    await db.flush()


async def _roles(db: AsyncSession, plan: WorldPlan, units: dict[str, UUID], now: datetime) -> None:
    today = clock.local_day(now)
    star = star_stall(plan)
    assert star.vendor is not None
    await people.add_membership(db, plan.helper.id, "helper", star.vendor.id, today)
    for hall in plan.halls:
        await people.add_membership(db, plan.operator.id, "operator", hall.id, today)
        await people.add_membership(db, plan.team.id, "team", hall.id, today)
    for code in sorted({hall.site.unit_code for hall in plan.halls}):
        await people.add_membership(db, plan.official.id, "official", units[f"{code}:True"], today)
    await people.add_membership(db, plan.clerk.id, "clerk", None, today)
    await people.add_membership(db, plan.second_clerk.id, "clerk", None, today)
    await people.add_membership(db, plan.admin.id, "admin", None, today)


async def _codes(db: AsyncSession, plan: WorldPlan, seed: int, now: datetime) -> None:
    """Receiving accounts that passed their test payment, and the printed code of each stall."""
    dealer = Dealer(seed + 1, now)
    with_code = {one.vendor.id for one in plan.stalls() if one.vendor and one.stand_id}
    for vendor in plan.vendors():
        if vendor.id not in with_code:
            continue
        db.add(
            PayeeAccountRow(
                id=vendor.account_id,
                vendor_id=vendor.id,
                bank_bin=vendor.bank_bin,
                account_no=vendor.account_no,
                holder_name=vendor.holder_name,
                kind="household",
                name_check="match",
                verified_at=now,
                created_at=now,
            )
        )
        payee = payments.Payee(
            id=vendor.account_id,
            owner_id=vendor.id,
            bank_bin=vendor.bank_bin,
            account_no=vendor.account_no,
        )
        await payments.register_payee(db, payee, now=now)
    await db.flush()
    for stall in plan.stalls():
        if stall.vendor is not None and stall.stand_id is not None:
            await _stand(db, dealer, stall, stall.vendor, now)
    await db.flush()


async def _stand(
    db: AsyncSession, dealer: Dealer, stall: StallPlan, vendor: VendorPlan, now: datetime
) -> None:  # fmt: skip
    assert stall.stand_id is not None
    memo = payments.new_code(dealer.rng.randbytes(8))
    await payments.register_stand(
        db, stall.stand_id, owner_id=vendor.id, place_id=stall.id, code=memo, now=now
    )
    db.add(
        StandRow(
            id=stall.stand_id,
            serial=stands.new_serial(dealer.rng.randbytes(8)),
            stall_id=stall.id,
            payee_account_id=vendor.account_id,
            memo=memo,
            qr_text=payments.write_vietqr(
                vendor.bank_bin, vendor.account_no, memo=memo,
                merchant_name=vendor.holder_name, city=CITY,
            ),
            issued_at=now,
        )
    )  # fmt: skip


def star_stall(plan: WorldPlan) -> StallPlan:
    """The stall of the start page's vendor: the busiest one that is not an automatic invoicer."""
    used = [one for one in plan.stalls() if one.cashless_per_day > 0 and one.stand_id]
    return max(used, key=lambda one: one.cashless_per_day)


async def fits(db: AsyncSession, plan: WorldPlan) -> bool:
    """Whether every stall of this plan stands in the database."""
    found = set((await db.exec(select(StallRow.id))).all())
    return found >= {one.id for one in plan.stalls()}


async def is_there(db: AsyncSession) -> bool:
    """Whether any hall stands in this database."""
    return (await db.exec(select(HallRow.id).limit(1))).one_or_none() is not None
