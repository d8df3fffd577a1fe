"""Codes drawn: modules, SVG for screens, PNG for paper and chats, blocks for a terminal. Pure."""

import io
from collections.abc import Iterable
from html import escape

import segno

QUIET_MODULES = 4
PNG_MODULE_PIXELS = 12
"""A code of 130 characters becomes about 700 pixels wide: sharp on A6 at 300 dpi."""
_BLACK_ON_WHITE, _PLAIN = "\x1b[38;5;16;48;5;231m", "\x1b[0m"
_BLOCKS = {(False, False): " ", (True, False): "▀", (False, True): "▄", (True, True): "█"}

Matrix = tuple[tuple[bool, ...], ...]


def qr_matrix(text: str, *, fast: bool = False) -> Matrix:
    """The dark modules, row by row, without the quiet zone; error correction M or better.

    `fast` skips the search for the most even mask: right for a screen, not for print.
    """
    encoding = None if text.isascii() else "utf-8"  # else a short ó would be written as Latin-1
    code = segno.make(text, error="m", micro=False, mask=3 if fast else None, encoding=encoding)
    return tuple(tuple(bool(module) for module in row) for row in code.matrix)


def qr_svg(text: str, title: str = "", *, fast: bool = False) -> str:
    """The code as one SVG element: black on white, quiet zone of four modules, sized by its box.

    Only attributes, no style and no script, so that a strict content policy lets it be.
    """
    matrix = qr_matrix(text, fast=fast)
    side = len(matrix) + 2 * QUIET_MODULES
    runs = "".join(
        f"M{left + QUIET_MODULES} {top + QUIET_MODULES}h{width}v1h-{width}z"
        for top, row in enumerate(matrix)
        for left, width in _runs(row)
    )
    label = f"<title>{escape(title)}</title>" if title else ""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="qr" viewBox="0 0 {side} {side}" role="img"'
        f' shape-rendering="crispEdges">{label}<path fill="#fff" d="M0 0h{side}v{side}h-{side}z"/>'
        f'<path fill="#000" d="{runs}"/></svg>'
    )


def qr_png(text: str, module_pixels: int = PNG_MODULE_PIXELS) -> bytes:
    """The code as a PNG file: black on white, quiet zone of four modules, error correction M."""
    import qrcode  # with Pillow half a second: only who wants a PNG waits for it

    assert 1 <= module_pixels <= 50
    code = qrcode.QRCode(
        error_correction=qrcode.constants.ERROR_CORRECT_M,
        box_size=module_pixels,
        border=QUIET_MODULES,
    )
    code.add_data(text.encode())
    code.make(fit=True)
    file = io.BytesIO()
    code.make_image().save(file, "PNG")
    return file.getvalue()


def qr_terminal(text: str) -> str:
    """The code in half blocks, black on white by colour codes whatever the terminal's own are."""
    matrix = qr_matrix(text)
    side = len(matrix) + 2 * QUIET_MODULES
    light = (False,) * side
    margin = (False,) * QUIET_MODULES
    rows = [light] * QUIET_MODULES + [margin + row + margin for row in matrix]
    rows += [light] * (QUIET_MODULES + side % 2)
    pairs = zip(rows[::2], rows[1::2], strict=True)
    lines = ("".join(_BLOCKS[pair] for pair in zip(*two, strict=True)) for two in pairs)
    return "".join(f"{_BLACK_ON_WHITE}{line}{_PLAIN}\n" for line in lines)


def _runs(row: tuple[bool, ...]) -> Iterable[tuple[int, int]]:
    start: int | None = None
    for index, dark in enumerate((*row, False)):
        if dark and start is None:
            start = index
        elif not dark and start is not None:
            yield start, index - start
            start = None
