"""Which demo vendors issue e-invoices: those who invoice every sale, and the start page's vendor."""

from datetime import datetime

from sqlalchemy import text

import einvoice
from market import clock, consents
from market.db import Database
from market.flows import invoice
from market.settings import Settings

SELLERS_MAX = 12
"""Each has a key of its own; making one takes a moment."""

_WISHED = text(
    "SELECT v.id, v.person_id, v.name, v.tax_id, bool_or(m.id IS NOT NULL) AS is_start"
    " FROM market.vendor v JOIN market.stall s ON s.vendor_id = v.id"
    " JOIN market.stand d ON d.stall_id = s.id AND d.retired_at IS NULL"
    " LEFT JOIN market.membership m ON m.scope_id = v.id AND m.role = 'helper'"
    " WHERE s.invoice_mode = 'each_sale' OR m.id IS NOT NULL"
    " GROUP BY v.id, v.person_id, v.name, v.tax_id ORDER BY is_start DESC, v.id LIMIT :most"
)
_NUMBER = text("UPDATE market.vendor SET tax_id = :tax_id WHERE id = :id AND tax_id = ''")


async def register(database: Database, settings: Settings, now: datetime) -> int:
    """Each of them agrees and asks the simulated tax authority for a registration, once; how many did now.

    Their tax ids begin with Thanh Hóa's 038 and are nobody's.
    """
    async with database.as_system() as db:
        wished = (await db.execute(_WISHED, {"most": SELLERS_MAX})).all()
    count = 0
    for number, vendor in enumerate(wished):
        tax_id = vendor.tax_id or f"03800000{number + 1:04d}"
        async with database.as_system() as db:
            if await einvoice.registration_of(db, tax_id) is not None:
                continue
            await db.execute(_NUMBER, {"tax_id": tax_id, "id": vendor.id})
            await consents.give(
                db, vendor.person_id, ["payments", "invoices"], day=clock.local_day(now), now=now,
                channel="assisted", assisted_by=None,
            )  # fmt: skip
            await invoice.register_seller(db, settings, vendor.id, now=now)
        count += 1
    return count
