"""The community team's screens: whom to visit, and one onboarding, a step a screen."""

import asyncio
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.enums import RequestEncodingType
from litestar.exceptions import PermissionDeniedException
from litestar.params import Body, FromPath
from litestar.response import Redirect, Template
from msgspec import Struct

import payments
from market import (
    clock,
    consents,
    helping,
    ids,
    onboarding,
    outgoing,
    people,
    places,
    sessions,
    stands,
)
from market.db import Database, Viewer
from market.errors import AccountNameDiffers, MarketError, PhoneTaken
from market.flows import onboarding as flow
from market.onboarding import Onboarding
from market.settings import Settings
from market.tables import PayeeAccountRow
from market.web import auth
from market.web import stands as stand_pages
from market.web.errors import documented, problem_of
from payments import banks, qr

USUAL_BINS = (
    "970405", "970436", "970418", "970415", "970422", "970407", "970432", "970423", "970403",
    "970416",
)  # fmt: skip
"""Offered first: what most stalls have."""

PERSON_FORM = Body(media_type=RequestEncodingType.URL_ENCODED)


class Step(Struct, frozen=True, kw_only=True):
    """What every form of an onboarding carries."""

    onboarding_id: UUID
    version: int


class PersonForm(Step, frozen=True, kw_only=True):
    """Who sells."""

    name: str = ""
    phone: str = ""
    is_same: str = ""


class ConsentForm(Step, frozen=True, kw_only=True):
    """One switch a purpose; what is off is not sent."""

    payments: str = ""
    invoices: str = ""
    contact: str = ""

    def given(self) -> list[str]:
        """Purposes that were switched on."""
        return [name for name in ("payments", "invoices", "contact") if getattr(self, name)]


class AccountForm(Step, frozen=True, kw_only=True):
    """Where the money goes."""

    bank_bin: str = ""
    account_no: str = ""
    is_accepted: str = ""


class OnboardingView(Struct, frozen=True, kw_only=True):
    """How far an onboarding is, for the screen that waits for the 1,000 đ."""

    onboarding_id: UUID
    step: str
    version: int
    test_state: str
    received_vnd: int
    missing_vnd: int


# ── Pages ───────────────────────────────────────────────────────────────────────────────────────


@get("/to-cong-nghe", guards=[auth.team_member], include_in_schema=False)
async def team_page(
    database: NamedDependency[Database],
    viewer: NamedDependency[Viewer],
    me: NamedDependency[auth.SignedIn | None],
) -> Template:
    """The stalls to visit, hall by hall, as one walks past them."""
    assert me is not None
    async with database.as_viewer(viewer) as db:
        visits = await onboarding.visits(db, me.scopes("team"))
    halls: dict[UUID, list[onboarding.Visit]] = {}
    for visit in visits:
        halls.setdefault(visit.hall_id, []).append(visit)
    return Template("team.html", context={"halls": list(halls.values()), "me": me})


@get("/to-cong-nghe/sap/{stall_id:uuid}", guards=[auth.team_member], include_in_schema=False)
async def onboarding_page(
    stall_id: FromPath[UUID],
    database: NamedDependency[Database],
    viewer: NamedDependency[Viewer],
    me: NamedDependency[auth.SignedIn | None],
    now: NamedDependency[datetime],
) -> Template:
    """The step that is due at this stall; what was begun is gone on with."""
    assert me is not None
    context = await _context(database, viewer, me, stall_id, now)
    return Template("onboarding.html", context=context)


@post("/to-cong-nghe/sap/{stall_id:uuid}/nguoi", guards=[auth.team_member], include_in_schema=False, status_code=200)  # fmt: skip
async def person_step(
    stall_id: FromPath[UUID],
    data: Annotated[PersonForm, PERSON_FORM],
    database: NamedDependency[Database],
    viewer: NamedDependency[Viewer],
    me: NamedDependency[auth.SignedIn | None],
    now: NamedDependency[datetime],
) -> Response[Any]:
    """Who sells; a known number is asked about before it is used."""
    assert me is not None
    person = flow.Person(data.name, data.phone, is_same=bool(data.is_same))
    try:
        async with database.as_viewer(viewer) as db:
            await _check_hall(db, me, stall_id)
            await flow.answer_person(
                db, data.onboarding_id, stall_id, data.version, person, me.person_id, now=now
            )
    except PhoneTaken as taken:
        asked = {"same_person": taken.name}
        return await _again(database, viewer, me, stall_id, now, taken, data, **asked)
    except MarketError as error:
        return await _again(database, viewer, me, stall_id, now, error, data)
    return _on(stall_id)


@post("/to-cong-nghe/sap/{stall_id:uuid}/dong-y", guards=[auth.team_member], include_in_schema=False, status_code=200)  # fmt: skip
async def consent_step(
    stall_id: FromPath[UUID],
    data: Annotated[ConsentForm, PERSON_FORM],
    database: NamedDependency[Database],
    viewer: NamedDependency[Viewer],
    me: NamedDependency[auth.SignedIn | None],
    now: NamedDependency[datetime],
) -> Response[Any]:
    """What they agree to, each purpose by itself."""
    assert me is not None
    async with database.as_system() as db:
        helper_id = await helping.only_helper(db, data.onboarding_id)
    try:
        async with database.as_viewer(viewer) as db:
            await _check_hall(db, me, stall_id)
            await flow.answer_consent(
                db, data.onboarding_id, data.version, data.given(), viewer, now=now
            )
    except MarketError as error:
        return await _again(database, viewer, me, stall_id, now, error, data)
    if helper_id is not None:
        async with database.as_system() as db:
            await helping.forget_pin(db, helper_id)
    return _on(stall_id)


@post("/to-cong-nghe/sap/{stall_id:uuid}/tai-khoan", guards=[auth.team_member], include_in_schema=False, status_code=200)  # fmt: skip
async def account_step(
    stall_id: FromPath[UUID],
    data: Annotated[AccountForm, PERSON_FORM],
    database: NamedDependency[Database],
    viewer: NamedDependency[Viewer],
    me: NamedDependency[auth.SignedIn | None],
    settings: NamedDependency[Settings],
    now: NamedDependency[datetime],
) -> Response[Any]:
    """The receiving account; the bank is asked whose it is, outside of any transaction."""
    assert me is not None
    try:
        bank = banks.bank(data.bank_bin)
        account_no = banks.clean_account(data.account_no)
        await _count_lookup(database, me, now)
        async with outgoing.client() as http:
            holder = await flow.look_up_holder(http, settings.bank_url, bank.bin, account_no)
        account = flow.Account(bank.bin, account_no, holder, is_accepted=bool(data.is_accepted))
        async with database.as_viewer(viewer) as db:
            await _check_hall(db, me, stall_id)
            await flow.answer_account(
                db, data.onboarding_id, data.version, account, viewer, now=now
            )
    except AccountNameDiffers as differs:
        asked = {"other_holder": differs.holder_name}
        return await _again(database, viewer, me, stall_id, now, differs, data, **asked)
    except (MarketError, payments.PaymentError) as error:
        return await _again(database, viewer, me, stall_id, now, error, data)
    return _on(stall_id)


@post("/to-cong-nghe/sap/{stall_id:uuid}/sua-tai-khoan", guards=[auth.team_member], include_in_schema=False, status_code=200)  # fmt: skip
async def correct_account(
    stall_id: FromPath[UUID],
    data: Annotated[Step, PERSON_FORM],
    database: NamedDependency[Database],
    viewer: NamedDependency[Viewer],
    me: NamedDependency[auth.SignedIn | None],
    now: NamedDependency[datetime],
) -> Response[Any]:
    """Back from the test to the account."""
    assert me is not None
    try:
        async with database.as_viewer(viewer) as db:
            await _check_hall(db, me, stall_id)
            await flow.correct_account(db, data.onboarding_id, data.version, viewer, now=now)
    except (MarketError, payments.PaymentError) as error:
        return await _again(database, viewer, me, stall_id, now, error, data)
    return _on(stall_id)


@post("/to-cong-nghe/sap/{stall_id:uuid}/thu-lai", guards=[auth.team_member], include_in_schema=False, status_code=200)  # fmt: skip
async def test_again(
    stall_id: FromPath[UUID],
    data: Annotated[Step, PERSON_FORM],
    database: NamedDependency[Database],
    viewer: NamedDependency[Viewer],
    me: NamedDependency[auth.SignedIn | None],
    now: NamedDependency[datetime],
) -> Response[Any]:
    """Ask for the 1,000 đ once more."""
    assert me is not None
    try:
        async with database.as_viewer(viewer) as db:
            await _check_hall(db, me, stall_id)
            await flow.test_again(db, data.onboarding_id, data.version, viewer, now=now)
    except (MarketError, payments.PaymentError) as error:
        return await _again(database, viewer, me, stall_id, now, error, data)
    return _on(stall_id)


@post("/to-cong-nghe/sap/{stall_id:uuid}/xong", guards=[auth.team_member], include_in_schema=False, status_code=200)  # fmt: skip
async def finish(
    stall_id: FromPath[UUID],
    data: Annotated[Step, PERSON_FORM],
    database: NamedDependency[Database],
    viewer: NamedDependency[Viewer],
    me: NamedDependency[auth.SignedIn | None],
    now: NamedDependency[datetime],
) -> Response[Any]:
    """The stand is on the table; on to the next stall."""
    assert me is not None
    try:
        async with database.as_viewer(viewer) as db:
            await _check_hall(db, me, stall_id)
            await flow.finish(db, data.onboarding_id, data.version, now=now)
    except MarketError as error:
        return await _again(database, viewer, me, stall_id, now, error, data)
    return Redirect("/to-cong-nghe", status_code=303)


@post("/to-cong-nghe/sap/{stall_id:uuid}/ma-dang-nhap", guards=[auth.team_member], include_in_schema=False, status_code=200)  # fmt: skip
async def sign_in_code(
    stall_id: FromPath[UUID],
    data: Annotated[Step, PERSON_FORM],
    database: NamedDependency[Database],
    viewer: NamedDependency[Viewer],
    me: NamedDependency[auth.SignedIn | None],
    settings: NamedDependency[Settings],
    now: NamedDependency[datetime],
) -> Response[Any]:
    """A code, shown this once, with which the vendor sets a PIN on their own phone."""
    assert me is not None
    code = people.new_code()
    code_hash = await asyncio.to_thread(people.hash_pin, code)
    async with database.as_viewer(viewer) as db:
        await _check_hall(db, me, stall_id)
        present = await onboarding.onboarding(db, data.onboarding_id)
        assert present.person_id is not None
        person = await people.person(db, present.person_id)
        if not person.has_pin:
            await people.issue_code(db, person.id, code_hash, me.person_id, now=now)
    shown: dict[str, Any] = {}
    if not person.has_pin:
        # Behind the # it never reaches a server or its log.
        phone = person.phone.replace("+84", "0", 1)
        address = f"{settings.base_url}/dang-nhap/lan-dau#{phone}-{code}"
        shown = {"code": code, "code_qr": qr.qr_svg(address, "Mã đăng nhập lần đầu")}
    context = await _context(database, viewer, me, stall_id, now)
    return Template("onboarding.html", context={**context, **shown})


@get(
    "/api/onboardings/{onboarding_id:uuid}",
    guards=[auth.team_member],
    responses=documented(401, 403, 404),
)
async def onboarding_state(
    onboarding_id: FromPath[UUID],
    database: NamedDependency[Database],
    viewer: NamedDependency[Viewer],
    now: NamedDependency[datetime],
) -> OnboardingView:
    """How far an onboarding is; it goes on by itself once the ledger has the 1,000 đ."""
    async with database.as_viewer(viewer) as db:
        present = await flow.look_at_test(db, onboarding_id, viewer, now=now)
        payment = None
        if present.step == "test":
            payment, _ = await flow.test_payment(db, present, viewer)
    return OnboardingView(
        onboarding_id=present.id,
        step=present.step,
        version=present.version,
        test_state=str(payment.state) if payment else "",
        received_vnd=payment.received_vnd if payment else 0,
        missing_vnd=payment.missing_vnd if payment else 0,
    )


# ── What a page shows ───────────────────────────────────────────────────────────────────────────


async def _context(
    database: Database, viewer: Viewer, me: auth.SignedIn, stall_id: UUID, now: datetime
) -> dict[str, Any]:
    async with database.as_viewer(viewer) as db:
        stall = await _check_hall(db, me, stall_id)
        hall = await places.hall(db, stall.hall_id)
        present = await onboarding.unfinished_at(db, stall_id)
        if present is not None and present.step == "test":
            present = await flow.look_at_test(db, present.id, viewer, now=now)
        names = await people.vendor_names(db, [stall.vendor_id])
        context: dict[str, Any] = {
            "me": me,
            "stall": stall,
            "hall": hall,
            "vendor_name": names.get(stall.vendor_id, "") if stall.vendor_id else "",
            "onboarding": present,
            "step": present.step if present else "person",
            "version": present.version if present else 1,
            "onboarding_id": present.id if present else ids.new(),
        }
        if present is None:
            context["stand"] = await stands.stand_in_use(db, stall_id)
            return context
        context.update(await _step_context(db, present, viewer, now))
    return context


async def _step_context(
    db: Any, present: Onboarding, viewer: Viewer, now: datetime
) -> dict[str, Any]:
    assert present.person_id is not None or present.step == "person"
    context: dict[str, Any] = {}
    if present.person_id is not None:
        context["person"] = await people.person(db, present.person_id)
    if present.step == "consent":
        context["purposes"] = consents.purposes(clock.local_day(now))
    elif present.step == "account":
        listed = [one for one in banks.banks() if not one.use_instead]
        context["usual_banks"] = [one for bin_ in USUAL_BINS for one in listed if one.bin == bin_]
        context["banks"] = sorted(
            (one for one in listed if one.bin not in USUAL_BINS), key=lambda one: one.short_name
        )
    elif present.step == "test":
        payment, account = await flow.test_payment(db, present, viewer)
        context.update(payment=payment, account=account, is_late=payment.expires_at < now)
        context["qr_svg"] = qr.qr_svg(account.qr_text, "VietQR 1.000 đ")
    elif present.step == "stand":
        stand = await stands.stand_in_use(db, present.stall_id)
        row = await db.get(PayeeAccountRow, present.payee_account_id)
        context.update(stand=stand, account=flow.shown(row) if row else None)
        context["stand_qr_svg"] = qr.qr_svg(stand.qr_text, "VietQR") if stand else ""
    return context


async def _again(
    database: Database, viewer: Viewer, me: auth.SignedIn, stall_id: UUID, now: datetime,
    error: Exception, data: Step, **asked: str,
) -> Template:  # fmt: skip
    """The same step once more, with what was typed and the sentence that says what to do."""
    problem = problem_of(error)
    context = await _context(database, viewer, me, stall_id, now)
    more = {"problem": problem, "typed": data, **asked}
    if context["onboarding"] is None:
        more["onboarding_id"] = data.onboarding_id
    return Template("onboarding.html", context={**context, **more}, status_code=problem.status)


async def _check_hall(db: Any, me: auth.SignedIn, stall_id: UUID) -> places.Stall:
    stall = await places.stall(db, stall_id)
    if not me.has_role("team", stall.hall_id):
        raise PermissionDeniedException(detail="another hall", extra={"code": "not_allowed"})
    return stall


async def _count_lookup(database: Database, me: auth.SignedIn, now: datetime) -> None:
    """Names of account holders are not to be fished for.

    Raises: TooManyAttempts.
    """
    key = sessions.attempt_key("lookup", str(me.person_id))
    async with database.as_system() as db:
        await sessions.count_attempt(db, key, sessions.LOOKUP_ATTEMPTS_MAX, now=now)


def _on(stall_id: UUID) -> Redirect:
    return Redirect(f"/to-cong-nghe/sap/{stall_id}", status_code=303)


routers = [
    team_page,
    onboarding_page,
    person_step,
    consent_step,
    account_step,
    correct_account,
    test_again,
    finish,
    sign_in_code,
    onboarding_state,
    *stand_pages.routers,
]
