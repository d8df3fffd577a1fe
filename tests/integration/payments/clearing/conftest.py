"""A day at an acquirer: payments that were taken, and the file the acquirer sends about them."""

import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlmodel.ext.asyncio.session import AsyncSession

import payments
from market import ids
from payments.clearing import fees
from payments.reconciliation.provider_file import Row, written

DAY = date(2026, 11, 22)
NOON = datetime(2026, 11, 22, 5, 0, tzinfo=UTC)
LOADED_AT = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
FIRST_NUMBER = 15_000_001


class Day:
    """What an acquirer took on a day, and its file."""

    def __init__(self, ledger: payments.Ledger, db: AsyncSession) -> None:
        self.ledger, self.db = ledger, db
        self.rows: list[Row] = []
        self.receipts: dict[str, UUID] = {}

    async def take(
        self, owner_id: UUID, amount_vnd: int, *, at: datetime = NOON, told: bool = True, **row: Any
    ) -> Row:
        """A payment by the acquirer; `told` whether its notice reached us."""
        number = str(FIRST_NUMBER + len(self.rows))
        payment = await payments.open_payment(
            self.db,
            payments.OpenPayment(
                id=ids.new(), owner_id=owner_id, place_id=None, payee_id=None,
                amount_vnd=amount_vnd, code=payments.new_code(ids.new().bytes),
                expires_at=at + timedelta(minutes=15), method="vnpay",
            ),
            now=at - timedelta(minutes=1),
        )  # fmt: skip
        await self.db.commit()
        if told:
            self.receipts[number] = await self.tell(number, payment.id, amount_vnd, at)
        self.rows.append(self.row(number, amount_vnd, at, txn_ref=payment.id.hex, **row))
        return self.rows[-1]

    async def tell(self, number: str, payment_id: UUID, amount_vnd: int, at: datetime) -> UUID:
        """The acquirer's notice of a payment."""
        receipt_id = ids.new()
        await self.ledger.settle(
            payments.Confirmation(
                gateway="vnpay", provider_id=number, amount_vnd=amount_vnd, occurred_at=at,
                payment_ref=payment_id.hex,
            ),
            receipt_id=receipt_id,
            now=at,
        )  # fmt: skip
        return receipt_id

    async def refund(self, original: Row, owner_id: UUID, amount_vnd: int, **row: Any) -> Row:
        """Money given back of a payment, by us and in the file."""
        outcomes = await self.ledger.post(
            payments.Refund(
                id=ids.new(), owner_id=owner_id, amount_vnd=amount_vnd, occurred_at=NOON,
                original_id=self.receipts[original.provider_txn_no],
            ),
            opening=[payments.AccountName(owner_id, payments.AccountKind.REFUNDS)],
        )  # fmt: skip
        assert outcomes == [payments.Outcome.POSTED]
        return self.refund_row(original, amount_vnd, **row)

    def refund_row(self, original: Row, amount_vnd: int, **row: Any) -> Row:
        """A refund in the file alone."""
        number = str(FIRST_NUMBER + len(self.rows))
        more = {"txn_type": "REFUND", "original_provider_txn_no": original.provider_txn_no, **row}
        self.rows.append(self.row(number, -amount_vnd, NOON, txn_ref=original.txn_ref, **more))
        return self.rows[-1]

    def row(self, number: str, amount_vnd: int, at: datetime, **row: Any) -> Row:
        txn_type = row.get("txn_type", "PAYMENT")
        schedule = fees.schedule_for("vnpay", row.get("bank_code", "NCB"), DAY)
        fee = fees.fee_of(schedule, amount_vnd, txn_type)
        plain = Row(
            seq=len(self.rows) + 1,
            settlement_date=DAY.isoformat(),
            tmn_code="CHO4TEST",
            txn_ref="",
            provider_txn_no=number,
            bank_tran_no=f"VNP{number}",
            bank_code="NCB",
            txn_type=txn_type,
            txn_time=(at + timedelta(hours=7)).strftime("%Y%m%d%H%M%S"),
            amount=amount_vnd,
            fee=fee.fee_vnd,
            fee_vat=fee.vat_vnd,
            net_amount=amount_vnd - fee.total_vnd,
            currency="VND",
            status="00",
            original_provider_txn_no="",
            remark="",
        )
        changed = replace(plain, **row)
        if changed.net_amount == plain.net_amount:
            net = changed.amount - changed.fee - changed.fee_vat
            changed = replace(changed, net_amount=net)
        return changed

    def file(self, rows: list[Row] | None = None) -> bytes:
        """The file of these rows; of all of the day without them."""
        return written(self.rows if rows is None else rows)


def retrailed(body: bytes) -> bytes:
    """The file with the checksum that fits its rows, as whoever changed them would write it."""
    lines = body.splitlines(keepends=True)
    cells = lines[-1].decode().strip().split(";")
    cells[-1] = hashlib.sha256(b"".join(lines[:-1])).hexdigest()
    return b"".join([*lines[:-1], ";".join(cells).encode() + b"\n"])


@pytest.fixture
def day(ledger: payments.Ledger, db: AsyncSession) -> Day:
    return Day(ledger, db)


Compare = Callable[..., Awaitable[payments.Comparison]]


@pytest.fixture
def compare(database_url: str) -> Compare:
    async def compared(raw: bytes, **more: Any) -> payments.Comparison:
        return await payments.compare_provider_file(database_url, raw, acquirer="vnpay", **more)

    return compared


@pytest.fixture
def load(database_url: str) -> Callable[..., Awaitable[payments.Loaded]]:
    async def loaded(raw: bytes, **more: Any) -> payments.Loaded:
        return await payments.load_provider_file(
            database_url, raw, session_id=ids.new(), acquirer="vnpay", now=LOADED_AT, **more
        )

    return loaded
