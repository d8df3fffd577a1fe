"""`python -m loadtests.road`: the whole road at a fixed rate, measured where the vendor stands.

A till opens a sale and gets its code; the buyer's bank sends the signed notice; the till hears that
the money came. Arrivals come by the clock, whether or not the market keeps up, so a market that is
too slow is seen as one. Afterwards every acknowledged notice must be in the ledger exactly once.

    python -m market demo --days 0 --speed 0.001 --data DIR --quiet &
    python -m loadtests.road --data DIR --rates 140,300,340 --seconds 20 --repetitions 3
"""

import argparse
import asyncio
import gc
import json
import os
import statistics
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import uvloop

from loadtests import world
from loadtests.bench.machine import commit, machine, versions
from loadtests.journal import Journal, wrong_in
from market import ids, serve
from market.settings import Settings
from payments.gateways import sepay

TILLS_MAX = 40
CONNECTIONS_MAX = 200
LOOK_SECONDS = 0.3
"""From the code on the till's screen to the bank's notice."""
WAIT_SECONDS = 15.0
"""How long after the last arrival a till may still hear."""
REST_SECONDS = 8.0
"""Between two runs: what the first left to do is done."""
ROOT = Path(__file__).parent.parent
FLOORS = {"roads_per_second": 300, "notice_to_till_p99_ms": 600}


@dataclass
class Answer:
    """What came back: status, headers as they came, body."""

    status: int
    head: bytes
    body: bytes


class Pool:
    """Kept connections of HTTP/1.1, as many as are needed at once."""

    def __init__(self, host: str, port: int) -> None:
        self.host, self.port = host, port
        self._idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
        self._limit = asyncio.Semaphore(CONNECTIONS_MAX)

    async def ask(self, request: bytes) -> Answer:
        """Send one request and read its answer."""
        async with self._limit:
            if self._idle:
                reader, writer = self._idle.pop()
            else:
                reader, writer = await asyncio.open_connection(self.host, self.port)
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            length = _header(head, b"content-length")
            body = await reader.readexactly(int(length)) if length else b""
            self._idle.append((reader, writer))
            return Answer(int(head[9:12]), head, body)

    async def close(self) -> None:
        """Let all go."""
        for _, writer in self._idle:
            writer.close()


@dataclass
class Till:
    """A signed-in vendor at a stall, with the headers of every request."""

    stall: world.Stall
    cookies: str = ""
    token: str = ""


@dataclass
class Run:
    """What was seen, in milliseconds."""

    sale_ms: list[float] = field(default_factory=list)
    notice_ms: list[float] = field(default_factory=list)
    heard_ms: list[float] = field(default_factory=list)
    told_at: dict[str, float] = field(default_factory=dict)
    """When the notice of a sale that is not heard of yet was sent."""
    heard_at: dict[str, float] = field(default_factory=dict)
    refused: dict[int, int] = field(default_factory=dict)
    journal: Journal = field(default_factory=Journal)
    last_heard: float = 0.0


def _header(head: bytes, name: bytes) -> bytes:
    low = head.lower()
    start = low.find(b"\r\n" + name + b":")
    if start < 0:
        return b""
    return head[start + len(name) + 3 : low.index(b"\r\n", start + 2)].strip()


class Road:
    """One run against one market."""

    def __init__(self, url: str, database_url: str, rate: float, seconds: float) -> None:
        where = urlsplit(url)
        assert where.hostname is not None
        assert where.port is not None
        self.pool = Pool(where.hostname, where.port)
        self.host = where.netloc
        self.database_url, self.rate, self.seconds = database_url, rate, seconds
        self.run = Run()
        self.all_heard = asyncio.Event()
        self.number = time.time_ns() // 1_000
        self.secret = Settings().sepay_secret

    async def go(self) -> dict[str, Any]:
        """Sign in, listen, sell; what was measured."""
        stalls = world.stalls(self.database_url)
        by_person = {one.person_id: one for one in stalls}
        tills = [Till(one) for one in list(by_person.values())[:TILLS_MAX]]
        if not tills:
            raise SystemExit("This market has no stall with a code: start it with `market demo`.")
        for till in tills:
            await self._sign_in(till)
        listening = [asyncio.create_task(self._listen(till)) for till in tills]
        await asyncio.sleep(1)
        gc.collect()
        gc.freeze()
        before = _cpu_seconds()
        start = time.perf_counter()
        await self._arrive(tills, start)
        if self.run.told_at:
            self.all_heard.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(self.all_heard.wait(), WAIT_SECONDS)
        lasted = (self.run.last_heard or time.perf_counter()) - start
        used = {name: seconds - before.get(name, 0.0) for name, seconds in _cpu_seconds().items()}
        for task in listening:
            task.cancel()
        await asyncio.gather(*listening, return_exceptions=True)
        await self.pool.close()
        return self._report(lasted, used)

    async def _arrive(self, tills: Sequence[Till], start: float) -> None:
        roads = set()
        for index in range(int(self.rate * self.seconds)):
            wait = start + index / self.rate - time.perf_counter()
            if wait > 0:
                await asyncio.sleep(wait)
            road = asyncio.create_task(self._road(tills[index % len(tills)]))
            roads.add(road)
            road.add_done_callback(roads.discard)
        await asyncio.gather(*roads)

    async def _sign_in(self, till: Till) -> None:
        got = await self._get(f"/demo/la/{till.stall.person_id}?tiep=/toi", "")
        jar = _cookies(got.head)
        page = await self._get(f"/api/stalls/{till.stall.stall_id}", _written(jar))
        assert page.status == 200, page.body
        jar |= _cookies(page.head)
        till.token, till.cookies = jar["cho_csrf"], _written(jar)

    async def _get(self, path: str, cookies: str) -> Answer:
        head = f"GET {path} HTTP/1.1\r\nhost: {self.host}\r\ncookie: {cookies}\r\n\r\n"
        return await self.pool.ask(head.encode())

    def _post(self, path: str, headers: str, body: bytes) -> bytes:
        return (
            f"POST {path} HTTP/1.1\r\nhost: {self.host}\r\ncontent-type: application/json\r\n"
            f"content-length: {len(body)}\r\n{headers}\r\n"
        ).encode() + body

    async def _road(self, till: Till) -> None:
        amount_vnd = 1_000 * (20 + self.number % 400)
        sale_id = str(ids.new())
        sale = {
            "sale_id": sale_id, "amount_vnd": amount_vnd, "method": "vietqr", "lines": [],
            "sold_at": datetime.now(UTC).isoformat(),  # noqa: TID251 - a till has its own clock
        }  # fmt: skip
        path = f"/api/stalls/{till.stall.stall_id}/sales"
        headers = f"cookie: {till.cookies}\r\nx-csrftoken: {till.token}\r\n"
        began = time.perf_counter()
        answer = await self.pool.ask(self._post(path, headers, json.dumps(sale).encode()))
        self.run.sale_ms.append((time.perf_counter() - began) * 1e3)
        if answer.status != 201:
            self._refused(answer)
            return
        memo = json.loads(answer.body)["memo"]
        await asyncio.sleep(LOOK_SECONDS)
        self.number += 1
        number = self.number
        body = world.notice(number, till.stall, amount_vnd, memo)
        timestamp = int(time.time())
        headers = (
            f"{sepay.TIMESTAMP_HEADER}: {timestamp}\r\n"
            f"{sepay.SIGNATURE_HEADER}: {sepay.sign(self.secret, timestamp, body)}\r\n"
        )
        began = self.run.told_at[sale_id] = time.perf_counter()
        answer = await self.pool.ask(self._post("/hooks/sepay", headers, body))
        self.run.notice_ms.append((time.perf_counter() - began) * 1e3)
        if answer.status == 200:
            self.run.journal.notices[str(number)] = amount_vnd
        else:
            self._refused(answer)

    def _refused(self, answer: Answer) -> None:
        self.run.refused[answer.status] = self.run.refused.get(answer.status, 0) + 1

    async def _listen(self, till: Till) -> None:
        """Be the till's screen: hear of money."""
        reader, writer = await asyncio.open_connection(self.pool.host, self.pool.port)
        path = f"/api/stalls/{till.stall.stall_id}/events"
        head = f"GET {path} HTTP/1.1\r\nhost: {self.host}\r\ncookie: {till.cookies}\r\n\r\n"
        writer.write(head.encode())
        try:
            async for line in reader:
                start = line.find(b'"sale_id":"')
                if line.startswith(b"data:") and b'"outcome":"settled"' in line and start > 0:
                    self._heard(line[start + 11 : start + 47].decode())
        finally:
            writer.close()

    def _heard(self, sale_id: str) -> None:
        began = self.run.told_at.pop(sale_id, None)
        if began is not None:
            self.run.last_heard = time.perf_counter()
            self.run.heard_ms.append((self.run.last_heard - began) * 1e3)
        if not self.run.told_at:
            self.all_heard.set()

    def _report(self, lasted: float, used: dict[str, float]) -> dict[str, Any]:
        wrong = list(wrong_in(self.database_url, self.run.journal))
        heard = len(self.run.heard_ms)
        return {
            "rate_asked": self.rate,
            "seconds": self.seconds,
            "roads": heard,
            "roads_per_second": round(heard / lasted, 1),
            "sale_p50_ms": _part(self.run.sale_ms, 50),
            "sale_p99_ms": _part(self.run.sale_ms, 99),
            "notice_p50_ms": _part(self.run.notice_ms, 50),
            "notice_p99_ms": _part(self.run.notice_ms, 99),
            "notice_to_till_p50_ms": _part(self.run.heard_ms, 50),
            "notice_to_till_p99_ms": _part(self.run.heard_ms, 99),
            "never_heard": len(self.run.told_at),
            "refused": self.run.refused,
            "wrong_in_ledger": wrong[:20],
            "cpu_ms_per_road": {
                name: round(seconds * 1e3 / max(1, heard), 2)
                for name, seconds in sorted(used.items(), key=lambda one: -one[1])
                if seconds > 0.01
            },
        }


def _cookies(head: bytes) -> dict[str, str]:
    found = {}
    for line in head.decode("latin-1").split("\r\n"):
        name, _, value = line.partition(":")
        if name.lower() == "set-cookie":
            key, _, told = value.strip().split(";")[0].partition("=")
            found[key] = told
    return found


def _written(jar: dict[str, str]) -> str:
    return "; ".join(f"{name}={value}" for name, value in jar.items())


def _part(values: Sequence[float], percent: int) -> float:
    if len(values) < 2:
        return 0.0
    return round(statistics.quantiles(values, n=100, method="inclusive")[percent - 1], 1)


def _cpu_seconds() -> dict[str, float]:
    """Processor time so far of everything that this user runs, by what it is."""
    ticks = os.sysconf("SC_CLK_TCK")
    found: dict[str, float] = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0")
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        name = _what(int(entry.name), words)
        if name:
            found[name] = found.get(name, 0.0) + (int(fields[11]) + int(fields[12])) / ticks
    return found


def _what(pid: int, words: Sequence[bytes]) -> str:
    if pid == os.getpid():
        return "load generator"
    if b"market.cli" in words:
        return words[words.index(b"market.cli") + 1].decode()
    if words[0].startswith(b"postgres:") or words[0].endswith(b"/postgres"):
        return "postgres"
    return "web" if any(b"granian" in one for one in words) else ""


def main(arguments: Sequence[str]) -> int:
    """Measure; 1 where a payment is not in the ledger exactly once or was never heard."""
    parser = argparse.ArgumentParser(prog="loadtests.road", description=__doc__)
    parser.add_argument("--data", type=Path, default=Path(".market"), help="its data directory")
    parser.add_argument("--rates", type=_rates, default=[300.0], help="sales a second, by commas")
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--repetitions", type=int, default=1, help="rounds of all the rates")
    parser.add_argument("--out", type=Path, help="also write the figures, with the machine")
    parser.add_argument("--summary", type=Path, help="also put the answers into a summary.json")
    given = parser.parse_args(arguments)
    state = serve.state_of(given.data) or {}
    if not state.get("url"):
        parser.exit(2, f"No market runs on {given.data}: start `market demo`, or give --data.\n")
    measured: list[dict[str, Any]] = []
    for rate in given.rates * given.repetitions:
        if measured:
            time.sleep(REST_SECONDS)
        road = Road(state["url"], state["database_url"], rate, given.seconds)
        measured.append(uvloop.run(road.go()))
        sys.stdout.write(json.dumps(measured[-1], indent=2, ensure_ascii=False) + "\n")
    if given.out:
        what = {
            "machine": machine(given.data), "versions": versions(), "commit": commit(ROOT),
            "floors": FLOORS, "measured": measured,
        }  # fmt: skip
        given.out.write_text(json.dumps(what, indent=2, ensure_ascii=False) + "\n")
    if given.summary:
        kept = [one for one in json.loads(given.summary.read_text()) if one["id"][:1] != "R"]
        kept += answers(measured, datetime.now(UTC).isoformat(), commit(ROOT))  # noqa: TID251
        given.summary.write_text(json.dumps(kept, ensure_ascii=False, indent=1) + "\n")
    return 1 if any(one["wrong_in_ledger"] or one["never_heard"] for one in measured) else 0


def answers(measured: Sequence[dict[str, Any]], date: str, made_by: str) -> list[dict[str, Any]]:
    """The two questions of the road, as the other benches write theirs: medians and spread."""
    by_rate: dict[float, list[dict[str, Any]]] = {}
    for one in measured:
        by_rate.setdefault(one["rate_asked"], []).append(one)

    def figures(rate: float, name: str) -> list[float]:
        return [one[name] for one in by_rate.get(rate, ())]

    slow = FLOORS["notice_to_till_p99_ms"]
    heard, done = "notice_to_till_p99_ms", "roads_per_second"
    carried = [rate for rate in by_rate if statistics.median(figures(rate, heard)) <= slow]
    asked = [rate for rate in by_rate if rate >= FLOORS[done]]
    found = (
        ("R1", "Whole roads a second, a till told within 600 ms (p99)", "/s", "more",
         figures(max(carried, default=0), done), FLOORS[done], 1_000),
        ("R2", "From notice to till, p99 at 300 roads a second", "ms", "less",
         figures(min(asked, default=0), heard), slow, None),
    )  # fmt: skip
    return [
        {
            "id": name, "question": question, "ratio": statistics.median(told),
            "spread": [min(told), max(told)], "floor": floor, "wished": wished, "better": better,
            "reached": statistics.median(told) <= floor if better == "less"
            else statistics.median(told) >= floor,
            "unit": unit, "bound_by": "Python in the web process, then PostgreSQL.",
            "date": date, "commit": made_by,
        }
        for name, question, unit, better, told, floor, wished in found
        if told
    ]  # fmt: skip


def _rates(told: str) -> list[float]:
    return [float(one) for one in told.split(",")]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
