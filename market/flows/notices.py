"""What a webhook missed is pulled from each provider's list, on start and on schedule; what is old goes."""

import asyncio
from typing import Any

import structlog
from sqlalchemy import text

import payments
from market import ids, outgoing
from market.flows.context import Context
from market.flows.ledgers import ledger_of
from market.gateways import gateways_of
from payments.gateways import GatewayError, Listed, Page, TransferList

CHUNK = 200
"""Rows that are settled together: the ledger commits them in one batch."""
_POSITION = text(
    "SELECT coalesce((SELECT position FROM market.relay_position WHERE consumer = :consumer), 0)"
)
_MOVE = text(
    "INSERT INTO market.relay_position (consumer, position, moved_at)"
    " VALUES (:consumer, :position, :now)"
    " ON CONFLICT (consumer) DO UPDATE SET position = EXCLUDED.position, moved_at = EXCLUDED.moved_at"
    " WHERE relay_position.position < EXCLUDED.position"
)

log = structlog.get_logger("market.notices")


async def pull_missed_notices(context: Context, _: dict[str, Any]) -> None:
    """Job: settle every listed transfer after the last one seen; what came by webhook is told apart.

    Each account's position moves only after what was read is durable, so a crash pulls it again and
    changes nothing. An account whose list fails keeps its position and costs the others nothing.
    """
    async with outgoing.client() as http:
        lists = gateways_of(context.settings).lists(http)
        if not lists:
            return
        async with ledger_of(context) as ledger:
            await asyncio.gather(*(_pull(context, ledger, one) for one in lists))


async def forget_notices(context: Context, _: dict[str, Any]) -> None:
    """Job: raw notices past their retention go; as the owner of the table, for nobody else may."""
    while await payments.forget_notices(context.database.url, now=context.now()):
        pass


async def _pull(context: Context, ledger: payments.Ledger, listed: TransferList) -> None:
    try:
        while not (await _pull_page(context, ledger, listed)).is_last:
            pass
    except (GatewayError, payments.LedgerError) as failed:  # asked again on the next tick
        log.warning("a list was not read", gateway=listed.name, error=failed.code)


async def _pull_page(context: Context, ledger: payments.Ledger, listed: TransferList) -> Page:
    async with context.database.as_system() as db:
        found = await db.execute(_POSITION, {"consumer": listed.key})
        position = int(found.scalar_one())
    page = await listed.page(position, context.now())
    for start in range(0, len(page.rows), CHUNK):
        rows = page.rows[start : start + CHUNK]
        await asyncio.gather(*(_settle(context, ledger, listed.name, row) for row in rows))
    if page.position > position:
        async with context.database.as_system() as db:
            where = {"consumer": listed.key, "position": page.position, "now": context.now()}
            await db.execute(_MOVE, where)
    return page


async def _settle(context: Context, ledger: payments.Ledger, gateway: str, row: Listed) -> None:
    """Record what a row says and keep it raw if it is news. A row nobody can read stops no other."""
    if row.told is None:
        return
    if isinstance(row.told, GatewayError):
        await _keep(context, gateway, row.raw, "malformed", f"listed: {row.told}")
        return
    try:
        settled = await ledger.settle(row.told, receipt_id=ids.new(), now=context.now())
    except (payments.ConfirmationInvalid, payments.SettlementFailed) as failed:
        await _keep(context, gateway, row.raw, "malformed", f"listed: {failed}")
        return
    if settled.outcome is not payments.SettlementOutcome.ALREADY_SEEN:
        await _keep(context, gateway, row.raw, "verified", "listed")


async def _keep(context: Context, gateway: str, raw: bytes, verdict: Any, reason: str) -> None:
    async with context.database.as_system() as db:
        await payments.keep_notice(
            db, ids.new(), gateway, {}, raw, verdict, reason, now=context.now()
        )
