"""What an acquirer keeps: fee schedules as dated data, and their arithmetic in whole đồng. Pure.

Each row is rounded by itself, half up, and the sum of the rows binds: a fee of the sum may differ.
A contract may become known after it began to hold: ask with `known_on` for what was known then.
"""

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.resources import files
from typing import Any, Literal

from payments.errors import PaymentError

WHOLE = 10_000
"""Basis points in one."""
ANY_BANK = "*"


class FeeUnknown(PaymentError):
    """No schedule says what this acquirer keeps on that day by that channel."""

    code = "fee_unknown"

    def __init__(self, acquirer: str, bank_code: str, on: date) -> None:
        super().__init__(f"No fee schedule of {acquirer} for “{bank_code}” on {on}.")
        self.acquirer = acquirer
        self.bank_code = bank_code
        self.on = on.isoformat()


class FeeScheduleInvalid(PaymentError):
    """A schedule that no contract can mean; `reason` says what is wrong."""

    code = "fee_schedule_invalid"

    def __init__(self, channel: str, reason: str) -> None:
        super().__init__(f"The fee schedule “{channel}” cannot be: {reason}.")
        self.channel = channel
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Fee:
    """What one row costs, and the VAT on it."""

    fee_vnd: int
    vat_vnd: int

    @property
    def total_vnd(self) -> int:
        """What is taken off the amount."""
        return self.fee_vnd + self.vat_vnd


@dataclass(frozen=True, slots=True, kw_only=True)
class FeeSchedule:
    """One channel's price during one period, as known from one day on."""

    acquirer: str
    channel: str
    bank_codes: tuple[str, ...]
    """As the acquirer's file names the payer's bank; `ANY_BANK` is every other one."""
    basis_points: int
    fixed_vnd: int = 0
    min_vnd: int = 0
    max_vnd: int = 0
    """0 is no maximum."""
    vat_basis_points: int = 0
    refund: Literal["kept", "returned"] = "kept"
    """Whether the fee of what is given back is given back too."""
    valid_from: date = date.min
    valid_to: date | None = None
    known_from: date = date.min
    source: str = ""

    def __post_init__(self) -> None:
        """Raises: FeeScheduleInvalid."""
        amounts = (self.basis_points, self.fixed_vnd, self.min_vnd, self.max_vnd)
        if min(*amounts, self.vat_basis_points) < 0:
            raise FeeScheduleInvalid(self.channel, "a part is negative")
        if self.basis_points > WHOLE or self.vat_basis_points > WHOLE:
            raise FeeScheduleInvalid(self.channel, "a share is over the whole")
        if self.max_vnd and self.min_vnd > self.max_vnd:
            raise FeeScheduleInvalid(self.channel, "the smallest fee is over the largest")
        if self.refund not in ("kept", "returned"):
            raise FeeScheduleInvalid(self.channel, f"“{self.refund}” is no way to treat refunds")

    def holds_on(self, day: date, known_on: date | None) -> bool:
        """Whether it is in force that day, and was known."""
        is_valid = self.valid_from <= day and (self.valid_to is None or day <= self.valid_to)
        return is_valid and (known_on is None or self.known_from <= known_on)


def share_vnd(amount_vnd: int, basis_points: int) -> int:
    """So many basis points of an amount, rounded half up to the đồng."""
    assert amount_vnd >= 0
    assert basis_points >= 0
    return (amount_vnd * basis_points + WHOLE // 2) // WHOLE


def fee_of(schedule: FeeSchedule, amount_vnd: int, txn_type: str = "PAYMENT") -> Fee:
    """What a row of this signed amount costs.

    A payment costs its fee; what is given back costs nothing, or returns the same fee where the
    contract says so; a chargeback or an adjustment is told by the acquirer alone. May be more than
    the amount: a fixed fee of a tiny sale.
    """
    if txn_type == "PAYMENT":
        assert amount_vnd >= 0
        return _fee(schedule, amount_vnd)
    if txn_type == "REFUND" and schedule.refund == "returned":
        fee = _fee(schedule, -amount_vnd)
        return Fee(-fee.fee_vnd, -fee.vat_vnd)
    return Fee(0, 0)


def _fee(schedule: FeeSchedule, amount_vnd: int) -> Fee:
    fee_vnd = share_vnd(amount_vnd, schedule.basis_points) + schedule.fixed_vnd
    fee_vnd = max(fee_vnd, schedule.min_vnd)
    if schedule.max_vnd:
        fee_vnd = min(fee_vnd, schedule.max_vnd)
    return Fee(fee_vnd, share_vnd(fee_vnd, schedule.vat_basis_points))


def schedules_of(
    acquirer: str,
    day: date,
    known_on: date | None = None,
    rows: Iterable[FeeSchedule] | None = None,
) -> dict[str, FeeSchedule]:
    """The schedule in force by bank code, `ANY_BANK` among them; empty for an unknown acquirer.

    Of several rows for one code the one that became known last is right.
    """
    found: dict[str, FeeSchedule] = {}
    for row in sorted(all_schedules() if rows is None else rows, key=lambda one: one.known_from):
        if row.acquirer == acquirer and row.holds_on(day, known_on):
            found |= dict.fromkeys(row.bank_codes, row)
    return found


def schedule_for(
    acquirer: str, bank_code: str, day: date, known_on: date | None = None
) -> FeeSchedule:
    """The schedule of one row of a file.

    Raises: FeeUnknown.
    """
    known = schedules_of(acquirer, day, known_on)
    found = known.get(bank_code, known.get(ANY_BANK))
    if found is None:
        raise FeeUnknown(acquirer, bank_code, day)
    return found


@cache
def all_schedules() -> tuple[FeeSchedule, ...]:
    """Every row of the shipped file."""
    return read_schedules(files("payments").joinpath("data", "fees.toml").read_text("utf-8"))


def read_schedules(text: str) -> tuple[FeeSchedule, ...]:
    """Schedules from TOML, in the shipped file's form.

    Raises: FeeScheduleInvalid.
    """
    try:
        rows: list[dict[str, Any]] = tomllib.loads(text).get("fee", [])
        return tuple(FeeSchedule(**row | {"bank_codes": tuple(row["bank_codes"])}) for row in rows)
    except (tomllib.TOMLDecodeError, KeyError, TypeError) as wrong:
        raise FeeScheduleInvalid("?", str(wrong)) from wrong
