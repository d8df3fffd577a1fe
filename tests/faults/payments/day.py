"""A vendor's day at the ledger: the same seed asks the same, however often the day begins anew."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from uuid import UUID

import payments
from payments import AccountKind, TransferKind, account_id
from payments.ledger.orders import Hold, PostHold, Refund, VoidHold
from payments.ledger.transfer import Transfer

NOW = datetime(2026, 11, 23, 3, 17, 22, tzinfo=UTC)
FAR = datetime(2100, 1, 1, tzinfo=UTC)
BANK_BIN = "970436"
KINDS = ("plain", "plain", "pair", "held", "voided", "refunded", "cash", "notice")
JUMPS = (timedelta(0), timedelta(1), -timedelta(1), timedelta(31), -timedelta(31))
ANSWERS = {"posted", "already_posted", "unmatched", "already_seen"}


def identifier(at: datetime, high: int, low: int) -> UUID:
    """Shaped like a UUIDv7."""
    return UUID(int=int(at.timestamp() * 1_000) << 80 | 7 << 76 | 2 << 62 | high << 32 | low)


@dataclass(frozen=True)
class Ask:
    """One call, and the rows that stand once it is acknowledged."""

    name: str
    rows: tuple[tuple[str, str], ...]
    orders: tuple = ()
    linked: bool = False
    cash: payments.CashSale | None = None
    confirmation: payments.Confirmation | None = None
    receipt_id: UUID | None = None
    at: datetime = NOW

    async def carry_out(self, ledger: payments.Ledger) -> set[str]:
        """What was answered."""
        if self.cash is not None:
            return {await ledger.record_cash(self.cash, now=self.at)}
        if self.confirmation is not None:
            settled = await ledger.settle(
                self.confirmation, receipt_id=self.receipt_id, now=self.at
            )
            return {settled.outcome}
        return set(await ledger.post(*self.orders, linked=self.linked))


@dataclass(frozen=True)
class Day:
    """`jumps`: the clock of whoever makes the ids is wrong by up to a month, now and then."""

    seed: int
    count: int
    owner_id: UUID
    jumps: bool = False

    @property
    def account_no(self) -> str:
        """Of the bank account that notices are about."""
        return f"99{self.owner_id.int % 10**11:011}"

    def customers(self) -> Iterator[list[Ask]]:
        """Each asks once or twice; the second only once the first is answered."""
        for number in range(self.count):
            draw = Random(f"{self.seed}:{number}")
            at = NOW + timedelta(seconds=number)
            if self.jumps:
                at += draw.choice(JUMPS)
            yield getattr(self, f"_{draw.choice(KINDS)}")(number, at, draw.randint(1, 50) * 1_000)

    def asks(self) -> dict[str, Ask]:
        """All of them, by name."""
        return {ask.name: ask for asks in self.customers() for ask in asks}

    def _id(self, number: int, part: int, at: datetime) -> UUID:
        return identifier(at, self.owner_id.int % 2**30, number << 4 | part)

    def _fields(self, number: int, part: int, at: datetime) -> dict:
        return {"id": self._id(number, part, at), "owner_id": self.owner_id, "occurred_at": at}

    def _legs(self) -> dict:
        return {
            "debit_id": account_id(self.owner_id, AccountKind.CASH),
            "credit_id": account_id(self.owner_id, AccountKind.SALES),
            "kind": TransferKind.OTHER,
        }

    def _transfer(self, number: int, part: int, at: datetime, vnd: int) -> Transfer:
        return Transfer(**self._fields(number, part, at), **self._legs(), amount_vnd=vnd)

    def _plain(self, number: int, at: datetime, vnd: int) -> list[Ask]:
        return [_posting(number, 0, self._transfer(number, 0, at, vnd))]

    def _pair(self, number: int, at: datetime, vnd: int) -> list[Ask]:
        both = [self._transfer(number, part, at, vnd) for part in (0, 1)]
        return [_posting(number, 0, *both, linked=True)]

    def _hold(self, number: int, at: datetime, vnd: int) -> Hold:
        fields = self._fields(number, 0, at)
        return Hold(**fields, **self._legs(), amount_vnd=vnd, expires_at=FAR)

    def _held(self, number: int, at: datetime, vnd: int) -> list[Ask]:
        hold = self._hold(number, at, vnd)
        part = PostHold(**self._fields(number, 1, at), hold_id=hold.id, amount_vnd=vnd // 2)
        return [_posting(number, 0, hold), _posting(number, 1, part)]

    def _voided(self, number: int, at: datetime, vnd: int) -> list[Ask]:
        hold = self._hold(number, at, vnd)
        void = VoidHold(**self._fields(number, 1, at), hold_id=hold.id)
        return [_posting(number, 0, hold), _posting(number, 1, void)]

    def _refunded(self, number: int, at: datetime, vnd: int) -> list[Ask]:
        first = self._transfer(number, 0, at, vnd)
        refund = Refund(**self._fields(number, 1, at), original_id=first.id, amount_vnd=vnd // 4)
        return [_posting(number, 0, first), _posting(number, 1, refund)]

    def _cash(self, number: int, at: datetime, vnd: int) -> list[Ask]:
        sale = payments.CashSale(**self._fields(number, 0, at), amount_vnd=vnd)
        rows = (("transfer", str(sale.id)),)
        return [Ask(f"{number}.0", rows, cash=sale, at=at)]

    def _notice(self, number: int, at: datetime, vnd: int) -> list[Ask]:
        told = payments.Confirmation(
            "sepay",
            f"{self.owner_id}-{number}",
            vnd,
            at,
            account_no=self.account_no,
            bank_bin=BANK_BIN,
        )
        rows = (("receipt", told.provider_id),)
        receipt_id = self._id(number, 0, at)
        return [Ask(f"{number}.0", rows, confirmation=told, receipt_id=receipt_id, at=at)]


def _posting(number: int, part: int, *orders, linked: bool = False) -> Ask:
    tables = {Hold: "hold", VoidHold: "void"}
    rows = tuple((tables.get(type(one), "transfer"), str(one.id)) for one in orders)
    return Ask(f"{number}.{part}", rows, orders, linked)


async def live(
    day: Day, ledger: payments.Ledger, told, *, at_once: int = 20, pause_s: float = 0.05
) -> None:
    """Every customer of the day is served; whoever is turned away asks again."""
    customers = day.customers()

    async def serve() -> None:
        for asks in customers:
            for ask in asks:
                while True:
                    try:
                        answers = await ask.carry_out(ledger)
                    except (payments.LedgerBusy, payments.LedgerUnavailable):
                        await asyncio.sleep(pause_s)
                    else:
                        break
                told(ask.name, answers)

    await asyncio.gather(*[serve() for _ in range(at_once)])
