"""Links of the hash chain against the rows and the links they close over. Pure.

Where two disagree a third says which of them was changed: a link's hash speaks for its rows, the
stored ids and leaves name the row, the next link and the round speak for the hash.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from payments.ledger.links import (
    SHORT_BYTES,
    ZERO,
    Link,
    closes,
    link_over_links,
    link_over_rows,
    links_named,
    name_of,
    pieces_of,
    short,
)
from payments.ledger.wire import ID_BYTES, Rows, Said

ASTRAY_COUNT_MAX = 200_000
"""Rows remembered that are not where they were sealed; of more, only how many."""
NAMED_COUNT_MAX = 100
"""Differences told per check; more of one kind say nothing new."""
ROWS = "transfers are as they were sealed"
LINKS = "seals are as they were made"
KEPT = "the chain holds the heads kept elsewhere"


class Place(NamedTuple):
    """Where a row was sealed, and how its leaf began."""

    lane: int
    number: int
    row: int
    short: bytes

    def __str__(self) -> str:
        """For a sentence."""
        return f"sealed as row {self.row} of seal {self.number} of lane {self.lane}"


class Comparison:
    """What was compared so far, and every difference found, in words."""

    def __init__(self) -> None:
        self.sentences: dict[str, list[str]] = {ROWS: [], LINKS: [], KEPT: []}
        self.gone: dict[bytes, Place] = {}
        """Rows that are not there, by id: removed, moved, or in another window."""
        self.extra: dict[bytes, Said] = {}
        """Rows that no link closes over, by id."""
        self.astray_count = 0
        """How many of both there are, remembered or not."""
        self._ends: dict[int, tuple[int, bytes]] = {}

    def say(self, check: str, sentence: str) -> None:
        """Keep a difference."""
        if len(self.sentences[check]) < NAMED_COUNT_MAX:
            self.sentences[check].append(sentence)

    def changed(self, place: Place, said: Said) -> None:
        """A row is not what it was."""
        self.say(ROWS, f"Transfer {said.id}, {place}, was changed; now it says {said}.")

    def number_of(self, lane: int) -> int:
        """The last number of a chain that was compared."""
        return self._ends.get(lane, (0, ZERO))[0]

    def follow(self, link: Link) -> bytes:
        """The next link of its chain; says what is missing before it. The hash it has to follow."""
        number, previous = self._ends.get(link.lane, (0, ZERO))
        for lost in range(number + 1, min(link.number, number + 1 + NAMED_COUNT_MAX)):
            self.say(LINKS, f"{name_of(link.lane, lost)} is gone.")
        if link.number == number + 1 and link.previous != previous:
            self.say(LINKS, f"{link.name} does not follow the hash of the one before it.")
        self._ends[link.lane] = (link.number, link.hash)
        return previous

    # ── Links against rounds ────────────────────────────────────────────────────────────────────

    def round(self, one: Link, found: Mapping[tuple[int, int], Link]) -> int | None:
        """A round against the links it closes over; where it ends, if its hash proves it."""
        previous = self.follow(one)
        named = links_named(one.ids)
        for pair in named:
            if pair not in found:
                self.say(LINKS, f"{name_of(*pair)} is gone; {_lower(one)} closes over it.")
        links = [found[pair] for pair in named if pair in found]
        if not named:
            self.say(LINKS, f"{one.name} was changed: ids.")
        if not links or len(links) < len(named):
            return None
        hashes = b"".join(link.hash for link in links)
        if closes(one, hashes):
            if one.leaves != short(hashes):
                self.say(LINKS, f"{one.name} was changed: leaves.")
            return one.position_last
        changed = [
            link
            for link, known in zip(links, pieces_of(one.leaves, SHORT_BYTES), strict=False)
            if link.hash[:SHORT_BYTES] != known
        ]
        for link in changed:
            self.say(LINKS, f"{link.name} has another hash than {_lower(one)} closes over.")
        right = link_over_links(
            links, number=one.number, previous=one.previous, sealed_at=one.sealed_at
        )
        if not changed:
            self._explain(one, right, previous)
        return right.position_last if right.hash == one.hash else None

    # ── Rows against links ──────────────────────────────────────────────────────────────────────

    def lane(self, links: Sequence[Link], rows: Rows) -> None:
        """A lane's next links against its next rows, both in order."""
        previous = [self.follow(link) for link in links]
        start = 0
        for link in links:
            count = len(link.ids) // ID_BYTES
            if not _is_over(link, rows[start : start + count]):
                break
            start += count
        else:
            if start == len(rows):
                return
        self._search(links, previous, rows)

    def _search(self, links: Sequence[Link], previous: Sequence[bytes], rows: Rows) -> None:
        """As `lane`, where links and rows do not simply lie side by side."""
        known = {row_id: at for at, row_id in enumerate(pieces_of(rows.id.tobytes(), ID_BYTES))}
        used = np.zeros(len(rows), bool)
        for link, follows in zip(links, previous, strict=True):
            which = _rows_of(link, rows, known)
            if which is None:
                self._parts(link, rows, known, used)
            else:
                used[which] = True
                self._differ(link, rows[which], follows)
        for at in np.flatnonzero(~used):
            self.astray_count += 1
            if len(self.extra) < ASTRAY_COUNT_MAX:
                said = rows.said(int(at))
                self.extra[said.id.bytes] = said

    def _differ(self, link: Link, rows: Rows, previous: bytes) -> None:
        """Say how a link and the rows it names or that lie in its place differ, if they do."""
        if _is_over(link, rows):
            return
        right = _right(link, rows)
        shorts = pieces_of(link.leaves, SHORT_BYTES)
        if right.hash != link.hash and not closes(link, rows.leaf.tobytes()):
            changed = [
                (number, known)
                for number, known in enumerate(shorts[: len(rows)])
                if rows.leaf[number].tobytes()[:SHORT_BYTES] != known
            ]
            for number, known in changed:
                place = Place(link.lane, link.number, number + 1, known)
                self.changed(place, rows.said(number))
            if changed:
                return
        self._explain(link, right, previous)

    def _parts(self, link: Link, rows: Rows, known: Mapping[bytes, int], used: Any) -> None:
        """A link of which rows are missing: those that are there are compared one by one."""
        shorts = pieces_of(link.leaves, SHORT_BYTES)
        for number, row_id in enumerate(pieces_of(link.ids, ID_BYTES)):
            begun = shorts[number] if number < len(shorts) else b""
            place = Place(link.lane, link.number, number + 1, begun)
            if len(row_id) < ID_BYTES:
                self.say(LINKS, f"{link.name} was changed: ids.")
            elif row_id not in known:
                self.astray_count += 1
                if len(self.gone) < ASTRAY_COUNT_MAX:
                    self.gone[row_id] = place
            else:
                at = known[row_id]
                used[at] = True
                if rows.leaf[at].tobytes()[:SHORT_BYTES] != begun:
                    self.changed(place, rows.said(at))

    def _explain(self, link: Link, right: Link, previous: bytes) -> None:
        """Say which columns of a link are not what they were when it was made."""
        wrong = [
            name
            for name in Link.__struct_fields__
            if name != "hash" and getattr(link, name) != getattr(right, name)
        ]
        if not wrong:
            wrong = ["previous" if link.previous != previous else "hash or sealed_at"]
        self.say(LINKS, f"{link.name} was changed: {', '.join(wrong)}.")


def _rows_of(link: Link, rows: Rows, known: Mapping[bytes, int]) -> Any:
    """Which rows a link closes over: those between its positions if its hash proves them, or those
    with its ids; None where not all of these are there.
    """
    low = np.searchsorted(rows.position, link.position_first)
    high = np.searchsorted(rows.position, link.position_last, side="right")
    between = np.arange(low, high)
    if len(between) and closes(link, rows.leaf[between].tobytes()):
        return between
    wanted = pieces_of(link.ids, ID_BYTES)
    if wanted and all(row_id in known for row_id in wanted):
        return np.array([known[row_id] for row_id in wanted], np.int64)
    return None


def _is_over(link: Link, rows: Rows) -> bool:
    """Whether a link closes over exactly these rows."""
    leaves = rows.leaf.tobytes()
    return (
        len(rows) > 0
        and link.ids == rows.id.tobytes()
        and link.leaves == short(leaves)
        and closes(link, leaves)
    )


def _right(link: Link, rows: Rows) -> Link:
    """The link as it would be over these rows."""
    return link_over_rows(
        rows,
        lane=link.lane,
        number=link.number,
        previous=link.previous,
        sealed_at=link.sealed_at,
    )


def _lower(link: Link) -> str:
    return link.name[0].lower() + link.name[1:]
