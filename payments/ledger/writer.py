"""The ledger: a queue and one connection that commits many at once.

Group commit without a timer: while one batch commits the next gathers, so a lone transfer waits
for nobody and a crowd shares one commit. What is answered is durable. A batch that fails is
halved until the one bad item is alone; a batch whose commit was cut off is run again, which is
safe because every item is known by its own id.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
import numpy as np
import psycopg

from payments import routing, settlement
from payments.confirmation import Confirmation
from payments.errors import (
    AmountOutOfRange,
    CashRefused,
    LedgerBusy,
    LedgerClosed,
    LedgerUnavailable,
    PaymentError,
    PostTooLarge,
    SettlementFailed,
)
from payments.ledger import batch, plain
from payments.ledger.accounts import AccountKind, AccountName
from payments.ledger.batch import AccountsMissing
from payments.ledger.connection import NoConnection, connect, is_conflict, is_transient
from payments.ledger.items import Answer, Fact, Item, Posting, Settling
from payments.ledger.line import Line
from payments.ledger.orders import Order
from payments.ledger.records import TRANSFER_DTYPE, Array, pack
from payments.ledger.transfer import OUTCOMES, Outcome, Transfer, TransferKind
from payments.notice import Notice
from payments.payment import AMOUNT_VND_MAX, AMOUNT_VND_MIN

BATCH_MAX = 8_000
"""Orders in one commit: beyond it the rate no longer grows, only the wait does."""
QUEUE_MAX = 50_000
"""Orders that may wait: a few seconds of work, and bounded memory."""
ACCOUNTS_KNOWN_MAX = 200_000
"""Accounts remembered to exist; the memory is emptied when it is full."""
RETRY_SECONDS = 20.0
"""How long a batch waits for a lost database before its callers are told."""
PAUSE_SECONDS_MIN = 0.02
PAUSE_SECONDS_MAX = 1.0
COMMAND_SECONDS_MAX = 60.0
CONFLICT_COUNT_MAX = 3
"""Runs of a batch that another writer disturbs before it is treated as broken."""
log = logging.getLogger("payments.ledger")


class CashSale(msgspec.Struct, frozen=True, kw_only=True):
    """Cash that a vendor took. `id` is the sale's, and the idempotency key."""

    id: UUID
    owner_id: UUID
    place_id: UUID | None = None
    amount_vnd: int
    occurred_at: datetime


class Ledger:
    """The door to the journal for one process; several may write to one database at once."""

    def __init__(
        self,
        dsn: str,
        role: str | None = None,
        *,
        queue_max: int = QUEUE_MAX,
        batch_max: int = BATCH_MAX,
        retry_seconds: float = RETRY_SECONDS,
    ) -> None:
        self._dsn = dsn
        self._role = role
        self._queue_max = queue_max
        self._batch_max = batch_max
        self._retry_seconds = retry_seconds
        self._pending: deque[Item] = deque()
        self._queued = 0
        self._wake = asyncio.Event()
        self._is_open = False
        self._task: asyncio.Task[None] | None = None
        self._line: Line | None = None
        self._known: set[UUID] = set()
        self._expected: Outcome | None = Outcome.POSTED
        """What the last batch of transfers was throughout, so the next may be; None if it was mixed."""
        self.batch_count = 0
        """Commits so far."""

    @property
    def queued(self) -> int:
        """Orders and confirmations that wait for their commit."""
        return self._queued

    async def start(self) -> None:
        """Connect and take work.

        Raises: NotDurable; whatever the driver raises where there is no database.
        """
        assert self._task is None
        self._line = await connect(self._dsn, self._role)
        self._is_open = True
        self._task = asyncio.create_task(self._run(), name="ledger")

    async def close(self) -> None:
        """Take nothing more, commit what waits, disconnect."""
        self._is_open = False
        self._wake.set()
        if self._task is not None:
            await asyncio.wait([self._task])
            if not self._task.cancelled() and (error := self._task.exception()) is not None:
                log.critical("the writer had ended", exc_info=error)
            self._task = None
        if self._line is not None:
            await self._line.close()
            self._line = None

    async def post(
        self,
        *orders: Order,
        linked: bool = False,
        opening: Sequence[AccountName] = (),
        facts: Sequence[Fact] = (),
    ) -> list[Outcome]:
        """Each order's outcome, in order, once what was posted is durable.

        `linked`: all or none, of one owner. `opening`: accounts to open where they do not exist.
        `facts`: events to append if every order is posted by this very call.
        Raises: LedgerBusy, LedgerUnavailable, LedgerClosed, PostTooLarge.
        """
        if not orders:
            return []
        transfers = [one for one in orders if isinstance(one, Transfer)]
        is_plain = len(transfers) == len(orders) and not (
            linked and len({one.owner_id for one in orders}) > 1
        )
        packed = pack(transfers) if is_plain else None
        answer: asyncio.Future[list[Outcome]] = asyncio.get_running_loop().create_future()
        item = Posting(answer, len(orders), packed, orders, linked, opening, facts)
        self._enqueue(item)
        return await answer

    async def post_array(self, transfers: Array) -> Array:
        """Each transfer's outcome by its number in `OUTCOMES`, once what was posted is durable.

        `transfers` is an array of `TRANSFER_DTYPE`, of any length: it is posted in batches.
        Raises: LedgerBusy, LedgerUnavailable, LedgerClosed; what came before stands.
        """
        assert transfers.dtype == TRANSFER_DTYPE
        outcomes = np.full(len(transfers), _POSTED, np.uint8)
        for start in range(0, len(transfers), self._batch_max):
            part = transfers[start : start + self._batch_max]
            answer: asyncio.Future[list[Outcome]] = asyncio.get_running_loop().create_future()
            self._enqueue(Posting(answer, len(part), part.tobytes()))
            told = await answer
            if told.count(Outcome.POSTED) != len(told):
                outcomes[start : start + len(part)] = [_NUMBERS[one] for one in told]
        return outcomes

    async def settle(
        self,
        confirmation: Confirmation,
        *,
        receipt_id: UUID,
        now: datetime,
        notice: Notice | None = None,
    ) -> settlement.Settled:
        """What became of a verified confirmation, once receipt, payment, transfers and event are
        durable together, and with them the raw notice that told of it, if given. The same movement
        told again changes nothing, under any `receipt_id`; its notice is kept all the same.

        Raises: ConfirmationInvalid, SettlementFailed, LedgerBusy, LedgerUnavailable, LedgerClosed.
        """
        return await self.settle_soon(confirmation, receipt_id=receipt_id, now=now, notice=notice)

    def settle_soon(
        self,
        confirmation: Confirmation,
        *,
        receipt_id: UUID,
        now: datetime,
        notice: Notice | None = None,
    ) -> "asyncio.Future[settlement.Settled]":
        """As `settle`, for many at once: in the queue when this returns, everything that `settle`
        raises comes with the future.
        """
        answer: asyncio.Future[settlement.Settled] = asyncio.get_running_loop().create_future()
        try:
            reading = routing.read(confirmation)
            self._enqueue(Settling(reading, receipt_id, now, answer, notice))
        except PaymentError as error:
            answer.set_exception(error)
        return answer

    async def record_cash(self, sale: CashSale, *, now: datetime) -> Outcome:
        """Cash takings stand beside the others; POSTED, or ALREADY_POSTED on a repeat.

        The event is a `receipt.recorded` with outcome "cash".
        Raises: AmountOutOfRange; CashRefused where the outcome is any other.
        """
        if not AMOUNT_VND_MIN <= sale.amount_vnd <= AMOUNT_VND_MAX:
            raise AmountOutOfRange(
                sale.amount_vnd, amount_vnd_min=AMOUNT_VND_MIN, amount_vnd_max=AMOUNT_VND_MAX
            )
        cash = AccountName(sale.owner_id, AccountKind.CASH)
        sales = AccountName(sale.owner_id, AccountKind.SALES)
        transfer = Transfer(
            id=sale.id,
            owner_id=sale.owner_id,
            debit_id=cash.id,
            credit_id=sales.id,
            amount_vnd=sale.amount_vnd,
            kind=TransferKind.CASH_SALE,
            occurred_at=sale.occurred_at,
            subject_id=sale.id,
            **({} if sale.place_id is None else {"place_id": sale.place_id}),
        )
        fact = Fact("receipt.recorded", sale.owner_id, sale.id, _cash_data(sale), now)
        (outcome,) = await self.post(transfer, opening=(cash, sales), facts=(fact,))
        if outcome not in {Outcome.POSTED, Outcome.ALREADY_POSTED}:
            raise CashRefused(sale.id, outcome)
        return outcome

    # ── The queue ───────────────────────────────────────────────────────────────────────────────

    def _enqueue(self, item: Item) -> None:
        if not self._is_open:
            raise LedgerClosed
        if item.size > self._batch_max:
            raise PostTooLarge(item.size, self._batch_max)
        if self._queued + item.size > self._queue_max:
            raise LedgerBusy(self._queued)
        self._pending.append(item)
        self._queued += item.size
        self._wake.set()

    def _gather(self) -> list[Item]:
        """The next batch, in order of arrival."""
        items: list[Item] = []
        size = 0
        while self._pending and size + self._pending[0].size <= self._batch_max:
            item = self._pending.popleft()
            items.append(item)
            size += item.size
        return items

    async def _run(self) -> None:
        items: Sequence[Item] = ()
        try:
            while self._is_open or self._pending:
                await self._wake.wait()
                self._wake.clear()
                while self._pending:
                    items = self._gather()
                    await self._commit(items)
                    self._queued -= sum(item.size for item in items)
        except BaseException as error:  # a bug, or the loop is ending: nobody waits for ever
            self._is_open = False
            for item in (*items, *self._pending):
                _fail(item, LedgerUnavailable(f"the writer ended: {error!r}"))
            raise

    async def _commit(self, items: Sequence[Item]) -> None:
        """Write a batch and answer everyone in it; one bad item costs the others a little time."""
        try:
            answers = await self._write(items)
        except LedgerUnavailable as error:
            for item in items:
                _fail(item, error)
        except Exception as error:
            if len(items) > 1:
                middle = len(items) // 2
                await self._commit(items[:middle])
                await self._commit(items[middle:])
            else:
                await self._commit_alone(items[0], error)
        else:
            for item, answer in zip(items, answers, strict=True):
                if not item.answer.done():  # its caller may have gone
                    item.answer.set_result(answer)  # type: ignore[arg-type]  # each kind has its own

    async def _commit_alone(self, item: Item, error: Exception) -> None:
        """The batch is one item and the database refuses it: split it, or say so."""
        if isinstance(item, Settling):
            log.error("receipt %s is refused", item.receipt_id, exc_info=error)
            failed = SettlementFailed(item.receipt_id)
            failed.__cause__ = error
            _fail(item, failed)
        elif item.size == 1 or item.is_linked:
            log.error("an order is refused: %s", item.orders or item.packed, exc_info=error)
            if not item.answer.done():
                item.answer.set_result([Outcome.FAILED] * item.size)
        else:
            await self._commit_halves(item)

    async def _commit_halves(self, item: Posting) -> None:
        outcomes: list[Outcome] = []
        for part in _halves(item):
            await self._commit([part])
            try:
                outcomes += part.answer.result()
            except LedgerUnavailable as error:
                _fail(item, error)
                return
        if not item.answer.done():
            item.answer.set_result(outcomes)

    # ── The database ────────────────────────────────────────────────────────────────────────────

    async def _write(self, items: Sequence[Item]) -> list[Answer]:
        """Run a batch until it is committed; through lost connections for `retry_seconds`.

        Raises: LedgerUnavailable; what the driver raises where the batch itself is refused.
        """
        clock = asyncio.get_running_loop().time
        deadline = clock() + self._retry_seconds
        conflict_count = 0
        pause = PAUSE_SECONDS_MIN
        while True:
            try:
                return await self._write_once(items)
            except Exception as error:
                if _is_disturbed(error) and conflict_count < CONFLICT_COUNT_MAX:
                    conflict_count += 1
                    self._known.clear()
                    continue
                if not is_transient(error):
                    raise
                await self._give_up_connection(items, error)
                if clock() > deadline:
                    raise LedgerUnavailable(str(error)) from error
            await asyncio.sleep(pause)
            pause = min(2 * pause, PAUSE_SECONDS_MAX)

    async def _write_once(self, items: Sequence[Item]) -> list[Answer]:
        if self._line is None:
            try:
                self._line = await connect(self._dsn, self._role)
            except Exception as error:
                raise NoConnection(f"{type(error).__name__}: {error}") from error
        line = self._line
        if len(self._known) > ACCOUNTS_KNOWN_MAX:
            self._known.clear()
        async with asyncio.timeout(COMMAND_SECONDS_MAX):
            await self._open_accounts(line, items)
            answers = await self._write_plain(line, items)
            if answers is None:
                answers = await batch.run(line, items, self._known)
                self._expect(items, answers)
        self.batch_count += 1
        return answers

    def _expect(self, items: Sequence[Item], answers: Sequence[Answer]) -> None:
        """Learn from the exact way; what can never take a fast one teaches nothing."""
        told: set[Outcome] = set()
        for item, answer in zip(items, answers, strict=True):
            if isinstance(item, Settling) or item.packed is None:
                return
            assert isinstance(answer, list)
            told.update(answer)
        alike = told.pop() if len(told) == 1 else None
        self._expected = alike if alike in _FAST else None

    async def _open_accounts(self, line: Line, items: Sequence[Item]) -> None:
        """Accounts that come along with orders; empty ones harm nobody if the orders fail."""
        postings = (item for item in items if isinstance(item, Posting))
        new = {name for item in postings for name in item.opening if name.id not in self._known}
        if new:
            batch.open_accounts(line, new)
            await line.go()
            self._known.update(name.id for name in new)

    async def _write_plain(self, line: Line, items: Sequence[Item]) -> list[Answer] | None:
        """The fast ways, for what is likely to be all new and within limits, or all told before;
        None if it is neither.
        """
        packed: list[bytes] = []
        facts: list[Fact] = []
        for item in items:
            if not isinstance(item, Posting) or item.packed is None:
                return None
            packed.append(item.packed)
            facts.extend(item.facts)
        whole = b"".join(packed)
        if self._expected is None:
            return None
        for outcome in _FAST if self._expected is Outcome.POSTED else reversed(_FAST):
            if outcome is Outcome.POSTED:
                is_so = await _post_plain(line, whole, facts)
            else:
                is_so = await plain.all_stand(line, whole)
            if is_so:
                self._expected = outcome
                return [[outcome] * item.size for item in items]
        return None

    async def _give_up_connection(self, items: Sequence[Item], error: Exception) -> None:
        """From here on nobody knows whether the last commit stands; running it again will tell."""
        log.warning("the database is gone, %d items wait: %s", len(items), error)
        if self._line is not None:
            await self._line.close()
            self._line = None
        for item in items:
            if isinstance(item, Settling):
                item.may_stand = True


_NUMBERS = {outcome: number for number, outcome in enumerate(OUTCOMES)}
_POSTED = _NUMBERS[Outcome.POSTED]
_FAST = (Outcome.POSTED, Outcome.ALREADY_POSTED)
"""What a whole batch may be found to be without judging each of it."""


async def _post_plain(line: Line, packed: bytes, facts: Sequence[Fact]) -> bool:
    try:
        return await plain.post(line, packed, facts)
    except psycopg.Error as error:
        if is_conflict(error):
            return False
        raise


def _is_disturbed(error: Exception) -> bool:
    """Whether another writer was in the way; the next run sees what it did."""
    return isinstance(error, AccountsMissing) or is_conflict(error)


def _halves(item: Posting) -> list[Posting]:
    """An item as two, answered on their own."""
    middle = item.size // 2
    parts = []
    for piece in (slice(None, middle), slice(middle, None)):
        packed = None
        if item.packed is not None:
            width = TRANSFER_DTYPE.itemsize
            start, stop, _ = piece.indices(item.size)
            packed = item.packed[start * width : stop * width]
        size = len(range(*piece.indices(item.size)))
        answer: asyncio.Future[list[Outcome]] = asyncio.get_running_loop().create_future()
        parts.append(Posting(answer, size, packed, item.orders[piece], False, item.opening))
    return parts


def _fail(item: Item, error: Exception) -> None:
    if not item.answer.done():
        item.answer.set_exception(error)


def _cash_data(sale: CashSale) -> dict[str, Any]:
    return {
        "receipt_id": sale.id,
        "payment_id": None,
        "subject_id": sale.id,
        "owner_id": sale.owner_id,
        "place_id": sale.place_id,
        "gateway": "cash",
        "outcome": "cash",
        "amount_vnd": sale.amount_vnd,
        "asked_vnd": sale.amount_vnd,
        "received_vnd": sale.amount_vnd,
        "booked_vnd": sale.amount_vnd,
        "memo": "",
        "occurred_at": sale.occurred_at.isoformat(),
        "purpose": "sale",
    }
