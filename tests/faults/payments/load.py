"""A till that never stops: posts cash and confirmations, prints each id once it is acknowledged.

Run as a process of its own, to be killed: `python load.py URL OWNER_ID`.
"""

import asyncio
import sys
from datetime import UTC, datetime
from uuid import UUID

import payments
from market import ids

NOW = datetime(2026, 11, 23, 3, 17, 22, tzinfo=UTC)


async def cash(ledger: payments.Ledger, owner_id: UUID) -> None:
    while True:
        sale = payments.CashSale(id=ids.new(), owner_id=owner_id, amount_vnd=7, occurred_at=NOW)
        await ledger.record_cash(sale, now=NOW)
        print("cash", sale.id, flush=True)  # noqa: T201 - its output is what the test reads


async def notices(ledger: payments.Ledger) -> None:
    while True:
        provider_id = str(ids.new())
        confirmation = payments.Confirmation(
            "sepay", provider_id, 11, NOW, account_no="9990001112223", bank_bin="970436"
        )
        await ledger.settle(confirmation, receipt_id=ids.new(), now=NOW)
        print("notice", provider_id, flush=True)  # noqa: T201 - as above


async def main(url: str, owner_id: UUID) -> None:
    ledger = payments.Ledger(url, "market_system")
    await ledger.start()
    await asyncio.gather(*[cash(ledger, owner_id) for _ in range(20)], *[notices(ledger)] * 1)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], UUID(sys.argv[2])))
