"""Sealing: the journal's hash chains grow, in rounds, off the hot path. `links` has their shape.

A round takes the next rows in the order of record, makes links for their lanes and one that closes
over these links, and moves the watermark "seals": one transaction, so it stands whole or not at
all. Only positions before the horizon are taken: what commits later lies behind what is sealed.

Whoever rewrites rows and links alike cannot be found out by the database alone. Therefore `heads`
are to be kept elsewhere, printed or published; `audit` compares the chain with them.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import asyncpg
import msgspec
from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from payments.errors import ChainBroken
from payments.ledger.links import (
    ROUNDS,
    ZERO,
    Link,
    by_lane,
    in_order,
    link_over_links,
    link_over_rows,
)
from payments.ledger.wire import COLUMNS, Rows, Unpacker

SEAL_ROW_COUNT_MAX = 4_096
"""Rows of one link: what is looked at to name one changed row, and 100 KB of ids and leaves."""
ROUND_ROW_COUNT_MAX = 65_536
"""Rows of one transaction: 12 MB in memory, and their sum cannot overflow."""
WATERMARK = "seals"
_LOCK = (20_261_124, 1)
_SETTINGS = {"application_name": "payments-seal", "jit": "off", "timezone": "UTC"}


class Sealed(msgspec.Struct, frozen=True):
    """What a run of the sealer did."""

    row_count: int = 0
    seal_count: int = 0
    """Links of lanes that were made."""
    round_count: int = 0
    is_busy: bool = False
    """Another sealer was at work: nothing was done."""


class ChainHead(msgspec.Struct, frozen=True):
    """The last link of a lane's chain."""

    lane: int
    number: int
    hash: str
    """Hexadecimal."""
    position_last: int


class ChainHeads(msgspec.Struct, frozen=True):
    """Where the chains end. Kept outside the database, they prove everything up to there.

    `number` and `hash` are those of the last round, which closes over all lanes: it alone would do,
    the lanes' heads only help to say what is wrong. Before the first round: 0 and zeros.
    """

    number: int = 0
    hash: str = ZERO.hex()
    position: int = 0
    sealed_at: datetime | None = None
    lanes: tuple[ChainHead, ...] = ()


async def seal(
    dsn: str, *, now: datetime, role: str | None = None, row_count_max: int = SEAL_ROW_COUNT_MAX
) -> Sealed:
    """Every transfer before the horizon is sealed, round by round; each round stands at its end.

    One sealer works at a time, a second one returns at once. Cheap to call often, but each round
    costs a row per lane that moved: once a minute is plenty.
    Raises: ChainBroken if the links are not those that the watermark speaks of, JournalUnreadable
    if a row has an empty field.
    """
    assert 0 < row_count_max <= ROUND_ROW_COUNT_MAX
    settings = _SETTINGS | ({} if role is None else {"role": role})
    writer = await asyncpg.connect(dsn, server_settings=settings)
    try:
        if not await writer.fetchval("SELECT pg_try_advisory_lock($1, $2)", *_LOCK):
            return Sealed(is_busy=True)
        reader = await asyncpg.connect(dsn, server_settings=settings | {"work_mem": "64MB"})
        try:
            sealed = await _seal_all(reader, _Sealer(writer, now, row_count_max))
        except BaseException:
            reader.terminate()  # in the midst of a COPY it could not be closed
            raise
        await reader.close()
        return sealed
    finally:
        await writer.close()


async def heads(db: AsyncSession) -> ChainHeads:
    """Where the chains end now; needs a role that may see the seals."""
    connection = await db.connection()
    rows = (await connection.execute(text(HEADS))).all()
    return heads_of([row._asdict() for row in rows])


def heads_of(rows: list[dict[str, Any]]) -> ChainHeads:
    """What the rows of `HEADS` say."""
    lanes = tuple(
        ChainHead(row["lane"], row["number"], row["hash"].hex(), row["position_last"])
        for row in rows
        if row["lane"] != ROUNDS
    )
    for row in rows:
        if row["lane"] == ROUNDS:
            at = row["sealed_at"]
            return ChainHeads(row["number"], row["hash"].hex(), row["position_last"], at, lanes)
    return ChainHeads(lanes=lanes)


class _Sealer:
    """Writes rounds, and knows where each chain ends."""

    def __init__(self, writer: Any, now: datetime, row_count_max: int) -> None:
        self.position = 0
        self.sealed = Sealed()
        self._writer = writer
        self._now = now
        self._row_count_max = row_count_max
        self._ends: dict[int, tuple[int, bytes]] = {}

    async def begin(self) -> int:
        """Continue where the last sealer ended; the horizon."""
        horizon, marked = await self._writer.fetchrow(_BEGIN)
        for row in await self._writer.fetch(HEADS):
            self._ends[row["lane"]] = (row["number"], row["hash"])
            if row["lane"] == ROUNDS:
                self.position = row["position_last"]
        if self.position != marked:
            raise ChainBroken(position=self.position, watermark=marked)
        return int(horizon)

    async def write(self, rows: Rows) -> None:
        """One round over the next rows in the order of record."""
        links = list(self._links(in_order(rows)))
        number, previous = self._ends.get(ROUNDS, (0, ZERO))
        last = link_over_links(links, number=number + 1, previous=previous, sealed_at=self._now)
        self._ends[ROUNDS] = (last.number, last.hash)
        async with self._writer.transaction():
            await self._writer.executemany(
                _INSERT, [msgspec.structs.astuple(link) for link in (*links, last)]
            )
            moved = await self._writer.fetchval(
                _MOVE, WATERMARK, last.position_last, self._now, self.position
            )
            if moved is None:
                raise ChainBroken(position=self.position, watermark=None)
        self.position = last.position_last
        self.sealed = Sealed(
            self.sealed.row_count + len(rows),
            self.sealed.seal_count + len(links),
            self.sealed.round_count + 1,
        )

    def _links(self, rows: Rows) -> Iterator[Link]:
        for lane, whole in by_lane(rows):
            for start in range(0, len(whole), self._row_count_max):
                number, previous = self._ends.get(lane, (0, ZERO))
                link = link_over_rows(
                    whole[start : start + self._row_count_max],
                    lane=lane,
                    number=number + 1,
                    previous=previous,
                    sealed_at=self._now,
                )
                self._ends[lane] = (link.number, link.hash)
                yield link


async def _seal_all(reader: Any, sealer: _Sealer) -> Sealed:
    """Read once, in order; seal whatever makes a full round, and in the end the rest."""
    horizon = await sealer.begin()
    waiting = Unpacker()

    async def take(piece: bytes) -> None:
        waiting.feed(piece)
        while waiting.row_count > ROUND_ROW_COUNT_MAX:
            await sealer.write(waiting.take(ROUND_ROW_COUNT_MAX))

    await reader.copy_from_query(
        f"SELECT {COLUMNS} FROM payments.transfer"  # noqa: S608 - constants and numbers
        f" WHERE position > {sealer.position} AND position < {horizon} ORDER BY position, id",
        output=take,
        format="binary",
    )
    rows = waiting.take()
    waiting.close()
    if len(rows):
        await sealer.write(rows)
    return sealer.sealed


HEADS = f"""
SELECT s.lane, s.number, s.hash, s.position_last, s.sealed_at
FROM generate_series({ROUNDS}, 63) AS chain (lane) CROSS JOIN LATERAL (
    SELECT * FROM payments.seal s WHERE s.lane = chain.lane ORDER BY s.number DESC LIMIT 1
) s ORDER BY s.lane
"""  # noqa: S608 - constants
"""The last link of every chain, by its key."""
_BEGIN = f"""
SELECT payments.event_horizon() AS horizon, COALESCE(
    (SELECT position FROM payments.watermark WHERE name = '{WATERMARK}'), 0) AS marked
"""  # noqa: S608 - constants
_INSERT = f"""
INSERT INTO payments.seal ({", ".join(Link.__struct_fields__)})
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
"""  # noqa: S608 - constants
# Locks the one row of the watermark; it moves from where this sealer began, or not at all.
_MOVE = """
INSERT INTO payments.watermark AS w (name, position, moved_at) VALUES ($1, $2, $3)
ON CONFLICT (name) DO UPDATE SET position = excluded.position, moved_at = excluded.moved_at
WHERE w.position = $4 RETURNING w.position
"""
