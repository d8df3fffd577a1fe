"""Ask for money: open, cancel and expire payments; receiving accounts and printed codes."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from payments import events, memo
from payments.errors import (
    AmountOutOfRange,
    CodeInvalid,
    CodeTaken,
    PayeeRetired,
    PayeeTaken,
    PayeeUnknown,
    PaymentExpiryInvalid,
    PaymentIdReused,
    PaymentNotOpen,
    PaymentUnknown,
    StandIdReused,
)
from payments.ledger.items import Fact
from payments.payment import (
    AMOUNT_VND_MAX,
    AMOUNT_VND_MIN,
    EXPIRY_GRACE,
    WAITING,
    OpenPayment,
    Payee,
    Payment,
    PaymentState,
    same_request,
)
from payments.tables import CodeRow, PayeeRow, PaymentRow

EXPIRE_COUNT_MAX = 1_000
"""Payments ended in one transaction, so that none of them is locked for long."""


async def open_payment(db: AsyncSession, command: OpenPayment, *, now: datetime) -> Payment:
    """The payment stands and waits for money. The same command again returns what stands.

    A retry may bring another code or deadline: the first ones are kept, so show what is returned.

    Raises: AmountOutOfRange, CodeInvalid, CodeTaken, PayeeUnknown, PayeeRetired,
    PaymentExpiryInvalid; PaymentIdReused where the id stands for other content.
    """
    known = await payment(db, command.id)
    if known is not None:
        return _same(known, command)
    await _check(db, command, now)
    if not await _reserve(
        db, command.code, command.owner_id, "payment", command.id, command.place_id, now
    ):
        return await _opened_meanwhile(db, command)
    row = PaymentRow(
        id=command.id,
        owner_id=command.owner_id,
        place_id=command.place_id,
        payee_id=command.payee_id,
        amount_vnd=command.amount_vnd,
        received_vnd=0,
        method=command.method,
        purpose=command.purpose,
        code=command.code,
        state=PaymentState.OPEN.value,
        opened_at=now,
        expires_at=command.expires_at,
    )
    db.add(row)
    await db.flush()
    return _payment(row)


async def cancel_payment(db: AsyncSession, payment_id: UUID, *, now: datetime) -> Payment:
    """The payment waits no longer; money that comes all the same goes to suspense.

    Raises: PaymentUnknown; PaymentNotOpen where it is settled or expired.
    """
    row = await _locked(db, payment_id)
    if row.state == PaymentState.CANCELLED:
        return _payment(row)
    if row.state not in WAITING:
        raise PaymentNotOpen(payment_id, row.state)
    (ended,) = await _end(db, [row], PaymentState.CANCELLED, now)
    return ended


async def expire_payments(
    db: AsyncSession,
    *,
    now: datetime,
    grace: timedelta = EXPIRY_GRACE,
    limit: int = EXPIRE_COUNT_MAX,
) -> Sequence[Payment]:
    """End what waited past its deadline and the grace; says which, oldest id first.

    Locks the payments in id order and leaves out those that somebody else holds: the next run
    finds them. Call again while as many as `limit` come back.
    """
    rows = await db.exec(
        select(PaymentRow)
        .where(col(PaymentRow.state).in_(WAITING), col(PaymentRow.expires_at) < now - grace)
        .order_by(col(PaymentRow.id))
        .limit(limit)
        .with_for_update(skip_locked=True)
        .execution_options(populate_existing=True)
    )
    return await _end(db, rows.all(), PaymentState.EXPIRED, now)


async def payment(db: AsyncSession, payment_id: UUID) -> Payment | None:
    """A payment by its id, as it stands now."""
    rows = await db.exec(
        select(PaymentRow)
        .where(PaymentRow.id == payment_id)
        .execution_options(populate_existing=True)
    )
    row = rows.one_or_none()
    return None if row is None else _payment(row)


async def register_payee(db: AsyncSession, payee: Payee, *, now: datetime) -> None:
    """From now on, notices about this bank account belong to its owner. Repeatable.

    Raises: PayeeTaken where the account receives for somebody else, or the id is another's.
    """
    inserted = await db.exec(
        insert(PayeeRow)
        .values(
            id=payee.id,
            owner_id=payee.owner_id,
            bank_bin=payee.bank_bin,
            account_no=payee.account_no,
            registered_at=now,
        )
        .on_conflict_do_nothing()
        .returning(col(PayeeRow.id))
    )
    if inserted.scalar_one_or_none() is not None:
        return
    row = await db.get(PayeeRow, payee.id)
    same = row is not None and (row.owner_id, row.bank_bin, row.account_no) == (
        payee.owner_id,
        payee.bank_bin,
        payee.account_no,
    )
    if not same:
        raise PayeeTaken(payee.id)


async def retire_payee(db: AsyncSession, payee_id: UUID, *, now: datetime) -> None:
    """No new payment uses this account; money that still comes to it is still its owner's.

    Raises: PayeeUnknown.
    """
    row = await db.get(PayeeRow, payee_id, with_for_update=True)
    if row is None:
        raise PayeeUnknown(payee_id)
    if row.retired_at is None:
        row.retired_at = now
        db.add(row)
        await db.flush()


async def register_stand(
    db: AsyncSession,
    stand_id: UUID,
    *,
    owner_id: UUID,
    place_id: UUID | None,
    code: str,
    now: datetime,
) -> None:
    """Money that carries this printed code is, in any amount, a sale of its own. Repeatable.

    Raises: CodeInvalid, CodeTaken; StandIdReused where the id stands for something else.
    """
    if not memo.is_code(code):
        raise CodeInvalid(code)
    rows = await db.exec(select(CodeRow).where(CodeRow.subject_id == stand_id))
    known = rows.one_or_none()
    if known is None:
        if not await _reserve(db, code, owner_id, "stand", stand_id, place_id, now):
            raise CodeTaken(code)
        return
    if (known.code, known.owner_id, known.place_id) != (code, owner_id, place_id):
        raise StandIdReused(stand_id)


def check_request(command: OpenPayment, now: datetime) -> None:
    """Whether the request can be for money at all, whatever stands.

    Raises: AmountOutOfRange, CodeInvalid, PaymentExpiryInvalid.
    """
    if not AMOUNT_VND_MIN <= command.amount_vnd <= AMOUNT_VND_MAX:
        raise AmountOutOfRange(
            command.amount_vnd, amount_vnd_min=AMOUNT_VND_MIN, amount_vnd_max=AMOUNT_VND_MAX
        )
    if not memo.is_code(command.code):
        raise CodeInvalid(command.code)
    if command.expires_at <= now:
        raise PaymentExpiryInvalid(command.id)


async def _check(db: AsyncSession, command: OpenPayment, now: datetime) -> None:
    check_request(command, now)
    if command.payee_id is None:
        if command.method == "vietqr":
            raise PayeeUnknown(None)
        return
    row = await db.get(PayeeRow, command.payee_id, populate_existing=True)
    if row is None or row.owner_id != command.owner_id:
        raise PayeeUnknown(command.payee_id)
    if row.retired_at is not None:
        raise PayeeRetired(command.payee_id)


async def _opened_meanwhile(db: AsyncSession, command: OpenPayment) -> Payment:
    """Why the code could not be had: another request was faster with this id, or it is taken."""
    known = await payment(db, command.id)
    if known is not None:
        return _same(known, command)
    if await db.get(CodeRow, (command.code, command.owner_id)) is not None:
        raise CodeTaken(command.code)
    raise PaymentIdReused(command.id)  # by an owner we may not see


async def _reserve(
    db: AsyncSession,
    code: str,
    owner_id: UUID,
    kind: str,
    subject_id: UUID,
    place_id: UUID | None,
    now: datetime,
) -> bool:
    """Take a code; False where it, or its subject, has one already.

    Codes are unique per owner: 29^5 of them would not last a province for a week.
    """
    inserted = await db.exec(
        insert(CodeRow)
        .values(
            code=code,
            owner_id=owner_id,
            kind=kind,
            subject_id=subject_id,
            place_id=place_id,
            created_at=now,
        )
        .on_conflict_do_nothing()
        .returning(col(CodeRow.code))
    )
    return inserted.scalar_one_or_none() is not None


async def _locked(db: AsyncSession, payment_id: UUID) -> PaymentRow:
    row = await db.get(PaymentRow, payment_id, with_for_update=True, populate_existing=True)
    if row is None:
        raise PaymentUnknown(payment_id)
    return row


async def _end(
    db: AsyncSession, rows: Sequence[PaymentRow], state: PaymentState, now: datetime
) -> list[Payment]:
    for row in rows:
        row.state = state.value
        row.ended_at = now
        db.add(row)
    await db.flush()
    told = [Fact(f"payment.{state}", row.owner_id, row.id, _data(row), now) for row in rows]
    await events.append_all(db, told)
    return [_payment(row) for row in rows]


def _data(row: PaymentRow) -> dict[str, Any]:
    return {
        "payment_id": str(row.id),
        "owner_id": str(row.owner_id),
        "place_id": None if row.place_id is None else str(row.place_id),
        "amount_vnd": row.amount_vnd,
        "received_vnd": row.received_vnd,
        "purpose": row.purpose,
    }


def _same(known: Payment, command: OpenPayment) -> Payment:
    if not same_request(known, command):
        raise PaymentIdReused(command.id)
    return known


def _payment(row: PaymentRow) -> Payment:
    return Payment(
        id=row.id,
        owner_id=row.owner_id,
        place_id=row.place_id,
        payee_id=row.payee_id,
        amount_vnd=row.amount_vnd,
        received_vnd=row.received_vnd,
        method=row.method,
        purpose=row.purpose,
        code=row.code,
        state=PaymentState(row.state),
        opened_at=row.opened_at,
        expires_at=row.expires_at,
        ended_at=row.ended_at,
    )
