"""What the two busiest handlers need, as one dependency: each further one is a task a request."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import payments
from market.db import Database
from market.gateways import Gateways
from market.settings import Settings


@dataclass(frozen=True)
class Services:
    """The process's own database, ledger, partners and clock."""

    database: Database
    ledger: payments.Ledger
    gateways: Gateways
    settings: Settings
    now: Callable[[], datetime]
