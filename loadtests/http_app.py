"""The market's own web process with two endpoints more, for the bench alone.

`/bare` is the way of a confirmation without its ledger: who it is, is there room, decode, encode.
`/bare-routed` is the same body through the framework's router, as most endpoints are.
`/naive` is the way with one transaction a request, by the ORM, as one would write it at first.
"""

import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from litestar import post
from litestar.params import JSONBody
from sqlalchemy import func
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

import payments
from market import app as market_app
from market import settings
from market.db import Database
from market.web.admission import Admission
from market.web.confirmation_bodies import ConfirmCredit, CreditConfirmed
from market.web.confirmations import Door
from market.web.doors import Market
from payments import routing, settlement
from payments.ledger.accounts import AccountName, balance_vnd_min, debit_sign, lane_of
from payments.routing import CodeEntry, PayeeEntry
from payments.settlement import Settled, SettlementOutcome
from payments.tables import AccountRow, CodeRow, EventRow, PayeeRow, ReceiptRow, TransferRow


def app() -> Any:
    """The factory that the server calls; the environment says which database."""
    config = settings.from_environment()
    market = market_app.create_app(config)
    market.register(bare_routed)
    naive = Naive(Database(config.database_url))
    market_app.be_ready()
    return Beside(market, naive)


class Beside:
    """The market, with two doors more."""

    def __init__(self, market: Market, naive: "Naive") -> None:
        self._market = market
        self._naive = naive
        self._doors: dict[str, Door] = {}

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """One request; everything but the two is the market's."""
        if scope["type"] != "http" or scope["path"] not in {"/bare", "/naive"}:
            await self._market(scope, receive, send)
            if scope["type"] == "lifespan":
                await self._naive.database.close()
            return
        reply = await self._door(scope["path"]).one(scope, receive)
        start = {"type": "http.response.start", "status": reply.status, "headers": reply.headers}
        await send(start)
        await send({"type": "http.response.body", "body": reply.body})

    def _door(self, path: str) -> Door:
        """Made with the market's own keys, which its lifespan opened."""
        if path not in self._doors:
            real: Door = self._market.state.door
            ledger = Nothing() if path == "/bare" else self._naive
            self._doors[path] = Door(ledger, real.keys, Admission(time.monotonic))
        return self._doors[path]


class Nothing:
    """Says yes to everything and keeps nothing."""

    async def settle_soon(
        self, confirmation: payments.Confirmation, *, receipt_id: UUID, now: datetime
    ) -> Settled:
        """As if it had been recorded."""
        return Settled(
            outcome=SettlementOutcome.STAND,
            receipt_id=receipt_id,
            amount_vnd=confirmation.amount_vnd,
        )


class Naive:
    """One transaction for each confirmation: read, lock, insert, update, commit."""

    def __init__(self, database: Database) -> None:
        self.database = database

    async def settle_soon(
        self, confirmation: payments.Confirmation, *, receipt_id: UUID, now: datetime
    ) -> Settled:
        """Record money that came by a printed code; what else it may be is left out."""
        reading = routing.read(confirmation)
        async with self.database.as_system() as db:
            seen = await _seen(db, reading)
            if seen is not None:
                return seen
            routed = routing.route(
                reading, await _payees(db, confirmation.account_no), await _codes(db, reading), {}
            )
            decision = settlement.decide(reading, routed, None, (), 0)
            stand = routed.stand
            names = {name.id: name for move in decision.moves for name in (move.debit, move.credit)}
            accounts = await _locked(db, names, now)
            settled = Settled(
                outcome=decision.outcome,
                receipt_id=receipt_id,
                stand_id=stand.subject_id if stand else None,
                owner_id=routed.owner_id,
                amount_vnd=confirmation.amount_vnd,
            )
            db.add(_receipt(reading, routed.payee_id, settled, now))
            for one in settlement.transfers(decision, receipt_id, None, confirmation.occurred_at):
                _move(accounts[one.debit_id], one.amount_vnd)
                _move(accounts[one.credit_id], -one.amount_vnd)
                db.add(_transfer(one, now))
            data = {"receipt_id": str(receipt_id), "outcome": decision.outcome.value}
            db.add(
                EventRow(
                    position=_position(), kind="bench.recorded", owner_id=routed.owner_id,
                    subject_id=receipt_id, data=data, at=now,
                )
            )  # fmt: skip
        return settled


@post("/bare-routed", exclude_from_csrf=True, include_in_schema=False)
async def bare_routed(data: JSONBody[ConfirmCredit]) -> CreditConfirmed:
    """Decode and encode, by the framework."""
    return CreditConfirmed(
        outcome=SettlementOutcome.STAND, receipt_id=UUID(int=0), amount_vnd=data.amount_vnd
    )


async def _seen(db: AsyncSession, reading: routing.Reading) -> Settled | None:
    rows = await db.exec(
        select(ReceiptRow).where(
            ReceiptRow.business_date == reading.business_date,
            ReceiptRow.gateway == reading.confirmation.gateway,
            ReceiptRow.provider_id == reading.provider_key,
        )
    )
    row = rows.one_or_none()
    if row is None:
        return None
    return Settled(
        outcome=SettlementOutcome.ALREADY_SEEN, receipt_id=row.id, amount_vnd=row.amount_vnd
    )


async def _payees(db: AsyncSession, account_no: str) -> Sequence[PayeeEntry]:
    rows = await db.exec(select(PayeeRow).where(PayeeRow.account_no == account_no))
    return [
        PayeeEntry(row.id, row.owner_id, row.bank_bin, row.retired_at is not None)
        for row in rows.all()
    ]


async def _codes(db: AsyncSession, reading: routing.Reading) -> Mapping[str, Sequence[CodeEntry]]:
    found: dict[str, list[CodeEntry]] = {}
    rows = await db.exec(select(CodeRow).where(col(CodeRow.code).in_(reading.codes)))
    for row in rows.all():
        entry = CodeEntry(row.code, row.owner_id, row.kind, row.subject_id, row.place_id)
        found.setdefault(row.code, []).append(entry)
    return found


async def _locked(
    db: AsyncSession, names: Mapping[UUID, AccountName], now: datetime
) -> dict[UUID, AccountRow]:
    """The accounts, opened where they are new, and nobody else's until the commit."""
    found = await _lock(db, names)
    missing = [names[one] for one in sorted(names.keys() - found.keys())]
    if not missing:
        return found
    for name in missing:
        await db.exec(
            insert(AccountRow)
            .values(
                lane=lane_of(name.owner_id), id=name.id, owner_id=name.owner_id,
                kind=name.kind.value, place=name.place, opened_at=now,
                balance_vnd_min=balance_vnd_min(name.kind),
            )
            .on_conflict_do_nothing()
        )  # fmt: skip
    return await _lock(db, names)


async def _lock(db: AsyncSession, names: Mapping[UUID, AccountName]) -> dict[UUID, AccountRow]:
    rows = await db.exec(
        select(AccountRow)
        .where(col(AccountRow.id).in_(list(names)))
        .order_by(col(AccountRow.id))
        .with_for_update()
    )
    return {row.id: row for row in rows.all()}


def _move(account: AccountRow, debit_vnd: int) -> None:
    account.balance_vnd += debit_vnd * debit_sign(payments.AccountKind(account.kind))


def _receipt(
    reading: routing.Reading, payee_id: UUID | None, settled: Settled, now: datetime
) -> ReceiptRow:
    told = reading.confirmation
    return ReceiptRow(
        business_date=reading.business_date, id=settled.receipt_id, owner_id=settled.owner_id,
        payee_id=payee_id, stand_id=settled.stand_id, gateway=told.gateway,
        provider_id=reading.provider_key, reference=told.reference, amount_vnd=told.amount_vnd,
        direction=told.direction, outcome=settled.outcome.value, memo=told.memo,
        account_no=told.account_no, bank_bin=told.bank_bin, payment_ref=told.payment_ref,
        detail=told.detail, digest=reading.digest, occurred_at=told.occurred_at, recorded_at=now,
    )  # fmt: skip


def _transfer(one: payments.Transfer, now: datetime) -> TransferRow:
    return TransferRow(
        position=_position(), amount_vnd=one.amount_vnd, occurred_at=one.occurred_at,
        recorded_at=now, lane=lane_of(one.owner_id), kind=int(one.kind), id=one.id,
        owner_id=one.owner_id, debit_id=one.debit_id, credit_id=one.credit_id,
        subject_id=one.subject_id, place_id=one.place_id,
    )  # fmt: skip


def _position() -> Any:
    return func.payments.event_position()
