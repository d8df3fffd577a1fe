"""How money stands in the books of the simulated Stripe: what comes, its fee, what goes back."""

from datetime import datetime
from typing import Any

from market import ids

Json = dict[str, Any]
FEE_BASIS_POINTS, FEE_FIXED = 260, {"vnd": 2_500, "usd": 30}
"""As `payments/data/fees.toml` has it, so that a day reconciles; the tax on it is in it."""
AVAILABLE_SECONDS = 2 * 24 * 3600
_BACK = {"refund": "refund_failure", "dispute": "dispute_reversal"}


def balance_transaction(thing: Json, now: datetime, *, is_back: bool = False) -> Json:
    """How a charge, refund or dispute stands in the account's books; the fee is kept on refunds.

    `is_back`: the refund failed or the dispute was won, and its money is the account's again.
    """
    kind, sign = thing["object"], 1 if is_back or thing["object"] == "charge" else -1
    amount, fee = sign * int(thing["amount_captured" if kind == "charge" else "amount"]), 0
    if kind == "charge":
        fee = (amount * FEE_BASIS_POINTS + 5_000) // 10_000 + FEE_FIXED[thing["currency"]]
    return {
        "id": f"txn_{ids.new().hex}",
        "object": "balance_transaction",
        "amount": amount,
        "available_on": int(now.timestamp()) + AVAILABLE_SECONDS,
        "created": int(now.timestamp()),
        "currency": thing["currency"],
        "exchange_rate": None,
        "fee": fee,
        "net": amount - fee,
        "reporting_category": _BACK[kind] if is_back else kind,
        "source": thing["id"],
        "status": "pending",
        "type": "adjustment" if kind == "dispute" else _BACK[kind] if is_back else kind,
    }
