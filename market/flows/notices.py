"""What a webhook missed is pulled from the provider's list, on start and on schedule."""

from typing import Any

import httpx
from sqlalchemy import text

from market import ids
from market.flows.context import Context
from market.flows.ledgers import ledger_of
from market.settings import secret
from payments.gateways import GatewayUnavailable, Secrets
from payments.gateways.sepay import SePayClient, confirmation_of

CONSUMER = "sepay.list"
PAGE = 500

_POSITION = text(
    "SELECT coalesce((SELECT position FROM market.relay_position WHERE consumer = :consumer), 0)"
)
_MOVE = text(
    "INSERT INTO market.relay_position (consumer, position, moved_at)"
    " VALUES (:consumer, :position, :now)"
    " ON CONFLICT (consumer) DO UPDATE SET position = EXCLUDED.position, moved_at = EXCLUDED.moved_at"
    " WHERE relay_position.position < EXCLUDED.position"
)


async def pull_missed_notices(context: Context, _: dict[str, Any]) -> None:
    """Job: settle every listed transfer after the last one seen; what came by webhook is told apart.

    The position moves only after the page is durable, so a crash pulls it again and changes nothing.
    """
    key = secret(context.settings, "sepay_secret")
    if not key:
        return
    async with httpx.AsyncClient() as http, ledger_of(context) as ledger:
        client = SePayClient(context.settings.bank_url, Secrets(key), http)
        while True:
            async with context.database.as_system() as db:
                since = int((await db.execute(_POSITION, {"consumer": CONSUMER})).scalar_one())
            try:
                page = await client.transactions_since(since, PAGE)
            except GatewayUnavailable:
                return  # asked again on the next tick
            for transaction in page:
                confirmation = confirmation_of(transaction)
                if confirmation is not None:
                    await ledger.settle(confirmation, receipt_id=ids.new(), now=context.now())
            if not page:
                return
            async with context.database.as_system() as db:
                where = {"consumer": CONSUMER, "position": page[-1].id, "now": context.now()}
                await db.execute(_MOVE, where)
