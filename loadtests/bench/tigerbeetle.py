"""TigerBeetle beside us, where somebody gives its address or its program. It is no dependency."""

import gc
import importlib
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from loadtests.bench.cell import Measured, Skipped, percentile
from loadtests.bench.load import Load

BATCH = 8_189
"""The most its message holds."""
LEDGER, CODE = 704, 1
START_SECONDS_MAX = 60
ACCOUNTS = 10_000
NATIVE_TRANSFERS = 1_000_000
PYTHON_TRANSFERS_PER_SECOND = 100_000
SHAPES = ("uniform", "hot")
REASON = "TigerBeetle is not here: give --tigerbeetle or --tigerbeetle-binary"


def cells() -> list[str]:
    """The keys of its cells."""
    return [f"tigerbeetle {how}/{shape}" for how in ("python", "native") for shape in SHAPES]


class TigerBeetle:
    """Its server, driven by its Python client and by its own benchmark."""

    def __init__(self, address: str, binary: Path | None, folder: Path) -> None:
        self._address = address
        self._binary = binary
        self._folder = folder

    def measure(self, key: str, load: Load, *, repetition: int, seconds: float) -> Measured:
        """One of its cells, once.

        Raises: Skipped.
        """
        how, shape = key.removeprefix("tigerbeetle ").split("/")
        if not self._address and self._binary is None:
            raise Skipped(REASON)
        if how == "native":
            return self._native(key, shape, repetition, seconds)
        with self._server() as address:
            return _by_client(key, address, load, shape, repetition, seconds)

    def _native(self, key: str, shape: str, repetition: int, seconds: float) -> Measured:
        if self._binary is None:
            raise Skipped("its own benchmark needs --tigerbeetle-binary")
        count = max(int(NATIVE_TRANSFERS * min(seconds / 4, 1)), 10 * BATCH)
        command = [
            str(self._binary.resolve()), "benchmark", f"--transfer-count={count}",
            f"--account-count={ACCOUNTS}", f"--transfer-batch-size={BATCH}", "--query-count=0",
        ]  # fmt: skip
        if shape == "hot":
            command += ["--account-count-hot=1", "--transfer-hot-percent=100"]
        done = subprocess.run(
            command, cwd=self._folder, capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            raise Skipped(f"its benchmark failed: {done.stderr.strip()[-200:]}")
        return read_benchmark(done.stdout + done.stderr, key, repetition, count)

    @contextmanager
    def _server(self) -> Iterator[str]:
        """The given server, or one of our own on a data file that is made and thrown away."""
        if self._address or self._binary is None:
            yield self._address
            return
        program = str(self._binary.resolve())
        folder = self._folder / f"tigerbeetle-{time.time_ns()}"
        folder.mkdir()
        data = folder / "0_0.tigerbeetle"
        identity = ["--cluster=0", "--replica=0", "--replica-count=1"]
        subprocess.run([program, "format", *identity, str(data)], check=True, capture_output=True)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        with (folder / "log").open("wb") as log:
            server = subprocess.Popen(
                [program, "start", f"--addresses=127.0.0.1:{port}", str(data)],
                stdout=log, stderr=log,
            )  # fmt: skip
        try:
            _wait_for(port, server)
            yield str(port)
        finally:
            server.kill()
            server.wait()
            shutil.rmtree(folder)


def read_benchmark(said: str, key: str, repetition: int, count: int) -> Measured:
    """What its benchmark printed.

    Raises: Skipped where that has no rate.
    """
    rate = re.search(r"load accepted = ([\d.]+)", said)
    if rate is None:
        raise Skipped("its benchmark printed no rate")
    p50, p99 = (
        re.search(rf"(?:batch )?latency p{percent} = ([\d.]+)", said) for percent in (50, 99)
    )
    accepted = float(rate[1])
    return _measured(
        key,
        repetition,
        count,
        count / accepted,
        (float(p50[1]) if p50 else 0.0, float(p99[1]) if p99 else 0.0),
        None,
    )


def _by_client(
    key: str, address: str, load: Load, shape: str, repetition: int, seconds: float
) -> Measured:
    try:
        tb: Any = importlib.import_module("tigerbeetle")
    except ImportError as error:
        raise Skipped("its Python client is not installed (pip install tigerbeetle)") from error
    ids = {one: tb.id() for owner in load.owners for one in (owner.bank_id, owner.sales_id)}
    with tb.ClientSync(cluster_id=0, replica_addresses=address) as client:
        accounts = [tb.Account(id=one, ledger=LEDGER, code=CODE) for one in ids.values()]
        for start in range(0, len(accounts), BATCH):
            _refuse_failures(client.create_accounts(accounts[start : start + BATCH]))
        count = max(int(seconds * PYTHON_TRANSFERS_PER_SECOND), BATCH)
        chosen = load.choose(shape, count).tolist()
        # Objects are made outside the clock, as for our own ledger.
        transfers = [
            tb.Transfer(
                id=tb.id(),
                debit_account_id=ids[load.owners[owner].bank_id],
                credit_account_id=ids[load.owners[owner].sales_id],
                amount=45_000,
                ledger=LEDGER,
                code=CODE,
            )
            for owner in chosen
        ]
        gc.collect()
        gc.freeze()  # as for our own ledger: the inputs are the bench's
        try:
            return _drive(client, transfers, key, repetition, seconds)
        finally:
            gc.unfreeze()


def _drive(
    client: Any, transfers: Sequence[Any], key: str, repetition: int, seconds: float
) -> Measured:
    took: list[float] = []
    done = 0
    began, cpu = time.perf_counter(), time.process_time()
    while done < len(transfers) and time.perf_counter() - began < seconds:
        batch = transfers[done : done + BATCH]
        start = time.perf_counter()
        _refuse_failures(client.create_transfers(batch))
        took.append((time.perf_counter() - start) * 1_000)
        done += len(batch)
    elapsed = time.perf_counter() - began
    python_us = (time.process_time() - cpu) * 1e6 / done
    calls = percentile(took, 50), percentile(took, 99)
    return _measured(key, repetition, done, elapsed, calls, python_us)


def _refuse_failures(results: Sequence[Any]) -> None:
    """Older clients answer with failures only, newer ones with a status for each."""
    failed = [
        one for one in results if getattr(getattr(one, "status", None), "name", "") != "CREATED"
    ]
    if failed:
        raise RuntimeError(f"TigerBeetle refused {len(failed)}, the first with {failed[0]}")


def _measured(
    key: str,
    repetition: int,
    count: int,
    seconds: float,
    calls: tuple[float, float],
    python_us: float | None,
) -> Measured:
    return Measured(
        cell=key,
        repetition=repetition,
        transfers=count,
        seconds=seconds,
        rate=count / seconds,
        wal_bytes=None,
        postgres_us=None,
        python_us=python_us,
        disk_bytes=None,
        call_ms_p50=calls[0],
        call_ms_p99=calls[1],
        memory_mb=None,
        errors=0,
    )


def _wait_for(port: int, server: "subprocess.Popen[bytes]") -> None:
    until = time.monotonic() + START_SECONDS_MAX
    while time.monotonic() < until and server.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise Skipped("its server did not start")
