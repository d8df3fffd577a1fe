"""Goods listed here travel to the channels: pending operations are sent, verdicts taken in."""

import random
from typing import Any

import catalog
from catalog.connectors.portal import PortalConnector
from market import outgoing
from market.flows.context import Context

PORTAL = "portal"
TIMEOUT_SECONDS = 10
ROUNDS_MAX = 20
"""Rounds of one job; what is left waits for the next."""


async def sync_listings(context: Context, _: dict[str, Any]) -> None:
    """Job: one line of goods after the other, until nothing is due or the channel is out of reach."""
    settings = context.settings
    async with outgoing.client(base_url=settings.portal_url, timeout=TIMEOUT_SECONDS) as client:
        portal = PortalConnector(client, settings.portal_key, settings.base_url)
        for _round in range(ROUNDS_MAX):
            sent = await catalog.push(
                context.database.as_system,
                {PORTAL: portal},
                clock=context.now,
                jitter=random.random,
            )
            if not sent:
                return
