"""Settlement files load by themselves: what lies in the inbox of an acquirer becomes a session.

`<data>/settlement/<acquirer>/inbox` is where an acquirer's SFTP or a person puts a day's file. Taken, it moves
to `done`; refused, to `refused`, with the reason beside it. Where the acquirer is simulated, its file of
each day that is over is fetched into the inbox first.
"""

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import httpx
import structlog
from sqlalchemy import text

import payments
from market import clock, ids, outgoing
from market.flows.context import Context
from payments.clearing import ClearingError
from payments.reconciliation import ReconciliationBusy, RecordUnreadable

FOLDER, INBOX, DONE, REFUSED = "settlement", "inbox", "done", "refused"
ACQUIRERS = ("vnpay", "stripe")
FETCHED_DAYS = 7
"""How far back a simulated acquirer is asked: as long as a file may wait for us."""
FILE_BYTES_MAX = 512 * 1024 * 1024
"""Over a million rows; a larger one is no file of a day."""
_HEADER_LINES = 2
"""A file of nothing has its header and its trailer."""

log = structlog.get_logger("market.settlement_files")


async def load_settlement_files(context: Context, _: dict[str, Any]) -> None:
    """Job: every file in an inbox is a session or refused, with the reason. Safe to repeat: the same
    file again changes nothing. One file that cannot be taken costs the others nothing.
    """
    if context.settings.demo or context.settings.simulated:
        await _fetch(context)
    for acquirer in ACQUIRERS:
        for path in sorted((_folder(context, acquirer) / INBOX).glob("*.csv")):
            await _load(context, acquirer, path)


async def _load(context: Context, acquirer: str, path: Path) -> None:
    raw = _read(path)
    if raw is None:
        _put_away(path, REFUSED, "The file is larger than any day's.")
        return
    try:
        loaded = await payments.load_provider_file(
            context.database.url, raw, session_id=ids.new(), acquirer=acquirer, now=context.now()
        )
    except ReconciliationBusy:
        return  # it lies there for the next run
    except (RecordUnreadable, ClearingError) as wrong:
        log.warning(
            "a settlement file was refused", acquirer=acquirer, file=path.name, why=str(wrong)
        )
        _put_away(path, REFUSED, str(wrong))
        return
    log.info("a settlement file was loaded", acquirer=acquirer, session=str(loaded.session_id))
    _put_away(path, DONE)


def _read(path: Path) -> bytes | None:
    return path.read_bytes() if path.stat().st_size <= FILE_BYTES_MAX else None


def _put_away(path: Path, where: str, why: str = "") -> None:
    folder = path.parents[1] / where
    folder.mkdir(exist_ok=True)
    if why:
        (folder / f"{path.name}.txt").write_text(why + "\n", encoding="utf-8")
    path.replace(folder / path.name)


def _folder(context: Context, acquirer: str) -> Path:
    return context.settings.data / FOLDER / acquirer


async def _fetch(context: Context) -> None:
    """The simulated acquirer's files of the last days that are over and have no session, if it answers."""
    inbox = _folder(context, "vnpay") / INBOX
    inbox.mkdir(parents=True, exist_ok=True)
    today = clock.local_day(context.now())
    missing = await _days_without(
        context, [today - timedelta(n) for n in range(1, FETCHED_DAYS + 1)]
    )
    async with outgoing.client(base_url=context.settings.vnpay_url, timeout=30) as http:
        for day in missing:
            if (inbox.parent / REFUSED / f"{day}.csv").exists():
                continue
            try:
                told = await http.get("/control/settlement", params={"day": day.isoformat()})
            except httpx.HTTPError as failed:
                log.warning("no settlement file was fetched", error=type(failed).__name__)
                return
            if told.status_code == 200 and len(told.text.splitlines()) > _HEADER_LINES:
                part = inbox / f"{day}.part"  # a file that is half there has another name
                part.write_bytes(told.content)
                part.replace(inbox / f"{day}.csv")


async def _days_without(context: Context, days: list[date]) -> list[date]:
    async with context.database.as_system() as db:
        found = await db.execute(_LOADED, {"acquirer": "vnpay", "days": days})
        loaded = set(found.scalars().all())
    return [day for day in sorted(days) if day not in loaded]


# Withdrawn ones too: what a person took back, only a person loads again.
_LOADED = text(
    "SELECT day FROM payments.settlement_session WHERE acquirer = :acquirer AND day = ANY (:days)"
)
