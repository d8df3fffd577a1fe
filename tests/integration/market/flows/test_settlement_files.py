"""The inbox of an acquirer: each file becomes a session or is refused with its reason."""

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from market.db import Database
from market.flows.context import Context
from market.flows.settlement_files import load_settlement_files
from market.settings import Settings
from payments import clearing
from payments.reconciliation.provider_file import Row, written

NOW = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)


def file_of(day: date, *numbers: str, amount: int = 85_000) -> bytes:
    return written(
        [
            Row(
                seq=seq, settlement_date=day.isoformat(), tmn_code="T", txn_ref=f"R{number}",
                provider_txn_no=number, bank_tran_no="", bank_code="NCB", txn_type="PAYMENT",
                txn_time=f"{day:%Y%m%d}120000", amount=amount, fee=765, fee_vat=77,
                net_amount=amount - 842, currency="VND", status="00",
                original_provider_txn_no="", remark="",
            )
            for seq, number in enumerate(numbers, 1)
        ]
    )  # fmt: skip


SATURDAY, SUNDAY = date(2026, 11, 21), date(2026, 11, 22)


@pytest.fixture
def context(database: Database, tmp_path: Path) -> Context:
    settings = Settings(database_url=database.url, data=tmp_path)
    return Context(database, settings, lambda: NOW)


@pytest.fixture
def vnpay(tmp_path: Path) -> Path:
    folder = tmp_path / "settlement" / "vnpay"
    (folder / "inbox").mkdir(parents=True)
    return folder


def lie(folder: Path) -> dict[str, list[str]]:
    return {
        place.name: sorted(one.name for one in place.iterdir())
        for place in sorted(folder.iterdir())
        if any(place.iterdir())
    }


async def sessions_of(database: Database) -> list[tuple[str, date, int]]:
    async with database.as_system() as db:
        found = await clearing.sessions(db)
    return [(one.acquirer, one.day, one.row_count) for one in found]


async def test_without_an_inbox_nothing_happens(context, database) -> None:
    await load_settlement_files(context, {})

    assert await sessions_of(database) == []


async def test_each_file_becomes_a_session_and_is_put_away(context, database, vnpay) -> None:
    (vnpay / "inbox" / "a.csv").write_bytes(file_of(SUNDAY, "1", "2"))
    (vnpay / "inbox" / "b.csv").write_bytes(file_of(SATURDAY, "3"))
    (vnpay / "inbox" / "c.part").write_bytes(b"half a fi")

    for _ in range(2):
        await load_settlement_files(context, {})

    assert await sessions_of(database) == [("vnpay", SUNDAY, 2), ("vnpay", SATURDAY, 1)]
    assert lie(vnpay) == {"done": ["a.csv", "b.csv"], "inbox": ["c.part"]}


async def test_the_same_file_again_changes_nothing(context, database, vnpay) -> None:
    for name in ("a.csv", "again.csv"):
        (vnpay / "inbox" / name).write_bytes(file_of(SUNDAY, "1"))

    await load_settlement_files(context, {})

    assert await sessions_of(database) == [("vnpay", SUNDAY, 1)]
    assert lie(vnpay) == {"done": ["a.csv", "again.csv"]}


async def test_a_file_that_cannot_be_taken_costs_the_others_nothing(
    context, database, vnpay
) -> None:
    (vnpay / "inbox" / "1-cut.csv").write_bytes(file_of(SATURDAY, "1")[:-40])
    (vnpay / "inbox" / "2-empty.csv").write_bytes(b"")
    (vnpay / "inbox" / "3-good.csv").write_bytes(file_of(SUNDAY, "2"))
    (vnpay / "inbox" / "4-other.csv").write_bytes(file_of(SUNDAY, "2", "3"))

    await load_settlement_files(context, {})

    assert await sessions_of(database) == [("vnpay", SUNDAY, 1)]
    assert lie(vnpay) == {
        "done": ["3-good.csv"],
        "refused": [
            name + end
            for name in ("1-cut.csv", "2-empty.csv", "4-other.csv") for end in ("", ".json", ".txt")
        ],
    }  # fmt: skip
    assert all(one.read_text().strip() for one in (vnpay / "refused").glob("*.txt"))


async def test_a_simulated_acquirer_that_does_not_answer_stops_nothing(
    context, database, vnpay
) -> None:
    settings = Settings(
        database_url=database.url, data=context.settings.data, simulated=True,
        vnpay_url="http://127.0.0.1:9", stripe_url="http://127.0.0.1:9",
    )  # fmt: skip
    (vnpay / "inbox" / "a.csv").write_bytes(file_of(SUNDAY, "1"))

    await load_settlement_files(Context(database, settings, lambda: NOW), {})

    assert await sessions_of(database) == [("vnpay", SUNDAY, 1)]
