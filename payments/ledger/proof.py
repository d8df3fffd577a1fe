# ruff: noqa: S608 - the queries are put together from constants and numbers of this package
"""Does the chain still close over the journal? Read window by window, so memory stays bounded.

Everything the database says is doubted; see `comparison` for what is held against what.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice
from typing import Any
from uuid import UUID

from payments.ledger.chain import HEADS, ROUND_ROW_COUNT_MAX, WATERMARK, ChainHeads, heads_of
from payments.ledger.comparison import (
    ASTRAY_COUNT_MAX,
    KEPT,
    LINKS,
    NAMED_COUNT_MAX,
    ROWS,
    Comparison,
)
from payments.ledger.links import (
    ROUNDS,
    SHORT_BYTES,
    Link,
    by_lane,
    in_order,
    links_named,
    name_of,
)
from payments.ledger.wire import COLUMNS, Rows, Said, Unpacker

WINDOW_ROW_COUNT = 2 * ROUND_ROW_COUNT_MAX
"""Rows that are compared at once; a window ends with a round."""

Sentences = Mapping[str, Sequence[str]]


async def prove(
    connection: Any,
    kept: ChainHeads | None,
    advance: Callable[[int], None],
    *,
    all_whole: bool = True,
) -> tuple[ChainHeads, Sentences]:
    """Compare the whole chain with the journal in the caller's snapshot.

    Gives the heads as they stand there, and what is wrong by check. Rows behind the last round are
    the tail and no matter. `advance` hears of rows as they are read. Rows with an empty field cannot
    be read: where there are any, they count as gone.
    """
    proof = _Proof(connection, advance, all_whole)
    await proof.run(kept)
    return proof.heads, proof.compared.sentences


class _Proof:
    def __init__(self, connection: Any, advance: Callable[[int], None], all_whole: bool) -> None:
        self.compared = Comparison()
        self.heads = ChainHeads()
        self._connection = connection
        self._advance = advance
        self._readable = "" if all_whole else " AND t IS NOT NULL"
        self._position = 0
        """Everything up to here was compared."""
        self._marked = 0
        """How far sealing had come, by the watermark."""
        self._made: dict[int, int] = {}
        """The last number of each chain."""

    async def run(self, kept: ChainHeads | None) -> None:
        ends = [dict(row) for row in await self._connection.fetch(HEADS)]
        self.heads = heads_of(ends)
        self._made = {row["lane"]: row["number"] for row in ends}
        self._marked = await self._connection.fetchval(_MARKED, WATERMARK)
        if kept is not None:
            await self._compare_kept(kept)
        for row in await self._connection.fetch(_FOREIGN):
            self._say(LINKS, f"{name_of(*row)} has a number no seal was ever given.")
        await self._walk()
        await self._rest()
        await self._settle_astray()

    async def _walk(self) -> None:
        """Every round, window by window."""
        window: list[Link] = []
        row_count = after = 0
        while rounds := await self._fetch(_ROUNDS, after):
            after = rounds[-1].number
            for one in rounds:
                window.append(one)
                row_count += one.row_count
                if row_count >= WINDOW_ROW_COUNT:
                    await self._window(window)
                    window, row_count = [], 0
        if window:
            await self._window(window)

    async def _window(self, rounds: Sequence[Link]) -> None:
        named = {pair for one in rounds for pair in links_named(one.ids)}
        last: dict[int, int] = {}
        for lane, number in named:
            last[lane] = max(last.get(lane, 0), number)
        links = await self._links_up_to(last)
        found = {(link.lane, link.number): link for link in links}
        ends = [self.compared.round(one, found) for one in rounds]
        self._in_no_round(link for pair, link in found.items() if pair not in named)
        proven = [end for end in ends if end is not None]
        said = max(one.position_last for one in rounds)
        # Without a hash that proves it, an end is believed no further than sealing had come.
        await self._compare_rows(links, max(proven, default=min(said, self._marked or said)))

    async def _rest(self) -> None:
        """Links that no round knows, and rows that were sealed by rounds that are gone."""
        if self._marked != self.heads.position:
            self._say(
                LINKS,
                f"Round {self.heads.number} is the last and ends at position"
                f" {self.heads.position}, but sealing had come to position {self._marked}.",
            )
        links = await self._links_up_to(self._made)
        self._in_no_round(links)
        high = max([self._marked, *(link.position_last for link in links)])
        if high > self._position:
            await self._compare_rows(links, high)

    def _in_no_round(self, links: Iterable[Link]) -> None:
        for link in links:
            self._say(LINKS, f"{link.name} belongs to no round.")

    async def _links_up_to(self, last: Mapping[int, int]) -> list[Link]:
        """The links of lanes that were not compared yet, up to these numbers."""
        lanes = [lane for lane in last if lane in self._made and lane != ROUNDS]
        return await self._fetch(
            _LINKS,
            lanes,
            [self.compared.number_of(lane) + 1 for lane in lanes],
            [min(last[lane], self._made[lane]) for lane in lanes],
        )

    async def _compare_rows(self, links: Sequence[Link], high: int) -> None:
        """Every row up to a position against the links that close over it."""
        rows = in_order(await self._rows(f"position > {self._position} AND position <= {high}"))
        per_lane: dict[int, list[Link]] = {}
        for link in links:
            per_lane.setdefault(link.lane, []).append(link)
        for lane, some in by_lane(rows):
            self.compared.lane(per_lane.pop(lane, []), some)
        for left in per_lane.values():
            self.compared.lane(left, rows[:0])
        self._position = max(self._position, high)

    async def _rows(self, where: str) -> Rows:
        unpacker = Unpacker()

        async def take(piece: bytes) -> None:
            before = unpacker.row_count
            unpacker.feed(piece)
            self._advance(unpacker.row_count - before)

        await self._connection.copy_from_query(
            f"SELECT {COLUMNS} FROM payments.transfer t WHERE {where}{self._readable}",
            output=take,
            format="binary",
        )
        unpacker.close()
        return unpacker.take()

    async def _settle_astray(self) -> None:
        """Rows that are not where they were sealed: moved, changed, removed or put in."""
        compared = self.compared
        if compared.astray_count > ASTRAY_COUNT_MAX:
            self._say(ROWS, f"{compared.astray_count:,} transfers are not where they were sealed.")
        for row_id in compared.gone.keys() & compared.extra.keys():
            place, said = compared.gone.pop(row_id), compared.extra.pop(row_id)
            if said.leaf[:SHORT_BYTES] != place.short:
                compared.changed(place, said)
        for said in islice(compared.extra.values(), NAMED_COUNT_MAX):
            self._say(
                ROWS,
                f"Transfer {said.id} lies where everything is sealed, but no seal knows it: {said}.",
            )
        await self._settle_gone()

    async def _settle_gone(self) -> None:
        gone = dict(islice(self.compared.gone.items(), NAMED_COUNT_MAX))
        if not gone:
            return
        if len(self.compared.gone) > len(gone):
            self._say(
                ROWS, f"{len(self.compared.gone):,} transfers are not where they were sealed."
            )
        ids = [UUID(bytes=row_id) for row_id in gone]
        elsewhere = await self._elsewhere(ids)
        lines = {row[0]: row[1] for row in await self._connection.fetch(_LINES, ids)}
        for row_id, place in gone.items():
            said = elsewhere.get(row_id)
            if said is None:
                name = UUID(bytes=row_id)
                known = f" Statements still say {lines[name]}." if name in lines else ""
                self._say(ROWS, f"Transfer {name}, {place}, is gone.{known}")
            elif said.leaf[:SHORT_BYTES] != place.short:
                self.compared.changed(place, said)

    async def _elsewhere(self, ids: Sequence[UUID]) -> dict[bytes, Said]:
        """The rows of these ids, wherever they lie now."""
        listed = ", ".join(f"'{one}'" for one in ids)
        rows = await self._rows(f"id IN ({listed})")
        return {rows.id[at].tobytes(): rows.said(at) for at in range(len(rows))}

    async def _compare_kept(self, kept: ChainHeads) -> None:
        wanted = [(head.lane, head.number, head.hash) for head in kept.lanes]
        if kept.number:
            wanted.append((ROUNDS, kept.number, kept.hash))
        found = await self._connection.fetch(
            _KEPT, [lane for lane, _, _ in wanted], [number for _, number, _ in wanted]
        )
        hashes = {(row["lane"], row["number"]): row["hash"].hex() for row in found}
        for lane, number, was in wanted:
            is_now = hashes.get((lane, number))
            if is_now != was:
                now = "is gone" if is_now is None else f"is {is_now[:16]}…"
                self._say(KEPT, f"{name_of(lane, number)} was {was[:16]}… when kept, now it {now}.")

    async def _fetch(self, query: str, *arguments: object) -> list[Link]:
        return [Link(*row) for row in await self._connection.fetch(query, *arguments)]

    def _say(self, check: str, sentence: str) -> None:
        self.compared.say(check, sentence)


_LINK = ", ".join(f"s.{name}" for name in Link.__struct_fields__)
_MARKED = "SELECT COALESCE((SELECT position FROM payments.watermark WHERE name = $1), 0)"
_ROUNDS = f"""
SELECT {_LINK} FROM payments.seal s WHERE s.lane = {ROUNDS} AND s.number > $1
ORDER BY s.number LIMIT 100
"""
_LINKS = f"""
SELECT {_LINK} FROM unnest($1::smallint[], $2::bigint[], $3::bigint[]) AS w (lane, low, high)
JOIN payments.seal s ON s.lane = w.lane AND s.number BETWEEN w.low AND w.high
ORDER BY s.lane, s.number
"""
_FOREIGN = f"""
SELECT lane, number FROM payments.seal WHERE lane NOT BETWEEN {ROUNDS} AND 63 OR number < 1
ORDER BY 1, 2 LIMIT {NAMED_COUNT_MAX}
"""
_KEPT = """
SELECT s.lane, s.number, s.hash FROM unnest($1::smallint[], $2::bigint[]) AS w (lane, number)
JOIN payments.seal s USING (lane, number)
"""
_LINES = """
SELECT transfer_id, string_agg(format('%s đ on account %s, happened %s', amount_vnd, account_id,
                                      occurred_at), ' and ' ORDER BY account_id)
FROM payments.entry WHERE transfer_id = ANY($1) GROUP BY transfer_id
"""
