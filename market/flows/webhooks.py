"""Facts go to integrators: the relay writes down who hears what, a job sends it until it is taken."""

import asyncio
import json
import random
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import httpx
import structlog
from sqlmodel import select
from sqlmodel.ext.asyncio.session import AsyncSession

from market import ids, live, outbox, webhook_deliveries, webhook_sending, webhooks
from market.flows.context import Context, Event, Together
from market.tables import StallRow
from market.webhook_tables import WebhookMessageRow
from market.webhooks import Delivery

JOB = "send_webhooks"
SENT_AT_ONCE = 20
JOB_SECONDS_MAX = 40.0
"""Then the next run goes on; well within a job's lease."""
_BY_OUTCOME = {
    "settled": "payment.paid",
    "over": "payment.paid",
    "short": "payment.partial",
    "stand": "sale.stand",
    "cash": "sale.cash",
    **dict.fromkeys(
        ("late", "duplicate_payment", "unmatched", "suggested", "foreign_code", "amount_mismatch"),
        "money.waiting",
    ),
}
_BY_KIND = {
    "payment.expired": "payment.expired",
    "payment.cancelled": "payment.cancelled",
    "suspense.resolved": "money.resolved",
    "suspense.undone": "money.reopened",
    **{kind: kind for kind in webhooks.REFUND_KINDS},
}
_TOLD = (
    "receipt_id", "payment_id", "decision_id", "refund_id", "road", "outcome", "gateway", "amount_vnd", "asked_vnd",
    "received_vnd", "occurred_at",
)  # fmt: skip
"""What leaves the house. No memo, account or reason: they name the payer."""

log = structlog.get_logger("market.webhooks")


@Together
async def fan_out(db: AsyncSession, events: Sequence[Event], now: datetime) -> None:
    """Reaction: whoever listens for such a fact is told soon."""
    heard_of = await webhooks.heard_of(db)
    for event in events:
        if None in heard_of or event.owner_id in heard_of:
            await _fan_out(db, event, now)


async def _fan_out(db: AsyncSession, event: Event, now: datetime) -> None:
    kind = _BY_KIND.get(event.kind) or _BY_OUTCOME.get(event.data.get("outcome", ""))
    if kind is None or event.data.get("purpose") == "test":
        return
    subject_id = _subject(event)
    told = await webhooks.tell(
        db,
        WebhookMessageRow(
            id=ids.new(),
            owner_id=event.owner_id,
            subject_id=subject_id,
            kind=kind,
            body=_body(kind, _data(event), event.at),
            created_at=now,
        ),
    )
    if told:
        await outbox.enqueue_tick(db, JOB, now)


async def send_webhooks(context: Context, _: dict[str, Any]) -> None:
    """Job: every try that is due is made; what was not taken is due again later, or never."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + JOB_SECONDS_MAX
    async with webhook_sending.client() as http:
        while loop.time() + webhook_sending.SECONDS_MAX < deadline:
            async with context.database.as_system() as db:
                due = await webhook_deliveries.claim(db, now=context.now(), limit=SENT_AT_ONCE)
            if not due:
                return
            await asyncio.gather(*(_try(context, http, one) for one in due))


async def forget_webhooks(context: Context, _: dict[str, Any]) -> None:
    """Job: messages and their log are kept a month."""
    while True:
        async with context.database.as_system() as db:
            if not await webhook_deliveries.forget(db, now=context.now()):
                return


async def _try(context: Context, http: httpx.AsyncClient, delivery: Delivery) -> None:
    headers = webhooks.signature_headers(delivery.message, delivery.signing, now=context.now())
    answer = await webhook_sending.send(
        http, delivery.url, headers, delivery.message.body,
        allow_private=delivery.allow_private, now=context.now(),
    )  # fmt: skip
    async with context.database.as_system() as db:
        now = context.now()
        drawn = random.random()  # noqa: S311 - spreads tries, hides nothing
        if await webhook_deliveries.record(db, delivery, answer, drawn=drawn, now=now):
            await _tell_parked(db, delivery, now)


async def _tell_parked(db: AsyncSession, delivery: Delivery, now: datetime) -> None:
    """The owner's screens and, for when it comes back, the integrator itself."""
    data = {"endpoint_id": str(delivery.endpoint_id)}
    log.warning("a webhook endpoint is parked", endpoint=data["endpoint_id"])
    await outbox.announce(
        db, webhooks.PARKED, data, now, owner_id=delivery.owner_id, subject_id=delivery.endpoint_id
    )


async def parked(db: AsyncSession, event: Event, now: datetime) -> None:
    """Reaction to `webhook.parked`: its owner is told, and so is who pulls."""
    assert event.subject_id is not None
    body = _body(webhooks.PARKED, event.data, now)
    await webhooks.tell(
        db,
        WebhookMessageRow(
            id=ids.new(), owner_id=event.owner_id, subject_id=event.subject_id,
            kind=webhooks.PARKED, body=body, created_at=now,
        ),
        only=event.subject_id,
    )  # fmt: skip
    if event.owner_id is None:
        return
    stalls = await db.exec(select(StallRow.id).where(StallRow.vendor_id == event.owner_id))
    for stall_id in stalls.all():
        await live.tell(db, f"stall:{stall_id}", "webhook_parked", event.data, now=now)


def _subject(event: Event) -> UUID:
    """Order is kept per payment; money of none has its receipt."""
    data = event.data
    paid = [one["target_id"] for one in data.get("parts", ()) if one["target_id"]]
    shares = [one["receipt_id"] for one in data.get("shares", ())]
    given = [data.get("payment_id"), data.get("receipt_id"), *paid, *shares]
    return next(UUID(str(one)) for one in (*given, event.subject_id) if one)


def _data(event: Event) -> dict[str, Any]:
    data = {name: event.data[name] for name in _TOLD if event.data.get(name) is not None}
    if event.owner_id is not None:
        data["vendor_id"] = str(event.owner_id)
    if event.data.get("place_id"):
        data["stall_id"] = event.data["place_id"]
    if "parts" in event.data:
        data["parts"] = [
            {name: one[name] for name in ("kind", "amount_vnd", "target_id")}
            for one in event.data["parts"]
        ]
        data["receipt_ids"] = [one["receipt_id"] for one in event.data["shares"]]
    return data


def _body(kind: str, data: dict[str, Any], at: datetime) -> str:
    said = {"type": kind, "timestamp": at.isoformat(), "data": data}
    return json.dumps(said, ensure_ascii=False, separators=(",", ":"))
