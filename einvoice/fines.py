"""What missing or late invoices cost, and what a consumer gets who reports them. Pure.

Source: Decree 125/2020, Art. 24, as amended by Decree 310/2025; Decree 254/2026, Art. 41.5.
"""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from einvoice import amounts, rules


class Fault(StrEnum):
    """The value is the key of its rule."""

    NOT_ISSUED = "fine_not_issued"
    """Art. 24.3; the missing invoices must still be issued."""
    WRONG_TIME = "fine_wrong_time"
    """Art. 24.2."""


@dataclass(frozen=True)
class Fine:
    """The bracket of one case; many acts in one case count as one at the bracket of their number."""

    vnd_min: int
    vnd_max: int
    usual_vnd: int
    """The middle, before circumstances."""
    source: str


def fine_of(fault: Fault, count: int, on: date, *, circumstances: int = 0) -> Fine | None:
    """The bracket for `count` invoices; None for none.

    `circumstances`: aggravating less mitigating, 10 % each, never out of the bracket. Whether
    households pay half of this is not settled: a dated setting holds the share, now 100 %.
    """
    if count < 1:
        return None
    row = rules.rule(fault.value, on)
    brackets = rules.table(fault.value, on)
    bracket = [one for one in brackets if one["count_min"] <= count][-1]
    share = rules.amount("fine_household_share_percent", on)
    low, high = (bracket[name] * share // 100 for name in ("vnd_min", "vnd_max"))
    step = rules.amount("fine_circumstance_percent", on)
    middle = (low + high) // 2
    usual = min(high, max(low, middle + middle * step * circumstances // 100))
    return Fine(low, high, usual, row.source)


def reward_vnd_max(fine_vnd: int, on: date) -> int:
    """What a consumer who reported the seller gets at most."""
    share = rules.amount("reporter_reward_percent", on)
    part = amounts.rounded(fine_vnd * share) // 100
    return min(rules.amount("reporter_reward_vnd_max", on), part)
