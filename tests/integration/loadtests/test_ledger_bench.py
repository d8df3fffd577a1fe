import asyncio
import contextlib
import csv
import io
import json
import shutil
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
import pytest

import payments
from loadtests import ledger_bench
from loadtests.bench import fill, ours
from loadtests.bench.beside import Accompanied, Writers
from loadtests.bench.book import Book
from loadtests.bench.cell import Cell, measure
from loadtests.bench.load import Load, transfers_of
from loadtests.bench.server import Server
from loadtests.bench.tigerbeetle import REASON

CASES = "statements x8/uniform,array 1000/uniform,array 8000/uniform*,tigerbeetle*"
SMALL = ("--owners", "20", "--seconds", "0.05", "--rows", "0,20k", "--repetitions", "2")


@dataclass(frozen=True)
class Ran:
    code: int
    printed: dict[str, Any]
    folder: Path


@pytest.fixture(scope="module")
def ran(server_url, tmp_path_factory):
    folder = tmp_path_factory.mktemp("benchmarks")
    (folder / "summary.json").write_text(
        '[{"id": "E1", "ratio": 0.9}, {"id": "P-old", "ratio": 1}]'
    )
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        code = ledger_bench.main(
            [*SMALL, "--cases", CASES, "--json", "--url", server_url, "--out", str(folder)]
        )
    return Ran(code, json.loads(said.getvalue()), folder)


@pytest.fixture
def journal(database_url):
    load = Load(seed=7, owner_count=20)
    asyncio.run(ours.prepare(database_url, load))
    return database_url, load


def test_a_run_measures_every_cell_in_every_repetition(ran):
    with (ran.folder / "raw.csv").open() as file:
        rows = list(csv.DictReader(file))

    assert ran.code == 0
    assert ran.printed["problems"] == []
    assert [(row["cell"], row["repetition"]) for row in rows] == [
        (cell, repetition)
        for repetition in ("1", "2")
        for cell in (
            "statements x8/uniform",
            "array 1000/uniform",
            "array 8000/uniform",
            "array 8000/uniform@20000",
        )
    ]


def test_a_run_answers_by_ratios_and_says_why_it_does_not(ran):
    answers = {one["id"]: one for one in json.loads((ran.folder / "summary.json").read_text())}

    assert answers["P1-uniform"]["ratio"] > 1
    assert answers["P1-uniform"]["floor"] == 40
    assert answers["P1-uniform"]["spread"][0] <= answers["P1-uniform"]["ratio"]
    assert answers["P6"]["unit"] == "B"
    assert answers["P14-native"]["ratio"] is None
    assert REASON in answers["P14-native"]["bound_by"]
    assert answers.pop("E1")["ratio"] == 0.9, "the other bench's answer"
    assert list(answers.values()) == ran.printed["questions"]


def test_a_run_leaves_a_page_with_a_picture_for_every_answer(ran):
    page = (ran.folder / "README.md").read_text()
    answered = {one["id"] for one in ran.printed["questions"] if one["ratio"] is not None}
    pictures = {path.stem: path for path in (ran.folder / "charts").glob("*.svg")}

    assert answered == set(pictures) >= {"P1-uniform", "P6", "P7-arrays"}
    for name, path in pictures.items():
        assert f"charts/{name}.svg" in page
        assert ET.parse(path).getroot().tag.endswith("svg")  # noqa: S314 - our own
    assert "synchronous_commit on" in page
    assert str(ran.folder) not in page


def test_the_databases_of_a_run_are_gone_after_it(ran, server_url):
    with psycopg.connect(server_url) as connection:
        left = connection.execute(
            "SELECT count(*) FROM pg_database WHERE datname LIKE 'bench%'"
        ).fetchone()

    assert left == (0,)


def test_a_server_that_acknowledges_before_it_is_durable_is_refused(server_url, tmp_path, capsys):
    careless = f"{server_url}&options=-csynchronous_commit%3Doff"

    code = ledger_bench.main(["--quick", "--url", careless, "--out", str(tmp_path)])

    assert code == ledger_bench.UNFIT
    assert "synchronous_commit is off" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


async def test_a_lost_transfer_a_doubled_one_and_a_wrong_balance_are_each_noticed(journal):
    url, load = journal
    records = load.records("uniform", 10)
    more = load.records("uniform", 1)
    book = Book(url)
    book.open()
    ledger = payments.Ledger(url)
    await ledger.start()
    await ledger.post(*transfers_of(records))
    await ledger.close()

    right = book.wrong(records["id"])
    lost = book.wrong(np.concatenate([records["id"], more["id"]]))
    other = book.wrong(np.concatenate([records["id"][1:], more["id"]]))
    unasked = book.wrong(records["id"][1:])
    with psycopg.connect(url) as connection:
        connection.execute(
            "UPDATE payments.account SET balance_vnd = balance_vnd + 1 WHERE id = %s",
            (load.owners[0].bank_id,),
        )
    unequal = book.wrong(records["id"])
    book.close()

    assert right == []
    assert lost == ["11 were acknowledged, 10 stand in the journal"]
    assert other == ["10 were acknowledged, 10 stand in the journal"]
    assert unasked == ["9 were acknowledged, 10 stand in the journal"]
    assert unequal == ["1 balances differ from their entries", "balances sum to 1 đ"]


async def test_a_filled_journal_is_right_to_the_dong_and_lies_in_the_live_partition(journal):
    url, load = journal

    fill.fill(url, load, 5_000, lambda so_far: None)

    report = await payments.audit(url)
    with psycopg.connect(url) as connection:
        partitions = connection.execute(
            "SELECT tableoid::regclass::text, count(*) FROM payments.transfer GROUP BY 1"
        ).fetchall()
        ids = connection.execute(
            "SELECT count(*) FROM payments.transfer"
            " WHERE substr(id::text, 15, 1) = '7' AND position < payments.event_horizon()"
        ).fetchone()
    assert report.problems == ()
    assert [count for _, count in partitions] == [5_020]
    assert ids == (5_020,)


def test_every_way_to_ask_the_ledger_keeps_what_it_acknowledged(journal, server_url):
    url, load = journal
    server = Server(server_url, None)
    found = {}

    for kind in (
        ours.Ours, ours.Arrays, ours.Holds, ours.Linked, ours.Refused, ours.Replay, ours.Events,
        partial(ours.Callers, callers=8), ours.Settling, partial(Accompanied, job="seal"),
        partial(Accompanied, job="feed_statements"),
    ):  # fmt: skip
        cell = Cell("", lambda url, load, kind=kind: kind(url, load, "uniform", batch=100))
        found[kind] = asyncio.run(
            measure(server, cell, cell.make(url, load), repetition=1, seconds=0.05)
        )
    server.close()

    for one, problems in found.values():
        assert problems == []
        assert one.transfers > 0
        assert one.errors == 0


def test_two_writers_keep_what_they_acknowledged(journal, server_url):
    url, load = journal
    server = Server(server_url, None)
    cell = Cell("", lambda url, load: Writers(url, load, "uniform", is_disjoint=True))

    one, problems = asyncio.run(
        measure(server, cell, cell.make(url, load), repetition=1, seconds=0.05)
    )
    server.close()

    assert problems == []
    assert one.transfers > 0
    assert one.python_us > 0


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("wrk") is None, reason="wrk makes the load; apt-get install wrk")
def test_the_markets_own_endpoint_is_measured_in_a_process_of_its_own(server_url, tmp_path):
    code = ledger_bench.main(
        [
            "--owners", "20", "--seconds", "1", "--rows", "0", "--repetitions", "1",
            "--cases", "http bare,http durable,http bulk", "--url", server_url,
            "--out", str(tmp_path),
        ]
    )  # fmt: skip

    cells = {one["cell"]: one for one in json.loads((tmp_path / "run.json").read_text())["cells"]}
    assert code == 0
    assert set(cells) == {"http bare", "http durable", "http bulk"}
    assert cells["http durable"]["memory_mb"] > 0
    assert cells["http durable"]["python_us"] > 0
