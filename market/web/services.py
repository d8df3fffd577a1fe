"""What the busiest handlers need, as one dependency: each further one is a task a request."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import payments
from market.db import Database
from market.flows.quick_sale import QuickSales
from market.gateways import Gateways
from market.joint import Joint
from market.sessions import Session
from market.settings import Settings


@dataclass(frozen=True)
class Services:
    """The process's own database, ledger, partners and clock, and what is asked together."""

    database: Database
    ledger: payments.Ledger
    gateways: Gateways
    settings: Settings
    sessions: Joint[str, Session | None]
    """By the token of the cookie."""
    quick_sales: QuickSales
    now: Callable[[], datetime]
