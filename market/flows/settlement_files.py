"""Settlement files load by themselves: what lies in the inbox of an acquirer becomes a session.

`<data>/settlement/<acquirer>/inbox` is where an acquirer's SFTP or a person puts a day's file. Taken, it moves
to `done`; refused, to `refused`, with the reason beside it, for the clerk to see, to let it be tried again
(`try_again`) or to lay it aside. Where the acquirers are simulated, their files of
each day that is over are fetched into the inboxes first.
"""

import json
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import structlog
from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

import payments
from market import clock, ids, outbox, outgoing
from market.errors import NotFound
from market.flows.context import Context
from payments.clearing import ClearingError
from payments.reconciliation import ReconciliationBusy, RecordUnreadable

FOLDER, INBOX, DONE, REFUSED = "settlement", "inbox", "done", "refused"
ASIDE = "aside"
JOB = "load_settlement_files"
ACQUIRERS = ("vnpay", "stripe")
FETCHED_DAYS = 7
"""How far back a simulated acquirer is asked: as long as a file may wait for us."""
FILE_BYTES_MAX = 512 * 1024 * 1024
"""Over a million rows; a larger one is no file of a day."""
_LINES_OF_NOTHING = {"vnpay": 2, "stripe": 1}
"""A file of nothing has its header, and VNPAY's a trailer."""

log = structlog.get_logger("market.settlement_files")


@dataclass(frozen=True)
class RefusedFile:
    """A file of the inbox that could not be taken. `code` and `line` say why; line 0: all of it."""

    acquirer: str
    name: str
    refused_at: datetime
    code: str
    line: int
    detail: str


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
        _refuse(path, "record_too_large", "The file is larger than any day's.")
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
        _refuse(path, wrong.code, str(wrong), getattr(wrong, "line", 0))
        return
    log.info("a settlement file was loaded", acquirer=acquirer, session=str(loaded.session_id))
    _move(path, DONE)


def _read(path: Path) -> bytes | None:
    return path.read_bytes() if path.stat().st_size <= FILE_BYTES_MAX else None


def refused_files(data: Path) -> list[RefusedFile]:
    """What lies refused in the folders of this data directory, newest first."""
    found = [
        _refused(acquirer, path)
        for acquirer in ACQUIRERS
        for path in (data / FOLDER / acquirer / REFUSED).glob("*.csv")
    ]
    return sorted(found, key=lambda one: one.refused_at, reverse=True)


async def try_again(db: AsyncSession, data: Path, acquirer: str, name: str, now: datetime) -> None:
    """The refused file lies in its inbox again, and the inbox is looked into soon.

    Where another file of that name came meanwhile, that one is taken, and this one laid aside.
    Raises: NotFound.
    """
    path = _path_of(data, acquirer, name)
    waiting = path.parents[1] / INBOX / path.name
    _move(path, ASIDE if waiting.exists() else INBOX)
    await outbox.enqueue(db, JOB, {}, now=now)


def lay_aside(data: Path, acquirer: str, name: str) -> None:
    """Nobody wants the refused file any more: it is kept, and shown no longer.

    Raises: NotFound.
    """
    _move(_path_of(data, acquirer, name), ASIDE)


def _path_of(data: Path, acquirer: str, name: str) -> Path:
    """One of the refused files, never another path."""
    known = {(one.acquirer, one.name) for one in refused_files(data)}
    if (acquirer, name) not in known:
        raise NotFound("settlement_file", name[:80])
    return data / FOLDER / acquirer / REFUSED / name


def _refused(acquirer: str, path: Path) -> RefusedFile:
    why: dict[str, Any] = {}
    with suppress(OSError, ValueError):  # a file that somebody laid there by hand has no reason
        why = json.loads(_reason(path).read_text(encoding="utf-8"))
    at = datetime.fromtimestamp(path.stat().st_ctime, UTC)
    return RefusedFile(
        acquirer, path.name, at, why.get("code", ""), why.get("line", 0), why.get("detail", "")
    )


def _refuse(path: Path, code: str, detail: str, line: int = 0) -> None:
    """The reason is there before the file is: for people as text, for the clerk's page as JSON."""
    folder = path.parents[1] / REFUSED
    folder.mkdir(exist_ok=True)
    (folder / f"{path.name}.txt").write_text(detail + "\n", encoding="utf-8")
    told = {"code": code, "line": line, "detail": detail}
    _reason(folder / path.name).write_text(json.dumps(told), encoding="utf-8")
    _move(path, REFUSED)


def _reason(path: Path) -> Path:
    return path.with_name(f"{path.name}.json")


def _move(path: Path, where: str) -> None:
    folder = path.parents[1] / where
    folder.mkdir(exist_ok=True)
    path.replace(folder / path.name)
    if path.parent.name == REFUSED:
        for reason in (_reason(path), path.with_name(f"{path.name}.txt")):
            reason.unlink(missing_ok=True)


def _folder(context: Context, acquirer: str) -> Path:
    return context.settings.data / FOLDER / acquirer


async def _fetch(context: Context) -> None:
    """The simulated acquirers' files of the last days that are over and have no session."""
    today = clock.local_day(context.now())
    days = [today - timedelta(n) for n in range(1, FETCHED_DAYS + 1)]
    urls = {"vnpay": context.settings.vnpay_url, "stripe": context.settings.stripe_url}
    for acquirer, url in urls.items():
        missing = await _days_without(context, acquirer, days)
        async with outgoing.client(base_url=url, timeout=30) as http:
            await _fetch_from(http, acquirer, _folder(context, acquirer) / INBOX, missing)


async def _fetch_from(
    http: httpx.AsyncClient, acquirer: str, inbox: Path, missing: list[date]
) -> None:
    """What moved on those days, if the acquirer answers."""
    for day in _not_put_away(inbox, missing):
        try:
            told = await http.get("/control/settlement", params={"day": day.isoformat()})
        except httpx.HTTPError as failed:
            log.warning("no settlement file was fetched", error=type(failed).__name__)
            return
        if told.status_code == 200 and len(told.text.splitlines()) > _LINES_OF_NOTHING[acquirer]:
            _put(inbox, f"{day}.csv", told.content)


def _not_put_away(inbox: Path, days: list[date]) -> list[date]:
    """The days without a file that was refused or laid aside; the inbox is there afterwards."""
    inbox.mkdir(parents=True, exist_ok=True)
    away = [inbox.parent / where for where in (REFUSED, ASIDE)]
    return [day for day in days if not any((one / f"{day}.csv").exists() for one in away)]


def _put(inbox: Path, name: str, content: bytes) -> None:
    part = inbox / f"{name}.part"  # a file that is half there has another name
    part.write_bytes(content)
    part.replace(inbox / name)


async def _days_without(context: Context, acquirer: str, days: list[date]) -> list[date]:
    async with context.database.as_system() as db:
        found = await db.execute(_LOADED, {"acquirer": acquirer, "days": days})
        loaded = set(found.scalars().all())
    return [day for day in sorted(days) if day not in loaded]


# Withdrawn ones too: what a person took back, only a person loads again.
_LOADED = text(
    "SELECT day FROM payments.settlement_session WHERE acquirer = :acquirer AND day = ANY (:days)"
)
