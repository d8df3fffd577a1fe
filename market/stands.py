"""Printed stands: a static payment code with its serial, as a row and as a sheet to print."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from hashlib import blake2b
from importlib.resources import as_file, files
from io import BytesIO
from unicodedata import normalize
from uuid import UUID

import segno
from reportlab.lib.colors import HexColor
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from market.tables import StandCheckRow, StandRow

SERIAL_ALPHABET = "2346789ABCDEFGHJKMNPQRTUVWXYZ"
"""Without look-alikes: a serial is read aloud over a noisy aisle."""
QUIET_MODULES = 4
PAPERS = {"a6": (105 * mm, 148 * mm), "a5": (148 * mm, 210 * mm)}
REGULAR, BOLD = "BeVietnamPro", "BeVietnamPro-Bold"
INK, STONE, WHITE = HexColor("#1B1712"), HexColor("#6B6359"), HexColor("#FFFFFF")


@dataclass(frozen=True, slots=True)
class Stand:
    """A printed code."""

    id: UUID
    serial: str
    stall_id: UUID
    payee_account_id: UUID
    memo: str
    qr_text: str
    issued_at: datetime
    retired_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class StandSheet:
    """What is printed on a stand."""

    qr_text: str
    serial: str
    hall_name: str
    stall_code: str
    vendor_name: str
    holder_name: str
    """Of the account, as banks show it to the payer: so that a pasted-over code is noticed."""
    bank_name: str
    account_last4: str
    colour: str
    """The hall's, as “#RRGGBB”; dark enough for white letters."""
    issued_by: tuple[str, ...] = ()
    """Lines that say who issues the invoices by contract, where it is not the seller."""


def new_serial(random_bytes: bytes) -> str:
    """A serial such as “7K3M-9Q2F” from at least eight random bytes."""
    assert len(random_bytes) >= 8
    number = int.from_bytes(blake2b(random_bytes, digest_size=8).digest())
    letters = ""
    for _ in range(8):
        number, value = divmod(number, len(SERIAL_ALPHABET))
        letters += SERIAL_ALPHABET[value]
    return f"{letters[:4]}-{letters[4:]}"


# ── Rows ────────────────────────────────────────────────────────────────────────────────────────


async def issue(db: AsyncSession, stand: Stand) -> None:
    """Write a stand; the stall's earlier ones are retired."""
    rows = await db.exec(
        select(StandRow).where(
            StandRow.stall_id == stand.stall_id, col(StandRow.retired_at).is_(None)
        )
    )
    for row in rows:
        row.retired_at = stand.issued_at
        db.add(row)
    db.add(StandRow(**{name: getattr(stand, name) for name in Stand.__dataclass_fields__}))
    await db.flush()


async def stand_in_use(db: AsyncSession, stall_id: UUID) -> Stand | None:
    """The code that stands on the stall's table now."""
    rows = await db.exec(
        select(StandRow)
        .where(StandRow.stall_id == stall_id, col(StandRow.retired_at).is_(None))
        .order_by(col(StandRow.issued_at).desc())
        .limit(1)
    )
    row = rows.one_or_none()
    if row is None:
        return None
    return Stand(**{name: getattr(row, name) for name in Stand.__dataclass_fields__})


async def record_check(
    db: AsyncSession,
    check_id: UUID,
    stand_id: UUID,
    checked_by: UUID,
    result: str,
    *,
    now: datetime,
) -> None:
    """Record that somebody scanned what stands on the table: “same”, “other” or “unreadable”."""
    db.add(
        StandCheckRow(
            id=check_id, stand_id=stand_id, checked_by=checked_by, result=result, checked_at=now
        )
    )
    await db.flush()


# ── The sheet ───────────────────────────────────────────────────────────────────────────────────


def stand_pdf(sheet: StandSheet, size: str = "a6") -> bytes:
    """One page, A6 or A5, the code as vector squares with its quiet zone, fonts embedded."""
    width, height = PAPERS[size]
    _register_fonts()
    out = BytesIO()
    canvas = Canvas(out, pagesize=(width, height), pageCompression=1, lang="vi")
    canvas.setTitle(f"Mã QR sạp {_nfc(sheet.stall_code)} – {sheet.serial}")
    canvas.setAuthor("Chợ 4.0")
    # Drawn once in A6 measures: A5 is the same shape, larger.
    scale = width / PAPERS["a6"][0]
    canvas.scale(scale, scale)
    _draw(canvas, sheet, *PAPERS["a6"])
    canvas.showPage()
    canvas.save()
    return out.getvalue()


def _draw(canvas: Canvas, sheet: StandSheet, width: float, height: float) -> None:
    edge, band = 6 * mm, 23 * mm
    canvas.setFillColor(HexColor(sheet.colour))
    canvas.rect(0, height - band, width, band, stroke=0, fill=1)
    canvas.setFillColor(WHITE)
    code_width = _fitting(canvas, sheet.stall_code, BOLD, 30, 38 * mm)
    canvas.drawRightString(width - edge, height - 15.5 * mm, _nfc(sheet.stall_code))
    room = width - 3 * edge - code_width
    _fitting(canvas, sheet.vendor_name, BOLD, 15, room)
    canvas.drawString(edge, height - 11 * mm, _nfc(sheet.vendor_name))
    _fitting(canvas, sheet.hall_name, REGULAR, 10.5, room)
    canvas.drawString(edge, height - 17.5 * mm, _nfc(sheet.hall_name))

    canvas.setFillColor(INK)
    middle = width / 2
    canvas.setFont(BOLD, 14)
    canvas.drawCentredString(middle, height - 31.5 * mm, "Quét mã để trả tiền")
    side = 74 * mm
    top = height - 34 * mm
    _draw_code(canvas, sheet.qr_text, middle - side / 2, top - side, side)
    bottom = top - side
    _fitting(canvas, sheet.holder_name, BOLD, 16, width - 2 * edge)
    canvas.drawCentredString(middle, bottom - 6 * mm, _nfc(sheet.holder_name))
    account = f"{sheet.bank_name} · số tài khoản …{sheet.account_last4}"
    _fitting(canvas, account, REGULAR, 11.5, width - 2 * edge)
    canvas.drawCentredString(middle, bottom - 12 * mm, _nfc(account))

    canvas.setFillColor(STONE)
    canvas.setFont(REGULAR, 9)
    canvas.drawCentredString(middle, bottom - 18.5 * mm, "Quét bằng app ngân hàng bất kỳ.")
    canvas.drawCentredString(
        middle, bottom - 23 * mm, "Tên hiện ra khác tên trên đây? Đừng chuyển, báo chủ sạp."
    )
    for place, line in enumerate(sheet.issued_by):
        _fitting(canvas, line, REGULAR, 7.5, width - 2 * edge)
        canvas.drawCentredString(middle, 13.4 * mm - place * 2.9 * mm, _nfc(line))
    canvas.setStrokeColor(HexColor(sheet.colour))
    canvas.setLineWidth(0.6)
    canvas.line(edge, 9.5 * mm, width - edge, 9.5 * mm)
    canvas.setFont(REGULAR, 8.5)
    canvas.drawString(edge, 5.2 * mm, "Chợ 4.0")
    canvas.drawRightString(width - edge, 5.2 * mm, f"Số biển {sheet.serial}")


def _draw_code(canvas: Canvas, text: str, left: float, bottom: float, side: float) -> None:
    """White ground, then one filled path of runs: sharp at any size, no hairlines between."""
    rows = [[bool(dark) for dark in row] for row in segno.make(text, error="m", micro=False).matrix]
    module = side / (len(rows) + 2 * QUIET_MODULES)
    canvas.setFillColor(WHITE)
    canvas.rect(left, bottom, side, side, stroke=0, fill=1)
    path = canvas.beginPath()
    for y, row in enumerate(rows):
        for x, length in _runs(row):
            path.rect(
                left + (x + QUIET_MODULES) * module,
                bottom + side - (y + QUIET_MODULES + 1) * module,
                length * module,
                module,
            )
    canvas.setFillColor(INK)
    canvas.drawPath(path, stroke=0, fill=1)


def _runs(row: list[bool]) -> Iterator[tuple[int, int]]:
    start = None
    for x, dark in enumerate([*row, False]):
        if dark and start is None:
            start = x
        elif not dark and start is not None:
            yield start, x - start
            start = None


def _fitting(canvas: Canvas, text: str, font: str, size: float, room: float) -> float:
    """Set the largest size up to `size` at which the text fits; its width then."""
    width = pdfmetrics.stringWidth(_nfc(text), font, size)
    if width > room:
        size, width = size * room / width, room
    canvas.setFont(font, size)
    return float(width)


def _nfc(text: str) -> str:
    """Composed letters: the font has no way to put a mark on a letter by itself."""
    return normalize("NFC", text)


@cache
def _register_fonts() -> None:
    for name, file in ((REGULAR, "BeVietnamPro-Regular.ttf"), (BOLD, "BeVietnamPro-Bold.ttf")):
        with as_file(files("market").joinpath("fonts", file)) as path:
            pdfmetrics.registerFont(TTFont(name, str(path)))
