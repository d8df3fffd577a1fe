"""What a gateway verified in a provider's notice: plain facts, no wire format."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal


@dataclass(frozen=True, slots=True)
class Confirmation:
    """One movement of money (or its failure) that a provider reported and we verified."""

    gateway: str
    """"sepay", "vnpay", "stripe", …: who said so."""
    provider_id: str
    """The gateway's own id of this movement: never two movements under one id."""
    amount_vnd: int
    """Whole đồng, positive."""
    occurred_at: datetime
    """When the provider says it happened; aware."""
    direction: Literal["in", "out"] = "in"
    succeeded: bool = True
    """False where an acquirer reports that the payment failed or was cancelled."""
    reference: str = ""
    """The bank's reference; two sources that report one transfer share it. Empty if none."""
    memo: str = ""
    """The transfer's text as the bank reports it."""
    account_no: str = ""
    """The account that received it; empty on the acquired road."""
    bank_bin: str = ""
    """The receiving bank, six digits; empty where the notice does not say."""
    payment_ref: str = ""
    """Our own reference echoed by an acquirer (vnp_TxnRef, Stripe metadata); empty if direct."""
    detail: str = ""
    """The provider's own status code, for people."""
