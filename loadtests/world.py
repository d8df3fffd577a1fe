"""Who may be played in the market under load, read from its database before the start; its bank's words."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import psycopg

from payments import banks


@dataclass(frozen=True)
class Stall:
    """A stall with a code, its vendor, and the account its money goes to."""

    person_id: str
    stall_id: str
    account_no: str
    bank: str
    memo: str
    """On the printed stand."""


@dataclass(frozen=True)
class Ward:
    """A ward and an official of it."""

    person_id: str
    unit_id: str


def stalls(database_url: str) -> list[Stall]:
    """Every stall that can be paid by its printed code."""
    with psycopg.connect(database_url) as connection:
        rows = connection.execute(
            "SELECT v.person_id::text, s.id::text, a.account_no, a.bank_bin, c.memo"
            " FROM market.stall s JOIN market.vendor v ON v.id = s.vendor_id"
            " JOIN market.stand c ON c.stall_id = s.id AND c.retired_at IS NULL"
            " JOIN market.payee_account a ON a.id = c.payee_account_id ORDER BY s.id"
        ).fetchall()
    return [Stall(*row) for row in rows]


def wards(database_url: str) -> list[Ward]:
    """Every ward that has an official."""
    with psycopg.connect(database_url) as connection:
        rows = connection.execute(
            "SELECT person_id::text, scope_id::text FROM market.membership"
            " WHERE role = 'official' ORDER BY scope_id"
        ).fetchall()
    return [Ward(*row) for row in rows]


def notice(number: int, stall: Stall, amount_vnd: int, memo: str) -> bytes:
    """A transfer to the stall as SePay tells of it; `number` is its id there."""
    at = datetime.now(UTC) + timedelta(hours=7)  # noqa: TID251 - a bank has its own clock
    told = {
        "id": number,
        "gateway": banks.bank(stall.bank).short_name,
        "transactionDate": f"{at:%Y-%m-%d %H:%M:%S}",
        "accountNumber": stall.account_no,
        "subAccount": None,
        "code": None,
        "content": memo,
        "transferType": "in",
        "transferAmount": amount_vnd,
        "accumulated": 0,
        "referenceCode": f"LT{number}",
        "description": memo,
    }
    return json.dumps(told).encode()
