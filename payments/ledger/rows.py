"""What a batch writes, as rows of plain values in the order its statements take them. Pure."""

from typing import Any

import msgspec

from payments.ledger.items import Settling
from payments.payment import Payment
from payments.routing import Route
from payments.settlement import Settled


def receipt_row(item: Settling, routed: Route, settled: Settled) -> tuple[object, ...]:
    """For `INSERT_RECEIPTS`."""
    reading = item.reading
    told = reading.confirmation
    return (
        reading.business_date,
        settled.receipt_id,
        settled.owner_id,
        routed.payee_id,
        settled.payment_id,
        settled.suggested_id,
        settled.stand_id,
        settled.place_id,
        told.gateway,
        reading.provider_key,
        told.reference,
        told.amount_vnd,
        told.direction,
        settled.outcome.value,
        told.memo,
        told.account_no,
        told.bank_bin,
        told.payment_ref,
        told.detail,
        reading.digest,
        told.occurred_at,
        item.now,
    )


def event_data(
    item: Settling, settled: Settled, payment: Payment | None, *, booked_vnd: int
) -> dict[str, Any]:
    """What the event of a receipt says; reactions rely on every key being there."""
    told = item.reading.confirmation
    return {
        "receipt_id": settled.receipt_id,
        "payment_id": settled.payment_id,
        "suggested_id": settled.suggested_id,
        "stand_id": settled.stand_id,
        "owner_id": settled.owner_id,
        "place_id": settled.place_id,
        "gateway": told.gateway,
        "outcome": settled.outcome.value,
        "amount_vnd": settled.amount_vnd,
        "asked_vnd": settled.asked_vnd,
        "received_vnd": settled.received_vnd,
        "booked_vnd": booked_vnd,
        "memo": told.memo,
        "occurred_at": told.occurred_at.isoformat(),
        "purpose": payment.purpose if payment else "sale",
    }


def json_text(data: dict[str, Any]) -> str:
    """An event's data for a jsonb column; ids become texts."""
    return msgspec.json.encode(data).decode()
