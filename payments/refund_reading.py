"""What can be given back of money that came, and how refunds stand."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, and_, func, or_, text
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from payments.gateways.vnpay import txn_ref_of
from payments.ledger.accounts import lane_of
from payments.ledger.transfer import TransferKind
from payments.payment import PaymentState
from payments.refund import Outgoing, Refundable, RefundRequest, RefundState
from payments.refund_tables import RefundRequestRow
from payments.routing import VIETNAM
from payments.settlement import SettlementOutcome
from payments.suspense.moves import (
    IGNORED,
    PARTS_MAX,
    REFUND_DUE,
    Decision,
    sale_id_of,
    spread,
)
from payments.suspense.storage import decision_of
from payments.suspense.tables import CaseRow, DecisionRow, TargetRow
from payments.tables import PaymentRow, ReceiptRow

DAYS_LATE_MAX = 40
"""So many days after it moved may money be reported and its receipt still be found by its id."""
PAGE_MAX = 500
_REFUNDABLE = (
    TransferKind.SALE,
    TransferKind.STAND_SALE,
    TransferKind.CHARGE,
    TransferKind.HELD,
    TransferKind.CASH_SALE,
)
_MOVES_MAX = 3
"""Transfers of one receipt; see `settlement.transfers`."""


async def refundable(
    db: AsyncSession,
    *,
    payment_id: UUID | None = None,
    receipt_id: UUID | None = None,
) -> Sequence[Refundable]:
    """What came for a payment, or by one receipt, and how much of it is left.

    Money of a sale goes back in any part; money in suspense as far as a person decided that it
    shall (`payments.suspense`), until then nothing of it. Money that a person assigned is of the
    payment it was assigned to, or of the sale that was made for it. Oldest first.
    """
    query = select(ReceiptRow).where(ReceiptRow.direction == "in")
    if payment_id is not None:
        assigned = [_is_receipt(one) for one in await _assigned_to(db, payment_id)]
        query = query.where(or_(col(ReceiptRow.payment_id) == payment_id, *assigned))
    else:
        assert receipt_id is not None
        query = query.where(_is_receipt(receipt_id))
    rows = await db.exec(query.order_by(col(ReceiptRow.recorded_at), col(ReceiptRow.id)).limit(100))
    receipts = [row for row in rows.all() if row.owner_id is not None]
    settled = await _settled(db, {row.payment_id for row in receipts if row.payment_id})
    found: list[Refundable] = []
    for row in receipts:
        for transfer in await _transfers_of(db, row):
            if transfer.kind == TransferKind.HELD and not _is_released(row, settled):
                found += await _decided(db, row, transfer)
            else:
                found.append(_refundable(row, transfer, row.payment_id, transfer.amount_vnd))
    return [one for one in found if payment_id in (None, one.payment_id)]


async def cash_refundable(db: AsyncSession, owner_id: UUID, sale_id: UUID) -> Sequence[Refundable]:
    """What of a sale paid in cash can be handed back; none where the ledger has no such sale.

    Cash has no receipt: the sale's own id stands for it.
    """
    asked = {"lane": lane_of(owner_id), "ids": [sale_id], "kinds": [int(TransferKind.CASH_SALE)]}
    rows = (await (await db.connection()).execute(_TRANSFERS, asked)).all()
    return [
        Refundable(
            receipt_id=sale_id,
            owner_id=owner_id,
            place_id=row.place_id if row.place_id.int else None,
            payment_id=None,
            original_id=row.id,
            is_held=False,
            road="cash",
            gateway="cash",
            provider_ref="",
            provider_no="",
            captured_vnd=row.amount_vnd,
            original_vnd=row.amount_vnd,
            amount_vnd=row.amount_vnd,
            left_vnd=row.amount_vnd - row.asked_vnd,
            gone_vnd=row.asked_vnd,
            memo="",
            occurred_at=row.occurred_at,
        )
        for row in rows
    ]


async def refund_request(db: AsyncSession, refund_id: UUID) -> RefundRequest | None:
    """A refund by its id, as it stands now."""
    row = await db.get(RefundRequestRow, refund_id, populate_existing=True)
    return None if row is None else value_of(row)


async def refunds_of(
    db: AsyncSession,
    *,
    payment_id: UUID | None = None,
    receipt_id: UUID | None = None,
    provider_ref: str = "",
) -> Sequence[RefundRequest]:
    """Every refund of a payment, a receipt or an acquirer's payment, oldest first."""
    query = select(RefundRequestRow)
    if payment_id is not None:
        query = query.where(RefundRequestRow.payment_id == payment_id)
    elif receipt_id is not None:
        query = query.where(RefundRequestRow.receipt_id == receipt_id)
    else:
        assert provider_ref
        query = query.where(RefundRequestRow.provider_ref == provider_ref)
    rows = await db.exec(query.order_by(col(RefundRequestRow.asked_at), col(RefundRequestRow.id)))
    return [value_of(row) for row in rows.all()]


async def refunds_open(db: AsyncSession, *, limit: int = 200) -> Sequence[RefundRequest]:
    """Refunds that have not ended, and those with a problem, oldest first: a person's list."""
    assert 0 < limit <= PAGE_MAX
    rows = await db.exec(
        select(RefundRequestRow)
        .where(
            col(RefundRequestRow.state).in_(("asked", "unknown", "sent"))
            | (col(RefundRequestRow.problem) != "")
        )
        .order_by(col(RefundRequestRow.asked_at))
        .limit(limit)
    )
    return [value_of(row) for row in rows.all()]


async def refunds_in_doubt(
    db: AsyncSession, *, now: datetime, limit: int = 20
) -> Sequence[RefundRequest]:
    """Sent refunds whose end is not known and whose time to ask has come, the longest due first."""
    rows = await db.exec(
        select(RefundRequestRow)
        .where(
            RefundRequestRow.road == "acquired",
            col(RefundRequestRow.state).in_(("unknown", "sent")),
            col(RefundRequestRow.confirmed_at).is_(None),
            RefundRequestRow.problem == "",
            RefundRequestRow.ask_from <= now,
        )
        .order_by(col(RefundRequestRow.ask_from))
        .limit(limit)
    )
    return [value_of(row) for row in rows.all()]


async def unbooked_refunds(db: AsyncSession, *, limit: int = 100) -> Sequence[RefundRequest]:
    """Refunds known to have gone that the ledger has not, oldest first."""
    rows = await db.exec(
        select(RefundRequestRow)
        .where(
            col(RefundRequestRow.state).in_(("unknown", "sent")),
            col(RefundRequestRow.confirmed_at).is_not(None),
        )
        .order_by(col(RefundRequestRow.confirmed_at))
        .limit(limit)
    )
    return [value_of(row) for row in rows.all()]


async def outgoing(db: AsyncSession, receipt_id: UUID) -> Outgoing | None:
    """Money that went out, by the receipt of its notice; None where it came in or is not there."""
    rows = await db.exec(
        select(ReceiptRow).where(_is_receipt(receipt_id), ReceiptRow.direction == "out")
    )
    row = rows.one_or_none()
    if row is None:
        return None
    return Outgoing(**{name: getattr(row, name) for name in Outgoing.__struct_fields__})


async def source_of(db: AsyncSession, refund: RefundRequest) -> UUID:
    """The account that the money of a refund came to, and leaves again."""
    connection = await db.connection()
    kinds = [int(kind) for kind in _REFUNDABLE]
    asked = {"lane": lane_of(refund.owner_id), "ids": [refund.original_id], "kinds": kinds}
    found: UUID = (await connection.execute(_TRANSFERS, asked)).one().debit_id
    return found


async def receipt_of(
    db: AsyncSession, gateway: str, provider_id: str, *, now: datetime
) -> UUID | None:
    """The receipt of money that came, by its gateway's own id; of the last half year."""
    days = [(now - timedelta(days=back)).date() for back in range(-1, 185)]
    rows = await db.exec(
        select(ReceiptRow.id).where(
            col(ReceiptRow.business_date).in_(days),
            ReceiptRow.gateway == gateway,
            ReceiptRow.provider_id == provider_id,
            ReceiptRow.direction == "in",
        )
    )
    return rows.first()


# ── Inside ──────────────────────────────────────────────────────────────────────────────────────────


def value_of(row: RefundRequestRow) -> RefundRequest:
    fields = {name: getattr(row, name) for name in RefundRequest.__struct_fields__}
    return RefundRequest(**(fields | {"state": RefundState(row.state)}))


def _is_receipt(receipt_id: UUID) -> ColumnElement[bool]:
    """By its id and the days it may be of: the key leads with the day."""
    made_on = datetime.fromtimestamp((receipt_id.int >> 80) / 1000, VIETNAM).date()
    days = [made_on - timedelta(days=back) for back in range(-1, DAYS_LATE_MAX)]
    return and_(col(ReceiptRow.id) == receipt_id, col(ReceiptRow.business_date).in_(days))


async def _settled(db: AsyncSession, payment_ids: set[UUID]) -> set[UUID]:
    """Which of the payments are complete: what had come short for them was released."""
    rows = await db.exec(
        select(PaymentRow.id).where(
            col(PaymentRow.id).in_(payment_ids), PaymentRow.state == PaymentState.SETTLED.value
        )
    )
    return set(rows.all())


async def _transfers_of(db: AsyncSession, row: ReceiptRow) -> Sequence[Any]:
    assert row.owner_id is not None
    connection = await db.connection()
    ids = [UUID(int=row.id.int ^ index) for index in range(_MOVES_MAX)]
    found = await connection.execute(
        _TRANSFERS,
        {"lane": lane_of(row.owner_id), "ids": ids, "kinds": [int(kind) for kind in _REFUNDABLE]},
    )
    return found.all()


def _is_released(row: ReceiptRow, settled: set[UUID]) -> bool:
    """It came short, and the rest of its payment made takings of it."""
    return row.outcome == SettlementOutcome.SHORT and row.payment_id in settled


def _refundable(
    row: ReceiptRow,
    transfer: Any,
    payment_id: UUID | None,
    may_vnd: int,
    *,
    is_held: bool = False,
    asked_vnd: int | None = None,
    place_id: UUID | None = None,
) -> Refundable:
    """`asked_vnd`: of this part of the transfer; all that is asked of it bounds each part."""
    assert row.owner_id is not None
    asked_vnd = transfer.asked_vnd if asked_vnd is None else asked_vnd
    left_vnd = min(may_vnd - asked_vnd, transfer.amount_vnd - transfer.asked_vnd)
    return Refundable(
        receipt_id=row.id,
        owner_id=row.owner_id,
        place_id=place_id or row.place_id,
        payment_id=payment_id,
        original_id=transfer.id,
        is_held=is_held,
        road="direct" if row.account_no else "acquired",
        gateway=row.gateway,
        provider_ref=_reference_of(row),
        provider_no=row.provider_id,
        captured_vnd=row.amount_vnd,
        original_vnd=transfer.amount_vnd,
        amount_vnd=may_vnd,
        left_vnd=max(0, left_vnd),
        gone_vnd=transfer.asked_vnd,
        memo=row.memo,
        occurred_at=row.occurred_at,
    )


async def _decided(db: AsyncSession, row: ReceiptRow, transfer: Any) -> list[Refundable]:
    """What of waiting money may go back by what a person decided: of each sale, and as due back."""
    decision = await _decision(db, row.id)
    by_part: dict[int, int] = {}
    for share, number, vnd in spread(decision.shares, decision.parts) if decision else ():
        if share.receipt_id == row.id:
            by_part[number] = by_part.get(number, 0) + vnd
    found = []
    for number, vnd in by_part.items():
        assert decision is not None
        part = decision.parts[number]
        if part.kind == IGNORED:
            continue
        is_held = part.kind == REFUND_DUE
        payment_id = row.payment_id if is_held else part.target_id
        asked = await _asked_vnd(db, transfer.id, payment_id, is_held=is_held)
        found.append(
            _refundable(
                row, transfer, payment_id, vnd,
                is_held=is_held, asked_vnd=asked, place_id=part.place_id,
            )
        )  # fmt: skip
    return found or [_refundable(row, transfer, row.payment_id, 0, is_held=True)]


async def _decision(db: AsyncSession, receipt_id: UUID) -> Decision | None:
    """The decision about this money that stands, or is just being carried out."""
    found = await db.exec(
        select(DecisionRow)
        .join(CaseRow, col(CaseRow.decision_id) == DecisionRow.id)
        .where(
            CaseRow.receipt_id == receipt_id,
            col(DecisionRow.state).in_(("planned", "posted")),
            col(DecisionRow.undoes_id).is_(None),
        )
    )
    row = found.one_or_none()
    return None if row is None else decision_of(row)


async def _asked_vnd(
    db: AsyncSession, original_id: UUID, payment_id: UUID | None, *, is_held: bool
) -> int:
    """What is given back, or asked for, of the part of a transfer that was of this payment."""
    found = await db.exec(
        select(func.coalesce(func.sum(RefundRequestRow.amount_vnd), 0)).where(
            RefundRequestRow.original_id == original_id,
            col(RefundRequestRow.payment_id).is_not_distinct_from(payment_id),
            RefundRequestRow.is_held == is_held,
            RefundRequestRow.state != RefundState.REFUSED.value,
        )
    )
    return int(found.one())


async def _assigned_to(db: AsyncSession, payment_id: UUID) -> list[UUID]:
    """The receipts that a person assigned to this payment, or made this sale for.

    The id of such a sale follows from its decision's, and so back.
    """
    taken = select(TargetRow.decision_id).where(TargetRow.payment_id == payment_id)
    made = [sale_id_of(payment_id, index) for index in range(PARTS_MAX)]  # its own inverse
    rows = await db.exec(
        select(DecisionRow).where(
            or_(col(DecisionRow.id).in_(taken), col(DecisionRow.id).in_(made)),
            col(DecisionRow.state).in_(("planned", "posted")),
        )
    )
    return [
        share.receipt_id
        for decision in map(decision_of, rows.all())
        if any(part.target_id == payment_id for part in decision.parts)
        for share in decision.shares
    ]


def _reference_of(row: ReceiptRow) -> str:
    """What the acquirer knows the payment by."""
    if row.account_no:
        return ""
    return txn_ref_of(row.detail) if row.gateway == "vnpay" else row.provider_id


# What is asked counts refunds under way; without any, those the ledger knows.
_TRANSFERS = text("""
SELECT t.id, t.kind, t.amount_vnd, t.debit_id, t.place_id, t.occurred_at,
       COALESCE(
           (SELECT l.asked_vnd FROM payments.refund_limit l
            WHERE l.original_id = t.id AND l.owner_id = t.owner_id),
           (SELECT sum(r.amount_vnd) FROM payments.refund r
            WHERE r.lane = t.lane AND r.original_id = t.id), 0)::bigint AS asked_vnd
FROM payments.transfer t
WHERE t.lane = :lane AND t.id = ANY(:ids) AND t.kind = ANY(:kinds)
ORDER BY t.kind = 2, t.id
""")
