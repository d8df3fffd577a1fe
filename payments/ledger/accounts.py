"""The chart of accounts: kinds, normal sides, identities and limits. Pure."""

from enum import StrEnum
from functools import lru_cache
from uuid import UUID, uuid5

import msgspec

LANES = 64
"""Lanes of the hot path: every hot key leads with its owner's lane."""
_NAMESPACE = UUID("6f1d5b0a-3c5e-5d43-9a55-0c6a4d4f4e31")
_IDS_KEPT = 100_000


class AccountKind(StrEnum):
    """What an account of one owner counts."""

    BANK = "bank"
    """Money on the owner's own bank account, as far as notices told us; place: the payee's id."""
    ACQUIRER = "acquirer"
    """What an acquirer took for the owner and owes; place: the gateway."""
    CASH = "cash"
    SALES = "sales"
    """Takings: only money of complete sales."""
    REFUNDS = "refunds"
    FEES = "fees"
    CHARGES = "charges"
    """An operator's own revenue: rent, power, water, cleaning, entry."""
    SUSPENSE = "suspense"
    """Money that came and waits for its meaning; place "test" for test payments."""


DEBIT_NORMAL = frozenset(
    {
        AccountKind.BANK,
        AccountKind.ACQUIRER,
        AccountKind.CASH,
        AccountKind.REFUNDS,
        AccountKind.FEES,
    }
)
"""Kinds that grow by debits; the others grow by credits."""
NEVER_BELOW_ZERO = frozenset({AccountKind.SALES, AccountKind.CHARGES, AccountKind.SUSPENSE})
"""Kinds out of which no more can be taken than came in."""
TEST = "test"
"""Place of the suspense account that test payments end on."""
OPENED_AT_ONCE = (
    (AccountKind.CASH, ""),
    (AccountKind.SALES, ""),
    (AccountKind.REFUNDS, ""),
    (AccountKind.FEES, ""),
    (AccountKind.CHARGES, ""),
    (AccountKind.SUSPENSE, ""),
    (AccountKind.SUSPENSE, TEST),
)


class AccountName(msgspec.Struct, frozen=True):
    """Who an account belongs to and what it counts; its id follows from these three."""

    owner_id: UUID
    kind: AccountKind
    place: str = ""

    @property
    def id(self) -> UUID:
        """The account's id."""
        return account_id(self.owner_id, self.kind, self.place)


@lru_cache(maxsize=_IDS_KEPT)
def account_id(owner_id: UUID, kind: str, place: str = "") -> UUID:
    """The id of an owner's account: always the same, so nobody has to look it up."""
    return uuid5(_NAMESPACE, f"{owner_id}:{kind}:{place}")


def debit_sign(kind: str) -> int:
    """+1 where a debit makes the balance larger, -1 where it makes it smaller."""
    return 1 if kind in DEBIT_NORMAL else -1


def lane_of(owner_id: UUID) -> int:
    """The lane all rows of an owner live in, 0..63; it never changes."""
    return owner_id.int % LANES


def balance_vnd_min(kind: AccountKind) -> int | None:
    """The limit a new account of this kind gets."""
    return 0 if kind in NEVER_BELOW_ZERO else None
