"""What a batch's confirmations are about: read and locked before anything is decided."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import msgspec

from payments import settlement
from payments.ledger import statements
from payments.ledger.items import Settling
from payments.ledger.rows import columns
from payments.payment import Payment, PaymentState
from payments.settlement import CodeEntry, PayeeEntry, Route


class Seen(msgspec.Struct, frozen=True):
    """A receipt that stands already, as far as a repeat of it needs to know."""

    id: UUID
    digest: bytes
    amount_vnd: int
    outcome: str
    payment_id: UUID | None
    suggested_id: UUID | None
    stand_id: UUID | None
    owner_id: UUID | None
    place_id: UUID | None


@dataclass(slots=True)
class Found:
    """What a batch's confirmations touch, as read under its locks."""

    payments: dict[UUID, Payment] = field(default_factory=dict)
    routes: dict[int, Route] = field(default_factory=dict)
    """By the item's `id()`."""
    waiting: dict[UUID, list[Payment]] = field(default_factory=dict)
    by_provider: dict[tuple[str, str], Seen] = field(default_factory=dict)
    by_reference: dict[tuple[str, str], Seen] = field(default_factory=dict)


async def find(connection: Any, items: Sequence[Settling]) -> Found:
    """Who and what the confirmations are about; locks their payments in id order."""
    found = Found()
    payees = await _payees(connection, items)
    codes = await _codes(connection, items)
    ids: set[UUID] = set()
    for item in items:
        owners = {payee.owner_id for payee in payees.get(_account_no(item), ())}
        if item.reading.payment_id:
            ids.add(item.reading.payment_id)
        for code in item.reading.codes:
            for entry in codes.get(code, ()):
                if entry.kind == "payment" and (
                    item.reading.is_acquired or entry.owner_id in owners
                ):
                    ids.add(entry.subject_id)
    if ids:
        rows = await connection.fetch(statements.LOCK_PAYMENTS, list(ids))
        found.payments = {row["id"]: _payment(row) for row in rows}
    for item in items:
        found.routes[id(item)] = settlement.route(
            item.reading, payees.get(_account_no(item), ()), codes, found.payments
        )
    await _find_waiting(connection, items, found)
    return found


async def _payees(connection: Any, items: Sequence[Settling]) -> dict[str, list[PayeeEntry]]:
    numbers = {_account_no(item) for item in items} - {""}
    found: dict[str, list[PayeeEntry]] = {}
    if numbers:
        for row in await connection.fetch(statements.PAYEES, list(numbers)):
            found.setdefault(row["account_no"], []).append(
                PayeeEntry(row["id"], row["owner_id"], row["bank_bin"], row["is_retired"])
            )
    return found


async def _codes(connection: Any, items: Sequence[Settling]) -> dict[str, list[CodeEntry]]:
    wanted = {code for item in items for code in item.reading.codes}
    found: dict[str, list[CodeEntry]] = {}
    if wanted:
        for row in await connection.fetch(statements.CODES, list(wanted)):
            found.setdefault(row["code"], []).append(CodeEntry(*row))
    return found


async def _find_waiting(connection: Any, items: Sequence[Settling], found: Found) -> None:
    """For money of a known owner and unknown meaning: what it may have been meant for."""
    routes = (found.routes[id(item)] for item in items)
    owners = {
        routed.owner_id
        for routed in routes
        if routed.owner_id and routed.payment_id is None and routed.stand is None
    }
    if owners:
        for row in await connection.fetch(statements.WAITING_PAYMENTS, list(owners)):
            found.waiting.setdefault(row["owner_id"], []).append(_payment(row))


async def find_seen(connection: Any, items: Sequence[Settling], found: Found) -> None:
    """Confirmations told before. Read after the locks: who told them first has committed."""
    providers = {
        (one.business_date, one.confirmation.gateway, one.provider_key)
        for one in (item.reading for item in items)
    }
    rows = await connection.fetch(statements.SEEN_BY_PROVIDER, *columns(providers, 3))
    found.by_provider = _seen(rows)
    references = {
        (item.reading.business_date, *key)
        for item in items
        if (key := item.reading.reference_key) is not None
    }
    if references:
        rows = await connection.fetch(statements.SEEN_BY_REFERENCE, *columns(references, 3))
        found.by_reference = _seen(rows)


def _account_no(item: Settling) -> str:
    return item.reading.confirmation.account_no


def _seen(rows: Iterable[Any]) -> dict[tuple[str, str], Seen]:
    return {(row[0], row[1]): Seen(*row[2:]) for row in map(tuple, rows)}


def _payment(row: Any) -> Payment:
    fields = dict(row)
    return Payment(**{**fields, "state": PaymentState(fields["state"])})
