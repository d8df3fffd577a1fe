"""The printed invoice: an A4 page or an 80 mm receipt, fonts embedded, the QR as vectors."""

from datetime import datetime
from io import BytesIO

from reportlab.pdfgen.canvas import Canvas

from einvoice.issuance import IssuedInvoice
from einvoice.keys import Signer
from einvoice.page.blocks import PAPERS, Size
from einvoice.page.contents import Printed, blocks
from einvoice.page.ink import REGULAR, Ink, fonts

ROLL_80 = Size.ROLL_80
A4 = Size.A4


def pdf_of(issued: IssuedInvoice, size: Size = ROLL_80, *, lookup_url: str = "") -> bytes:
    """The page as PDF; the same bytes for the same invoice and state.

    The QR is the lookup link if there is one, else the authority's lookup payload.
    """
    return pdf_page(printed(issued, lookup_url), size)


def archive_pdf_of(
    issued: IssuedInvoice,
    size: Size = A4,
    *,
    lookup_url: str = "",
    signer: Signer | None = None,
    signed_at: datetime | None = None,
) -> bytes:
    """The page to keep: PDF/A-3-shaped, with the original XML inside, byte for byte.

    With `signer` and `signed_at` the file is signed as well (PAdES); not inside an event loop then.
    """
    return archive_page(printed(issued, lookup_url), size, signer=signer, signed_at=signed_at)


def archive_page(
    shown: Printed,
    size: Size,
    *,
    signer: Signer | None = None,
    signed_at: datetime | None = None,
) -> bytes:
    """The same of any invoice. Raises: SealInvalid, DocumentInvalid, SignerFailed."""
    from einvoice.page import archive  # pikepdf and pyhanko: only who keeps a page waits for them

    page = archive.archived(pdf_page(shown, size), shown.xml, shown.invoice)
    if signer is None:
        return page
    assert signed_at is not None
    from einvoice.page import pades

    return pades.signed(page, signer, signed_at)


def printed(issued: IssuedInvoice, lookup_url: str = "") -> Printed:
    """What the page of an issued invoice is made from."""
    return Printed(
        invoice=issued.invoice,
        xml=issued.xml,
        lookup_code=issued.lookup_code,
        lookup_url=lookup_url,
        is_replaced=issued.correction == "replaced",
    )


def pdf_page(shown: Printed, size: Size) -> bytes:
    """The page of any invoice, also of one that is not ours. Raises: SealInvalid, DocumentInvalid."""
    fonts()
    paper, invoice = PAPERS[size], shown.invoice
    pieces = list(blocks(shown, size))
    height = paper.height or sum(one.height for one in pieces) + 2 * paper.margin
    stream = BytesIO()
    canvas = Canvas(
        stream,
        pagesize=(paper.width, height),
        invariant=1,
        initialFontName=REGULAR,  # type: ignore[arg-type]  # the stub is wrong: it is a name
        initialFontSize=paper.body,
        lang="vi-VN",
    )
    canvas.setTitle(f"{invoice.title} {invoice.template}{invoice.symbol} {invoice.number:08d}")
    canvas.setAuthor(invoice.seller.name)
    ink, top = Ink(canvas), height - paper.margin
    y = top
    for piece in pieces:
        if y - piece.height < paper.margin - 1 and y < top:
            ink.end_page()
            y = top
        piece.draw(ink, paper.margin, y)
        y -= piece.height
    ink.end_page()
    canvas.save()
    return stream.getvalue()
