"""Payments by an acquirer: who was sent there, and how it ended. UNKNOWN is asked about, never guessed."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
from sqlalchemy import text, update
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

import payments
from market import ids, outgoing
from market.flows import payos, refund_asking
from market.flows.context import Context, Event
from market.flows.ledgers import ledger_of
from market.gateways import Gateways, gateways_of
from market.tables import GatewayAttemptRow
from payments import Confirmation
from payments.gateways import GatewayError, GatewayRefused
from payments.gateways.payos_links import PayOSAccount
from payments.gateways.stripe import StripeClient
from payments.gateways.vnpay import is_under_review, txn_ref_of
from payments.gateways.vnpay_api import QUERY_WINDOW_SECONDS, VNPayClient

ASK_UNTIL = timedelta(hours=24)
"""Later the settlement file decides; `attempts_in_doubt` puts it before a person."""
ASK_AGAIN_MIN = timedelta(minutes=5)
ASK_AGAIN_MAX = timedelta(hours=2)
"""Between two questions about one attempt, doubling: most payers who do not come back never paid."""
ASK_COUNT_MAX = 20
VNPAY_WINDOW = timedelta(seconds=QUERY_WINDOW_SECONDS)
"""VNPAY answers 94 to a terminal that asks more often, whatever it asks about."""
NOT_FOUND_AFTER = timedelta(minutes=20)
"""VNPAY's page closes after fifteen minutes: what it does not know by then was never opened."""


@dataclass(frozen=True)
class _Asking:
    """What one run asks with."""

    context: Context
    partners: Gateways
    http: httpx.AsyncClient
    ledger: payments.Ledger


async def receipt_recorded(db: AsyncSession, event: Event, now: datetime) -> None:
    """Reaction: the acquirer spoke, so nothing is left to ask about that attempt.

    VNPAY names the attempt. At Stripe a declined card may be followed by a good one on the same
    page, so only money ends its attempt.
    """
    data = event.data
    gateway = data.get("gateway")
    if gateway not in {"vnpay", "stripe"} or not data.get("payment_id"):
        return
    failed = data["outcome"] == "failed"
    if data["outcome"] == "outgoing" or (failed and gateway == "stripe"):
        return
    payment_id = UUID(data["payment_id"])
    ending = (
        update(GatewayAttemptRow)
        .where(
            col(GatewayAttemptRow.payment_id) == payment_id,
            col(GatewayAttemptRow.gateway) == gateway,
            col(GatewayAttemptRow.state) != "settled",
        )
        .values(state="failed" if failed else "settled")
    )
    if gateway == "vnpay":
        receipts = await payments.receipts_for(db, payment_id)
        detail = {str(one.id): one.detail for one in receipts}.get(str(data["receipt_id"]), "")
        if failed and is_under_review(detail):
            return
        ending = ending.where(col(GatewayAttemptRow.reference) == txn_ref_of(detail))
    await db.execute(ending)


async def attempts_in_doubt(db: AsyncSession, *, now: datetime) -> list[GatewayAttemptRow]:
    """Attempts that were asked about for a day and never told: for a person, newest first."""
    found = await db.exec(
        select(GatewayAttemptRow)
        .where(
            GatewayAttemptRow.state == "redirected",
            GatewayAttemptRow.begun_at <= now - ASK_UNTIL,
            GatewayAttemptRow.begun_at > now - timedelta(days=30),
        )
        .order_by(col(GatewayAttemptRow.begun_at).desc())
        .limit(200)
    )
    return list(found.all())


async def ask_acquirers(context: Context, _: dict[str, Any]) -> None:
    """Job: ask about every payment and refund that has no end yet; VNPAY once a window."""
    waiting = await _due(context)
    in_doubt = await refund_asking.due(context)
    if not waiting and not in_doubt:
        return
    partners = gateways_of(context.settings)
    async with outgoing.client() as http, ledger_of(context) as ledger:
        asking = _Asking(context, partners, http, ledger)
        for attempt in waiting:
            if attempt.gateway != "vnpay":
                await _ask_about(asking, attempt)
        for refund in in_doubt:
            if refund.gateway == "stripe":
                await refund_asking.ask(context, partners, http, refund)
        await _ask_vnpay_once(asking, waiting, in_doubt)


async def _ask_vnpay_once(
    asking: _Asking,
    waiting: list[GatewayAttemptRow],
    in_doubt: list[payments.RefundRequest],
) -> None:
    """The one question of this window: what has waited longest for its turn."""
    attempts = [one for one in waiting if one.gateway == "vnpay"]
    refunds = [one for one in in_doubt if one.gateway == "vnpay"]
    config = asking.partners.vnpay_config
    if config is None or not (attempts or refunds):
        return
    async with asking.context.database.as_system() as db:
        turn = {"consumer": f"vnpay.querydr:{config.tmn_code}", "now": asking.context.now()}
        turn["before"] = asking.context.now() - VNPAY_WINDOW
        if (await db.execute(_TAKE_TURN, turn)).one_or_none() is None:
            return
    if refunds and not (attempts and attempts[0].ask_from <= refunds[0].ask_from):
        await refund_asking.ask(asking.context, asking.partners, asking.http, refunds[0])
    else:
        await _ask_about(asking, attempts[0])


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
            .order_by(col(GatewayAttemptRow.ask_from))
            .limit(ASK_COUNT_MAX)
        )
        return list(found.all())


async def _ask_about(asking: _Asking, attempt: GatewayAttemptRow) -> None:
    """Ask, and settle what is said; no answer is no answer."""
    context = asking.context
    account = asking.partners.link_account(attempt.gateway)
    if account is not None:
        await _ask_about_link(asking, account, attempt)
        return
    try:
        told = await _ask(asking, attempt)
    except GatewayRefused as refused:
        old = context.now() - attempt.begun_at > NOT_FOUND_AFTER
        await _asked(context, attempt, ended=refused.reason == "91" and old)
        return
    except GatewayError:  # silence, a forged or an unreadable answer: still unknown
        await _asked(context, attempt)
        return
    if told is not None:
        await asking.ledger.settle(told, receipt_id=ids.new(), now=context.now())
    failed = told is not None and not told.succeeded and not is_under_review(told.detail)
    await _asked(context, attempt, ended=failed)


async def _ask_about_link(
    asking: _Asking, account: PayOSAccount, attempt: GatewayAttemptRow
) -> None:
    """A payOS link: each transfer that came is settled; once none can come, nothing is left to ask."""
    context = asking.context
    try:
        state = await payos.ask(asking.http, account, asking.ledger, attempt, now=context.now())
    except GatewayError:
        state = "redirected"
    await _asked(context, attempt, ended=state != "redirected", is_paid=state == "settled")


async def _asked(
    context: Context, attempt: GatewayAttemptRow, *, ended: bool = False, is_paid: bool = False
) -> None:
    async with context.database.as_system() as db:
        row = await db.get(
            GatewayAttemptRow,
            (attempt.payment_id, attempt.gateway, attempt.reference),
            with_for_update=True,
        )
        if row is None:
            return
        row.asked_at = context.now()
        row.ask_from = context.now() + ask_again(row.asked_count)
        row.asked_count += 1
        if ended and row.state == "redirected":
            row.state = "settled" if is_paid else "failed"
        db.add(row)


def ask_again(asked_count: int) -> timedelta:
    """How long until the next question, after so many."""
    return min(ASK_AGAIN_MAX, ASK_AGAIN_MIN * (1 << min(asked_count, 10)))


async def _ask(asking: _Asking, attempt: GatewayAttemptRow) -> Confirmation | None:
    now, partners = asking.context.now(), asking.partners
    if attempt.gateway == "vnpay" and partners.vnpay_config is not None:
        vnpay = VNPayClient(partners.vnpay_config, asking.http)
        status = await vnpay.query(
            ids.new().hex, attempt.reference, created_at=attempt.begun_at, now=now
        )
        return status.confirmation(now)
    if attempt.gateway == "stripe" and partners.stripe_config is not None:
        stripe = StripeClient(partners.stripe_config)
        try:
            intent_id = await stripe.intent_of_checkout(attempt.reference)
            return await stripe.payment(intent_id, now) if intent_id else None
        finally:
            await stripe.close()
    return None


# Whoever moves the row has the window to itself.
_TAKE_TURN = text(
    "INSERT INTO market.relay_position (consumer, position, moved_at) VALUES (:consumer, 0, :now)"
    " ON CONFLICT (consumer) DO UPDATE SET moved_at = EXCLUDED.moved_at"
    " WHERE relay_position.moved_at <= :before RETURNING 1"
)
