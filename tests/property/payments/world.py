"""Three owners and their accounts, the same in the model and in the database, and what they ask."""

from collections import deque
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from random import Random
from uuid import UUID

import msgspec

from payments import AccountKind, account_id
from payments.ledger.accounts import lane_of
from payments.ledger.orders import Hold, PostHold, Refund, Reversal, VoidHold
from payments.ledger.transfer import TRANSFER_VND_MAX, Transfer, TransferKind
from tests.property.payments.model import Account, Model

BEGAN = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)
FAR = datetime(2100, 1, 1, tzinfo=UTC)
LANES = (7, 12, 7)
"""Two of the three owners share a lane, and with it the ids."""
LIMITS = {
    AccountKind.BANK: {"low_vnd": -1_500, "out_vnd_max": 1_000},
    AccountKind.CASH: {"low_vnd": 0, "high_vnd": 600},
    AccountKind.SALES: {"low_vnd": 0},
    AccountKind.SUSPENSE: {"low_vnd": 0, "high_vnd": 300},
    AccountKind.REFUNDS: {"high_vnd": 6_000},
}
CALM_LEGS = (
    (AccountKind.BANK, AccountKind.SALES),
    (AccountKind.CASH, AccountKind.SALES),
    (AccountKind.SALES, AccountKind.CASH),
)
AMOUNTS_VND = (1, 7, 50, 100, 200, 400)
WRONG_AMOUNTS_VND = (0, -5, TRANSFER_VND_MAX + 1)
DEADLINE_HOURS = 6
BETWEEN_WORLDS = timedelta(days=10)
REMEMBERED = 40
"""How far back repeats and references reach."""


def identifier(world: int, number: int) -> UUID:
    """Shaped like a UUIDv7; every world has its own."""
    at_ms = int(BEGAN.timestamp() * 1_000) + number
    return UUID(int=at_ms << 80 | 7 << 76 | 2 << 62 | world << 32 | number)


class World:
    """`number` sets it apart from others in the same database."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.owner_ids = [
            UUID(int=number << 40 | 2 << 62 | index << 8 | lane) for index, lane in enumerate(LANES)
        ]
        self.far = FAR + number * BETWEEN_WORLDS
        """The first deadline of its holds; nobody else has deadlines near it."""
        self.lanes = sorted(set(LANES))
        self.model = Model()
        for owner_id in self.owner_ids:
            for kind, limits in LIMITS.items():
                self.model.accounts[account_id(owner_id, kind)] = Account(owner_id, kind, **limits)

    def open(self, connection) -> None:
        """The accounts stand in the database."""
        for opened_id, one in self.model.accounts.items():
            connection.execute(
                "INSERT INTO payments.account (lane, id, owner_id, kind, place, balance_vnd,"
                " balance_vnd_min, balance_vnd_max, out_vnd_max, opened_at)"
                " VALUES (%s, %s, %s, %s, '', 0, %s, %s, %s, %s)",
                (lane_of(one.owner_id), opened_id, one.owner_id, one.kind.value, one.low_vnd,
                 one.high_vnd, one.out_vnd_max, BEGAN),
            )  # fmt: skip

    def expire(self, connection, hours: int = DEADLINE_HOURS) -> list[str]:
        """The first deadlines, or all of them, pass; the holds that did not end by it."""
        at = self.far + timedelta(hours=hours)
        connection.execute("SELECT payments.expire_holds(%s, 1000000)", (at,))
        for key, held in self.model.held.items():
            if not held.outcome and held.hold.expires_at <= at:
                self.model.expire(*key)
        return self.differences(connection)

    def differences(self, connection) -> list[str]:
        """Where the rows of these owners are not what the model says."""
        stored = dict(self._rows(connection))
        expected = {
            ("account", account_id): _state(one) for account_id, one in self.model.accounts.items()
        }
        for key, moved in self.model.moved.items():
            expected["transfer", *key] = (moved.debit_id, moved.credit_id, moved.amount_vnd)
            if moved.given_back_vnd:
                expected["given back", *key] = moved.given_back_vnd
        for key, held in self.model.held.items():
            expected["hold", *key] = (held.hold.amount_vnd, held.outcome.removeprefix("hold_"))
        return [
            f"{key} is {stored.get(key)}, not {expected.get(key)}"
            for key in stored.keys() | expected.keys()
            if stored.get(key) != expected.get(key)
        ]

    def _rows(self, connection) -> Iterator[tuple[tuple, object]]:
        fetch = connection.execute
        mine = (self.owner_ids,)
        for row in fetch(_ACCOUNTS, mine):
            yield ("account", row[0]), row[1:]
        for row in fetch(_TRANSFERS, mine):
            yield ("transfer", *row[:2]), row[2:]
        for row in fetch(_REFUNDS, mine):
            yield ("given back", *row[:2]), int(row[2])
        for row in fetch(_HOLDS, mine):
            yield ("hold", *row[:2]), row[2:]


def _state(one: Account) -> tuple:
    return (
        one.balance_vnd,
        one.held_in_vnd,
        one.held_out_vnd,
        one.out[0] if one.out[1] else None,
        one.out[1],
    )


_ACCOUNTS = """
SELECT id, balance_vnd, held_in_vnd, held_out_vnd,
       CASE WHEN out_vnd > 0 THEN out_on END, out_vnd
FROM payments.account WHERE owner_id = ANY (%s)
"""
_TRANSFERS = """
SELECT lane, id, debit_id, credit_id, amount_vnd FROM payments.transfer WHERE owner_id = ANY (%s)
"""
_REFUNDS = """
SELECT lane, original_id, sum(amount_vnd) FROM payments.refund WHERE owner_id = ANY (%s)
GROUP BY 1, 2
"""
_HOLDS = """
SELECT h.lane, h.id, h.amount_vnd, COALESCE(e.outcome, '') FROM payments.hold h
LEFT JOIN payments.hold_end e ON e.lane = h.lane AND e.hold_id = h.id
WHERE h.owner_id = ANY (%s)
"""


class Asker:
    """Calls drawn from a generator of random numbers; the same numbers, the same calls."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._numbers = 0
        self._is_calm = False
        self._calls: deque[tuple[list, bool]] = deque(maxlen=REMEMBERED)
        self._orders: deque = deque(maxlen=REMEMBERED)
        self._holds: deque = deque(maxlen=REMEMBERED // 2)
        self._movements: deque = deque(maxlen=REMEMBERED)

    def call(self, draw: Random) -> tuple[list, bool]:
        """Orders, and whether they are linked."""
        if draw.random() < 0.05:
            self._is_calm = not self._is_calm
        chance = draw.random()
        if self._calls and chance < (0.01 if self._is_calm else 0.1):
            return draw.choice(self._calls)
        if chance < 0.75:
            count, linked = 1, False
        else:
            count, linked = draw.randint(2, 4), chance < 0.9
        owner_id = draw.choice(self._world.owner_ids)
        orders = []
        for _ in range(count):
            if count > 1 and draw.random() < 0.05:
                owner_id = draw.choice(self._world.owner_ids)
            orders.append(self.order(draw, owner_id))
        self._calls.append((orders, linked))
        return orders, linked

    def order(self, draw: Random, owner_id: UUID):
        """One order of any kind; in calm times one that is likely to be posted."""
        one = self._calm(draw, owner_id) if self._is_calm else self._rough(draw, owner_id)
        self._orders.append(one)
        if isinstance(one, Hold):
            self._holds.append(one)
        elif isinstance(one, Transfer | PostHold):
            self._movements.append(one)
        return one

    def _calm(self, draw: Random, owner_id: UUID) -> Transfer:
        """Money that comes, and cash that is taken out again, as long as there is any."""
        debit, credit = draw.choice(CALM_LEGS)
        return Transfer(
            **self._next(owner_id),
            debit_id=account_id(owner_id, debit),
            credit_id=account_id(owner_id, credit),
            amount_vnd=draw.choice(AMOUNTS_VND),
            kind=TransferKind.OTHER,
        )

    def _rough(self, draw: Random, owner_id: UUID):
        if self._orders and draw.random() < 0.04:
            return draw.choice(self._orders)
        makers = (self._transfer, self._hold, self._post_hold, self._void_hold, self._refund,
                  self._reversal)  # fmt: skip
        (make,) = draw.choices(makers, (40, 18, 16, 6, 14, 5))
        one = make(draw, owner_id)
        if self._orders and draw.random() < 0.05:
            one = msgspec.structs.replace(one, id=draw.choice(self._orders).id)
        return one

    # ── Orders ──────────────────────────────────────────────────────────────────────────────────

    def _next(self, owner_id: UUID) -> dict:
        self._numbers += 1
        new_id = identifier(self._world.number, self._numbers)
        occurred_at = BEGAN + timedelta(microseconds=self._numbers)
        return {"id": new_id, "owner_id": owner_id, "occurred_at": occurred_at}

    def _legs(self, draw: Random, owner_id: UUID) -> dict:
        """Mostly money that comes in, into what may hold it; now and then nonsense."""
        kinds = list(LIMITS)
        if draw.random() < 0.5:
            debit, credit = draw.choice([AccountKind.BANK, AccountKind.CASH]), AccountKind.SALES
        else:
            debit, credit = draw.sample(kinds, 2)
        legs = {"debit_id": account_id(owner_id, debit), "credit_id": account_id(owner_id, credit)}
        if draw.random() < 0.06:
            other_id = draw.choice(self._world.owner_ids)
            legs[draw.choice(list(legs))] = account_id(other_id, draw.choice(kinds))
        if draw.random() < 0.03:
            legs[draw.choice(list(legs))] = account_id(owner_id, AccountKind.CHARGES)
        return legs

    def _amount_vnd(self, draw: Random) -> int:
        return draw.choice(WRONG_AMOUNTS_VND if draw.random() < 0.03 else AMOUNTS_VND)

    def _transfer(self, draw: Random, owner_id: UUID) -> Transfer:
        return Transfer(
            **self._next(owner_id), **self._legs(draw, owner_id),
            amount_vnd=self._amount_vnd(draw), kind=TransferKind.OTHER,
        )  # fmt: skip

    def _hold(self, draw: Random, owner_id: UUID) -> Hold:
        expires_at = self._world.far + timedelta(hours=draw.randint(0, DEADLINE_HOURS))
        if draw.random() < 0.03:
            expires_at = BEGAN - timedelta(1)
        return Hold(
            **self._next(owner_id), **self._legs(draw, owner_id), expires_at=expires_at,
            amount_vnd=self._amount_vnd(draw), kind=TransferKind.PAYOUT,
        )  # fmt: skip

    def _held(self, draw: Random, owner_id: UUID) -> tuple[UUID, UUID]:
        """A hold that was asked for, and mostly its owner; or any id."""
        if not self._holds or draw.random() < 0.05:
            return identifier(self._world.number, draw.randint(1, 1_000_000)), owner_id
        hold = draw.choice(self._holds)
        return hold.id, owner_id if draw.random() < 0.05 else hold.owner_id

    def _post_hold(self, draw: Random, owner_id: UUID) -> PostHold:
        hold_id, owner_id = self._held(draw, owner_id)
        amount_vnd = None if draw.random() < 0.4 else self._amount_vnd(draw)
        return PostHold(**self._next(owner_id), hold_id=hold_id, amount_vnd=amount_vnd)

    def _void_hold(self, draw: Random, owner_id: UUID) -> VoidHold:
        hold_id, owner_id = self._held(draw, owner_id)
        return VoidHold(**self._next(owner_id), hold_id=hold_id)

    def _original(self, draw: Random, owner_id: UUID) -> tuple[UUID, UUID]:
        if not self._movements or draw.random() < 0.05:
            return draw.choice(self._orders).id if self._orders else owner_id, owner_id
        one = draw.choice(self._movements)
        return one.id, owner_id if draw.random() < 0.05 else one.owner_id

    def _refund(self, draw: Random, owner_id: UUID) -> Refund:
        original_id, owner_id = self._original(draw, owner_id)
        return Refund(
            **self._next(owner_id), original_id=original_id, amount_vnd=self._amount_vnd(draw)
        )

    def _reversal(self, draw: Random, owner_id: UUID) -> Reversal:
        original_id, owner_id = self._original(draw, owner_id)
        return Reversal(**self._next(owner_id), original_id=original_id)
