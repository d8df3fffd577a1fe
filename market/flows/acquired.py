"""Payments by an acquirer: who was sent there, and how it ended. UNKNOWN is asked about, never guessed."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
from sqlalchemy import update
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from market import ids
from market.flows.context import Context, Event
from market.flows.ledgers import ledger_of
from market.gateways import Gateways, gateways_of
from market.tables import GatewayAttemptRow
from payments import Confirmation
from payments.gateways import GatewayRefused, GatewayUnavailable, NoticeForged
from payments.gateways.stripe import StripeClient
from payments.gateways.vnpay_api import VNPayClient

ASK_AFTER = timedelta(minutes=2)
"""Time for the notice to come by itself."""
ASK_UNTIL = timedelta(hours=24)
"""Later the settlement file decides."""
ASK_AGAIN = timedelta(minutes=5)
"""VNPAY answers 94 to a terminal that asks more often."""
ASK_COUNT_MAX = 20


async def begin(
    db: AsyncSession, payment_id: UUID, gateway: str, reference: str, *, now: datetime
) -> None:
    """The payer is sent to an acquirer; from `ASK_AFTER` on it is asked how that went. Repeatable."""
    await db.execute(
        insert(GatewayAttemptRow)
        .values(
            payment_id=payment_id,
            gateway=gateway,
            reference=reference,
            state="redirected",
            begun_at=now,
            ask_from=now + ASK_AFTER,
            asked_count=0,
        )
        .on_conflict_do_nothing()
    )


async def receipt_recorded(db: AsyncSession, event: Event, now: datetime) -> None:
    """Reaction: the money came, so nothing is left to ask. A failure may still be followed by it."""
    data = event.data
    if data["outcome"] == "failed" or data.get("gateway") not in {"vnpay", "stripe"}:
        return
    if data.get("payment_id"):
        await db.execute(
            update(GatewayAttemptRow)
            .where(
                col(GatewayAttemptRow.payment_id) == UUID(data["payment_id"]),
                col(GatewayAttemptRow.gateway) == data["gateway"],
            )
            .values(state="settled")
        )


async def ask_acquirers(context: Context, _: dict[str, Any]) -> None:
    """Job: ask about every attempt that has no end yet, VNPAY one at a time."""
    waiting = await _due(context)
    if not waiting:
        return
    partners = gateways_of(context.settings)
    async with httpx.AsyncClient() as http, ledger_of(context) as ledger:
        for attempt in waiting:
            try:
                told = await _ask(partners, http, attempt, context.now())
            except GatewayRefused as refused:
                if refused.reason == "94":  # too soon for this terminal: the others wait as well
                    break
                await _asked(
                    context, attempt, ended=refused.reason == "91" and _old(context, attempt)
                )
                continue
            except (GatewayUnavailable, NoticeForged):
                await _asked(context, attempt)
                continue
            if told is not None:
                await ledger.settle(told, receipt_id=ids.new(), now=context.now())
            await _asked(context, attempt, ended=told is not None and not told.succeeded)


async def _due(context: Context) -> list[GatewayAttemptRow]:
    now = context.now()
    async with context.database.as_system() as db:
        found = await db.exec(
            select(GatewayAttemptRow)
            .where(
                GatewayAttemptRow.state == "redirected",
                GatewayAttemptRow.ask_from <= now,
                GatewayAttemptRow.begun_at > now - ASK_UNTIL,
            )
            .order_by(col(GatewayAttemptRow.asked_at).asc().nulls_first())
            .limit(ASK_COUNT_MAX)
        )
        return list(found.all())


def _old(context: Context, attempt: GatewayAttemptRow) -> bool:
    return context.now() - attempt.begun_at > timedelta(minutes=20)


async def _asked(context: Context, attempt: GatewayAttemptRow, *, ended: bool = False) -> None:
    async with context.database.as_system() as db:
        row = await db.get(
            GatewayAttemptRow,
            (attempt.payment_id, attempt.gateway, attempt.reference),
            with_for_update=True,
        )
        if row is None:
            return
        row.asked_at = context.now()
        row.ask_from = context.now() + ASK_AGAIN
        row.asked_count += 1
        if ended and row.state == "redirected":
            row.state = "failed"
        db.add(row)


async def _ask(
    partners: Gateways, http: httpx.AsyncClient, attempt: GatewayAttemptRow, now: datetime
) -> Confirmation | None:
    if attempt.gateway == "vnpay" and partners.vnpay_config is not None:
        return await _ask_vnpay(VNPayClient(partners.vnpay_config, http), attempt, now)
    if attempt.gateway == "stripe" and partners.stripe_config is not None:
        client = StripeClient(partners.stripe_config)
        try:
            return await _ask_stripe(client, attempt, now)
        finally:
            await client.close()
    return None


async def _ask_vnpay(
    client: VNPayClient, attempt: GatewayAttemptRow, now: datetime
) -> Confirmation | None:
    status = await client.query(
        ids.new().hex, attempt.reference, created_at=attempt.begun_at, now=now
    )
    return status.confirmation(now)


async def _ask_stripe(
    client: StripeClient, attempt: GatewayAttemptRow, now: datetime
) -> Confirmation | None:
    intent_id = await client.intent_of_checkout(attempt.reference)
    return await client.payment(intent_id, now) if intent_id else None
