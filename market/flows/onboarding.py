"""Onboarding: a person, their consent, their account, a test payment, a printed code.

Each function is one answer, inside the caller's transaction: all of it or nothing.
"""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote
from uuid import UUID

import httpx
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

import payments
from market import clock, consents, ids, onboarding, people, places, stands
from market.db import Viewer
from market.errors import AccountNameDiffers, PhoneTaken, StallTaken, StepNotNow
from market.flows.context import Event
from market.onboarding import TEST_AMOUNT_VND, Move, Onboarding
from market.stands import Stand
from market.tables import PayeeAccountRow, StallRow
from payments import banks
from payments import text as bank_text

TEST_OPEN_FOR = timedelta(minutes=15)
LOOKUP_SECONDS_MAX = 4.0
"""Somebody stands before the stall and waits; an unknown name is a state, not an error."""
CODE_TRIES = 5
CITY = "THANH HOA"
HOUSEHOLD = ("HO KINH DOANH ", "HKD ")
"""How the name of a household business's account begins. Source: Circular 25/2025/TT-NHNN."""


@dataclass(frozen=True, slots=True)
class Person:
    """Who sells: typed at the stall."""

    name: str
    phone: str
    is_same: bool = False
    """The number is known and they say it is theirs."""


@dataclass(frozen=True, slots=True)
class Account:
    """Where the money is to go, and what the bank says whose it is."""

    bank_bin: str
    account_no: str
    holder_name: str = ""
    """As looked up; empty where the bank does not say."""
    is_accepted: bool = False
    """It is another's, and they know."""


@dataclass(frozen=True, slots=True)
class AccountShown:
    """The receiving account as a screen shows it."""

    bank_name: str
    account_last4: str
    holder_name: str
    name_check: str
    kind: str
    qr_text: str = ""


async def act_for(db: AsyncSession, viewer: Viewer, vendor_id: UUID) -> None:
    """For the rest of this transaction the team acts for the vendor it is onboarding."""
    listed = ",".join(str(one) for one in (*viewer.vendor_ids, vendor_id))
    await db.execute(
        text("SELECT set_config('app.owner_ids', :ids, true)"), {"ids": "{" + listed + "}"}
    )


# ── The steps ───────────────────────────────────────────────────────────────────────────────────


async def answer_person(
    db: AsyncSession, onboarding_id: UUID, stall_id: UUID, version: int, person: Person,
    team_id: UUID, *, now: datetime,
) -> Onboarding:  # fmt: skip
    """Begin at the stall, or go on, with who sells there.

    Raises: StallTaken; PhoneInvalid, NameInvalid; PhoneTaken, to ask whether it is the same
    person; StaleVersion, StepNotNow.
    """
    stall = await places.stall(db, stall_id)
    begun = await onboarding.start(db, onboarding_id, stall_id, team_id, now=now)
    present = await onboarding.onboarding(db, begun.id, is_locked=True)
    phone, name = people.phone_of(person.phone), people.name_of(person.name)
    answer = {"digest": _digest(phone, name)}
    if onboarding.judge(present, "person", version, answer) is Move.ALREADY:
        return present
    known = await people.person_with_phone(db, phone)
    if known is not None and not person.is_same:
        raise PhoneTaken(*known)
    person_id = known[0] if known else ids.new()
    if known is None:
        await people.add_person(db, person_id, phone, name, now=now)
    moved = await onboarding.move(db, present, "person", answer, now=now, person_id=person_id)
    await _check_stall(db, stall, person_id)
    return moved


async def answer_consent(
    db: AsyncSession, onboarding_id: UUID, version: int, given: list[str], viewer: Viewer, *,
    now: datetime,
) -> Onboarding:  # fmt: skip
    """Record what they agreed to; with that they are the vendor of the stall.

    A vendor whose account was proved at another stall gets the code at once.

    Raises: ConsentMissing, StallTaken, StaleVersion, StepNotNow.
    """
    present = await onboarding.onboarding(db, onboarding_id, is_locked=True)
    answer: dict[str, Any] = {"given": sorted(given)}
    if onboarding.judge(present, "consent", version, answer) is Move.ALREADY:
        return present
    day = clock.local_day(now)
    consents.check_given(given, day)
    assert present.person_id is not None
    stall = await places.stall(db, present.stall_id)
    await _check_stall(db, stall, present.person_id)
    vendor_id = await _vendor(db, present, now)
    await consents.give(
        db, present.person_id, given, day=day, now=now, channel="team", assisted_by=viewer.person_id
    )
    moved = await onboarding.move(db, present, "consent", answer, now=now, vendor_id=vendor_id)
    await people.add_membership(db, present.person_id, "vendor", vendor_id, day)
    row = await db.get(StallRow, present.stall_id)
    assert row is not None
    row.vendor_id = vendor_id
    row.invoice_mode = "on_request" if "invoices" in given else "off"
    db.add(row)
    await db.flush()
    await act_for(db, viewer, vendor_id)
    proved = await _proved_account(db, vendor_id)
    if proved is None:
        return moved
    return await _issue_stand(db, moved, proved, now, came_from="account")


async def answer_account(
    db: AsyncSession, onboarding_id: UUID, version: int, account: Account, viewer: Viewer, *,
    now: datetime,
) -> Onboarding:  # fmt: skip
    """Register the account and ask it for 1,000 đ.

    Raises: BankUnknown, AccountMalformed; AccountNameDiffers, to ask whose it is; PayeeTaken
    where it receives for another vendor; StaleVersion, StepNotNow.
    """
    present = await onboarding.onboarding(db, onboarding_id, is_locked=True)
    bank = banks.bank(account.bank_bin)
    account_no = banks.clean_account(account.account_no)
    answer = {"digest": _digest(bank.bin, account_no)}
    if onboarding.judge(present, "account", version, answer) is Move.ALREADY:
        return present
    assert present.person_id is not None
    assert present.vendor_id is not None
    person = await people.person(db, present.person_id)
    kind, check = judge_holder(person.name, account.holder_name)
    if check == "differs" and not account.is_accepted:
        raise AccountNameDiffers(account.holder_name)
    await act_for(db, viewer, present.vendor_id)
    row = PayeeAccountRow(
        id=ids.new(), vendor_id=present.vendor_id, bank_bin=bank.bin, account_no=account_no,
        holder_name=account.holder_name or bank_text.fold(person.name).upper(), kind=kind,
        name_check=check, created_at=now,
    )  # fmt: skip
    db.add(row)
    await db.flush()
    payee = payments.Payee(
        id=row.id, owner_id=present.vendor_id, bank_bin=bank.bin, account_no=account_no
    )
    await payments.register_payee(db, payee, now=now)
    payment_id = await _open_test(db, present, row.id, now)
    return await onboarding.move(
        db, present, "account", answer, now=now, payee_account_id=row.id,
        test_payment_id=payment_id,
    )  # fmt: skip


def judge_holder(person_name: str, holder_name: str) -> tuple[str, str]:
    """Kind of account and result of the name check, from two names. Pure.

    Household accounts bear the business's own name, so the person's need not be in it.
    """
    if not holder_name:
        return "personal", "unknown"
    if bank_text.fold(holder_name).upper().startswith(HOUSEHOLD):
        return "household", "match"
    if banks.name_matches(person_name, holder_name):
        return "personal", "match"
    return "relative", "differs"


async def correct_account(
    db: AsyncSession, onboarding_id: UUID, version: int, viewer: Viewer, *, now: datetime
) -> Onboarding:
    """Back from the test to the account; what was typed wrong receives nothing any more.

    Raises: StepNotNow, StaleVersion; PaymentNotOpen where the test money came meanwhile.
    """
    present = await onboarding.onboarding(db, onboarding_id, is_locked=True)
    if onboarding.judge(present, "test", version, {}) is Move.ALREADY:
        return present
    assert present.vendor_id is not None
    await act_for(db, viewer, present.vendor_id)
    await _give_up_test(db, present, now)
    account = await _account_row(db, present)
    account.retired_at = now
    db.add(account)
    await payments.retire_payee(db, account.id, now=now)
    return await onboarding.move(
        db, present, "account", {}, now=now, to="account", payee_account_id=None,
        test_payment_id=None,
    )  # fmt: skip


async def test_again(
    db: AsyncSession, onboarding_id: UUID, version: int, viewer: Viewer, *, now: datetime
) -> Onboarding:
    """Ask for the 1,000 đ once more, with a fresh code.

    Raises: StepNotNow, StaleVersion; PaymentNotOpen where the test money came meanwhile.
    """
    present = await onboarding.onboarding(db, onboarding_id, is_locked=True)
    if onboarding.judge(present, "test", version, {}) is Move.ALREADY:
        return present
    assert present.vendor_id is not None
    await act_for(db, viewer, present.vendor_id)
    await _give_up_test(db, present, now)
    account = await _account_row(db, present)
    payment_id = await _open_test(db, present, account.id, now)
    answer = present.answers["account"]
    return await onboarding.move(
        db, present, "account", answer, now=now, to="test", test_payment_id=payment_id
    )


async def look_at_test(
    db: AsyncSession, onboarding_id: UUID, viewer: Viewer, *, now: datetime
) -> Onboarding:
    """Go on if the ledger says the 1,000 đ came; nobody else's word counts."""
    present = await onboarding.onboarding(db, onboarding_id, is_locked=True)
    if present.step == "test" and present.vendor_id is not None:
        await act_for(db, viewer, present.vendor_id)
    return await _go_on_if_paid(db, present, now)


async def test_paid(db: AsyncSession, event: Event, now: datetime) -> None:
    """Reaction to `receipt.recorded`: a test payment came, whoever is or is not watching."""
    if event.data.get("purpose") != "test" or not event.data.get("payment_id"):
        return
    present = await onboarding.of_test_payment(db, UUID(event.data["payment_id"]))
    if present is not None:
        await _go_on_if_paid(db, present, now)


async def finish(
    db: AsyncSession, onboarding_id: UUID, version: int, *, now: datetime
) -> Onboarding:
    """The stand is on the table.

    Raises: StepNotNow, StaleVersion.
    """
    present = await onboarding.onboarding(db, onboarding_id, is_locked=True)
    if onboarding.judge(present, "stand", version, {}) is Move.ALREADY:
        return present
    return await onboarding.move(db, present, "stand", {}, now=now)


# ── What a screen shows ─────────────────────────────────────────────────────────────────────────


async def test_payment(
    db: AsyncSession, present: Onboarding, viewer: Viewer
) -> tuple[payments.Payment, AccountShown]:
    """The test payment and the account it goes to, with the QR to show."""
    assert present.test_payment_id is not None
    assert present.vendor_id is not None
    await act_for(db, viewer, present.vendor_id)
    payment = await payments.payment(db, present.test_payment_id)
    assert payment is not None
    account = await _account_row(db, present)
    qr_text = payments.write_vietqr(
        account.bank_bin, account.account_no, amount_vnd=payment.amount_vnd, memo=payment.code,
        merchant_name=account.holder_name, city=CITY,
    )  # fmt: skip
    return payment, shown(account, qr_text)


def shown(account: PayeeAccountRow, qr_text: str = "") -> AccountShown:
    """An account as a screen may show it."""
    return AccountShown(
        bank_name=banks.bank(account.bank_bin).short_name,
        account_last4=account.account_no[-4:],
        holder_name=account.holder_name,
        name_check=account.name_check,
        kind=account.kind,
        qr_text=qr_text,
    )


async def look_up_holder(
    http: httpx.AsyncClient, bank_url: str, bank_bin: str, account_no: str
) -> str:
    """Whose account the bank says it is; empty where it does not say or does not answer."""
    url = f"{bank_url}/api/accounts/{quote(bank_bin, safe='')}/{quote(account_no, safe='')}"
    try:
        answer = await http.get(url, timeout=LOOKUP_SECONDS_MAX)
        holder = answer.json().get("holder", "") if answer.status_code == 200 else ""
    except (httpx.HTTPError, ValueError, AttributeError):
        return ""
    return bank_text.fold(holder).upper() if isinstance(holder, str) else ""


# ── Withdrawing ─────────────────────────────────────────────────────────────────────────────────


async def withdraw_consent(
    db: AsyncSession, person_id: UUID, consent_id: UUID, *, now: datetime
) -> str:
    """Withdraw one's consent and stop at once what rested on it; the purpose.

    Without “invoices” no more invoices are made; without “payments” one's stalls are paused.

    Raises: NotFound.
    """
    purpose = await consents.withdraw(db, person_id, consent_id, now=now)
    vendor_id = await people.vendor_of(db, person_id)
    if vendor_id is None:
        return purpose
    rows = await db.exec(select(StallRow).where(StallRow.vendor_id == vendor_id))
    for row in rows:
        if purpose == "invoices":
            row.invoice_mode = "off"
        elif purpose == "payments" and row.status == "active":
            row.status = "paused"
        db.add(row)
    await db.flush()
    return purpose


# ── Inside ──────────────────────────────────────────────────────────────────────────────────────


async def _check_stall(db: AsyncSession, stall: places.Stall, person_id: UUID) -> None:
    if stall.vendor_id is None:
        return
    if await people.vendor_of(db, person_id) != stall.vendor_id:
        names = await people.vendor_names(db, [stall.vendor_id])
        raise StallTaken(stall.id, names.get(stall.vendor_id, ""))


async def _vendor(db: AsyncSession, present: Onboarding, now: datetime) -> UUID:
    """The vendor the person is already, or becomes now under their own name."""
    assert present.person_id is not None
    known = await people.vendor_of(db, present.person_id)
    if known is not None:
        return known
    vendor_id = ids.new()
    person = await people.person(db, present.person_id)
    await people.add_vendor(db, vendor_id, person.id, person.name, now=now)
    return vendor_id


async def _proved_account(db: AsyncSession, vendor_id: UUID) -> PayeeAccountRow | None:
    rows = await db.exec(
        select(PayeeAccountRow)
        .where(
            PayeeAccountRow.vendor_id == vendor_id,
            col(PayeeAccountRow.retired_at).is_(None),
            col(PayeeAccountRow.verified_at).is_not(None),
        )
        .order_by(col(PayeeAccountRow.verified_at).desc())
        .limit(1)
    )
    return rows.one_or_none()


async def _account_row(db: AsyncSession, present: Onboarding) -> PayeeAccountRow:
    row = await db.get(PayeeAccountRow, present.payee_account_id)
    if row is None:
        raise StepNotNow("test", present.step)
    return row


async def _open_test(
    db: AsyncSession, present: Onboarding, payee_account_id: UUID, now: datetime
) -> UUID:
    assert present.vendor_id is not None
    command = payments.OpenPayment(
        id=ids.new(),
        owner_id=present.vendor_id,
        place_id=present.stall_id,
        payee_id=payee_account_id,
        amount_vnd=TEST_AMOUNT_VND,
        purpose="test",
        code=payments.new_code(secrets.token_bytes(8)),
        expires_at=now + TEST_OPEN_FOR,
    )
    return (await payments.open_payment(db, command, now=now)).id


async def _give_up_test(db: AsyncSession, present: Onboarding, now: datetime) -> None:
    assert present.test_payment_id is not None
    payment = await payments.payment(db, present.test_payment_id)
    if payment is not None and payment.state != payments.PaymentState.EXPIRED:
        await payments.cancel_payment(db, payment.id, now=now)


async def _go_on_if_paid(db: AsyncSession, present: Onboarding, now: datetime) -> Onboarding:
    if present.step != "test" or present.test_payment_id is None:
        return present
    payment = await payments.payment(db, present.test_payment_id)
    if payment is None or payment.state is not payments.PaymentState.SETTLED:
        return present
    account = await _account_row(db, present)
    account.verified_at = account.verified_at or now
    db.add(account)
    await db.flush()
    return await _issue_stand(db, present, account, now, came_from="test")


async def _issue_stand(
    db: AsyncSession,
    present: Onboarding,
    account: PayeeAccountRow,
    now: datetime,
    *,
    came_from: str,
) -> Onboarding:
    """Print a code for the stall: any amount, known by its own memo."""
    for attempt in range(CODE_TRIES):
        try:
            async with db.begin_nested():
                stand = await _new_stand(db, present, account, now)
            break
        except IntegrityError:  # somebody in the province has this very code
            if attempt == CODE_TRIES - 1:
                raise
    return await onboarding.move(
        db, present, came_from, present.answers.get(came_from, {}), now=now, to="stand",
        payee_account_id=account.id, stand_id=stand.id,
    )  # fmt: skip


async def _new_stand(
    db: AsyncSession, present: Onboarding, account: PayeeAccountRow, now: datetime
) -> Stand:
    code = payments.new_code(secrets.token_bytes(8))
    qr_text = payments.write_vietqr(
        account.bank_bin,
        account.account_no,
        memo=code,
        merchant_name=account.holder_name,
        city=CITY,
    )
    stand = Stand(
        id=ids.new(), serial=stands.new_serial(secrets.token_bytes(8)), stall_id=present.stall_id,
        payee_account_id=account.id, memo=code, qr_text=qr_text, issued_at=now,
    )  # fmt: skip
    await stands.issue(db, stand)
    await payments.register_stand(
        db, stand.id, owner_id=account.vendor_id, place_id=present.stall_id, code=code, now=now
    )
    return stand


def _digest(*parts: str) -> str:
    """Enough to know the same answer again, and nothing to read."""
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:32]
