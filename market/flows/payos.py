"""A sale's payOS link, for stalls whose bank account is behind payOS: opened once, never by guess.

An attempt is written down before payOS hears of it, so an answer that was lost is asked for: by the next
visit, and by the job that asks acquirers. What came is settled as payOS's own notice would have it.
"""

from datetime import datetime
from typing import Literal
from uuid import UUID

import httpx
from sqlmodel import select

import payments
from market import ids
from market.db import Database
from market.errors import SaleFinal
from market.flows import attempts
from market.flows.sale import OPEN_FOR
from market.tables import GatewayAttemptRow, SaleRow
from payments.gateways import GatewayRefused
from payments.gateways.payos_links import LinkOrder, LinkStatus, PayOSAccount, PayOSLinks

TRIES_BITS = 3
"""A link that the payer closed may be followed by another one, eight in all."""
_PAYMENT_BITS = 50
NO_SUCH_ORDER, ORDER_TAKEN = "101", "231"
State = Literal["redirected", "settled", "failed"]
_OVER = frozenset({"CANCELLED", "EXPIRED", "FAILED"})


def order_code(payment_id: UUID, attempt: int) -> int:
    """The number payOS knows an attempt by: always the same, from the id's random end."""
    assert 0 <= attempt < 1 << TRIES_BITS
    return (payment_id.int % (1 << _PAYMENT_BITS) << TRIES_BITS) + attempt or 1


async def checkout_url(
    database: Database, http: httpx.AsyncClient, account: PayOSAccount, row: SaleRow,
    back_url: str, *, now: datetime,
) -> str:  # fmt: skip
    """Where the payer pays this sale at payOS; asked twice, it is the same link.

    Raises: GatewayUnavailable where payOS did not answer: the link may stand, and is asked for next
    time; SaleFinal after too many closed links; what `PayOSLinks` raises else.
    """
    assert row.payment_id is not None
    links = PayOSLinks(account, http)
    for attempt in range(1 << TRIES_BITS):
        number = order_code(row.payment_id, attempt)
        order = LinkOrder(
            number, row.amount_vnd, row.memo, back_url, back_url, row.recorded_at + OPEN_FOR
        )
        is_new = await _begin(database, row.payment_id, account.name, number, now)
        told = None if is_new else await _known(links, number, now)
        if told is None:
            try:
                return (await links.open(order)).checkout_url
            except GatewayRefused as refused:
                if refused.reason != ORDER_TAKEN:
                    raise
            told = await links.look_up(number, now)  # somebody else was faster
        if told.amount_vnd == row.amount_vnd and told.status not in _OVER:
            return f"{account.page_url}/{told.id}"
        await _end(database, row.payment_id, account.name, number)
    raise SaleFinal(row.id, row.state)


async def ask(
    http: httpx.AsyncClient, account: PayOSAccount, ledger: payments.Ledger,
    attempt: GatewayAttemptRow, *, now: datetime,
) -> State:  # fmt: skip
    """Settle all that came by an attempt's link; how the attempt stands by that.

    Raises: what `PayOSLinks.look_up` does; then nothing is known.
    """
    told = await _known(PayOSLinks(account, http), int(attempt.reference), now)
    if told is None:  # it never arrived there; the payer's next visit opens it
        return "failed" if now - attempt.begun_at > OPEN_FOR else "redirected"
    for movement in told.movements:
        await ledger.settle(movement, receipt_id=ids.new(), now=now)
    if told.status == "PAID":
        return "settled"
    return "failed" if told.status in _OVER else "redirected"


async def _known(links: PayOSLinks, number: int, now: datetime) -> LinkStatus | None:
    """The link as payOS has it; None where it says that there is none."""
    try:
        return await links.look_up(number, now)
    except GatewayRefused as refused:
        if refused.reason == NO_SUCH_ORDER:
            return None
        raise


async def _begin(
    database: Database, payment_id: UUID, gateway: str, number: int, now: datetime
) -> bool:
    """The attempt is written down; whether it is new."""
    async with database.as_system() as db:
        found = await db.exec(
            select(GatewayAttemptRow).where(
                GatewayAttemptRow.payment_id == payment_id,
                GatewayAttemptRow.gateway == gateway,
                GatewayAttemptRow.reference == str(number),
            )
        )
        if found.one_or_none() is not None:
            return False
        await attempts.begin(db, payment_id, gateway, str(number), now=now)
    return True


async def _end(database: Database, payment_id: UUID, gateway: str, number: int) -> None:
    async with database.as_system() as db:
        row = await db.get(
            GatewayAttemptRow, (payment_id, gateway, str(number)), with_for_update=True
        )
        if row is not None and row.state == "redirected":
            row.state = "failed"
            db.add(row)
