"""What the market acknowledged, by our own book, and whether its ledger says the same."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import psycopg


@dataclass
class Journal:
    """Our own book of one run: written only after the answer said yes."""

    notices: dict[str, int] = field(default_factory=dict)
    """Amount in đồng by the bank's id of the transfer."""
    cash: dict[str, int] = field(default_factory=dict)
    """Amount in đồng by the id of the sale."""


_NOTICES = """
SELECT w.provider_id, w.amount_vnd, count(DISTINCT r.id), count(t.id),
       coalesce(sum(t.amount_vnd), 0)::bigint
FROM unnest(%s::text[], %s::bigint[]) AS w (provider_id, amount_vnd)
LEFT JOIN payments.receipt r ON r.gateway = 'sepay' AND r.provider_id = w.provider_id
LEFT JOIN payments.transfer t ON t.subject_id = r.id
GROUP BY 1, 2
HAVING count(DISTINCT r.id) <> 1 OR count(t.id) <> 1
    OR coalesce(sum(t.amount_vnd), 0) <> w.amount_vnd
"""
_CASH = """
SELECT w.id::text, w.amount_vnd, count(t.id), coalesce(sum(t.amount_vnd), 0)::bigint
FROM unnest(%s::uuid[], %s::bigint[]) AS w (id, amount_vnd)
LEFT JOIN payments.transfer t ON t.subject_id = w.id
GROUP BY 1, 2
HAVING count(t.id) <> 1 OR coalesce(sum(t.amount_vnd), 0) <> w.amount_vnd
"""


def wrong_in(database_url: str, journal: Journal) -> Iterator[str]:
    """A sentence for each acknowledged payment that is not in the ledger exactly once."""
    with psycopg.connect(database_url) as connection:
        notices = connection.execute(
            _NOTICES, (list(journal.notices), list(journal.notices.values()))
        )
        for provider_id, amount_vnd, receipts, transfers, posted_vnd in notices.fetchall():
            yield (
                f"transfer {provider_id} of {amount_vnd} đ was acknowledged:"
                f" {receipts} receipts, {transfers} postings of {posted_vnd} đ"
            )
        cash = connection.execute(_CASH, (list(journal.cash), list(journal.cash.values())))
        for sale_id, amount_vnd, transfers, posted_vnd in cash.fetchall():
            yield (
                f"cash sale {sale_id} of {amount_vnd} đ was acknowledged:"
                f" {transfers} postings of {posted_vnd} đ"
            )
