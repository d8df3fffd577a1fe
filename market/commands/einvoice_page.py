"""`market einvoice page`: an invoice XML as the page people read, with the XML inside."""

import argparse
import sys
from pathlib import Path
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from einvoice.keys import KeySigner

ABOUT = "the PDF of an invoice, the original XML inside it, signed if wanted"


class Misused(Exception):
    """Arguments that say nothing sensible."""


def add_arguments(page: argparse.ArgumentParser) -> None:
    """What `page` takes."""
    page.add_argument("file", help="the invoice, as XML or as a PDF with its XML; - is stdin")
    page.add_argument("--out", required=True, metavar="PDF", help="where to write; - is stdout")
    page.add_argument("--roll", action="store_true", help="for 80 mm paper instead of A4")
    page.add_argument("--plain", action="store_true", help="only to print: no XML inside")
    page.add_argument("--link", default="", metavar="URL", help="what the QR opens")
    page.add_argument(
        "--sign", type=Path, metavar="P12", help="sign the file with this key (PAdES)"
    )
    page.add_argument("--password-file", type=Path, metavar="FILE",
                      help="its first line is the key's password; else it is asked for")  # fmt: skip


def run(options: argparse.Namespace) -> int:
    """Write the page. Raises: Misused, EInvoiceError, OSError."""
    from einvoice import document, pdf
    from einvoice.page.contents import Printed
    from market import clock

    if options.plain and options.sign:
        raise Misused("--plain is not kept, so it is not signed: leave one of the two")
    if options.json and options.out == "-":
        raise Misused("--json and the page cannot both go to stdout: give --out a file")
    xml = content(options.file)
    if is_pdf(xml):
        from einvoice.page import archive

        xml = archive.xml_in(xml)
    shown = Printed(invoice=document.read(xml), xml=xml, lookup_url=options.link)
    size = pdf.ROLL_80 if options.roll else pdf.A4
    signer = _signer(options) if options.sign else None
    if options.plain:
        page = pdf.pdf_page(shown, size)
    else:
        page = pdf.archive_page(shown, size, signer=signer, signed_at=clock.now())
    _write(options, page)
    return 0


def content(name: str) -> bytes:
    """A little more than a message or a PDF may have: a giant is refused without being read."""
    if name == "-":
        return _limited(sys.stdin.buffer)
    with Path(name).open("rb") as stream:
        return _limited(stream)


def is_pdf(head: bytes) -> bool:
    """Whether a file claims to be a PDF, without loading what reads one."""
    return b"%PDF-" in head[:1024]


def _limited(stream: IO[bytes]) -> bytes:
    from einvoice.markup import BYTES_MAX

    head = stream.read(BYTES_MAX + 1)
    if is_pdf(head):
        from einvoice.page.archive import PDF_BYTES_MAX

        head += stream.read(PDF_BYTES_MAX - len(head) + 1)
    return head


def _signer(options: argparse.Namespace) -> "KeySigner":
    from getpass import getpass

    from einvoice.keys import signer_from_pkcs12

    if options.password_file:
        password = options.password_file.read_text("utf-8").partition("\n")[0].rstrip("\r")
    elif sys.stdin.isatty():
        password = getpass(f"{options.sign}: ")
    else:
        raise Misused("nobody can be asked for the password here: give --password-file")
    return signer_from_pkcs12(options.sign.read_bytes(), password)


def _write(options: argparse.Namespace, page: bytes) -> None:
    if options.out == "-":
        sys.stdout.buffer.write(page)
        return
    Path(options.out).write_bytes(page)
    if options.json:
        import json

        said = {"file": options.out, "bytes": len(page), "signed": bool(options.sign)}
        sys.stdout.write(json.dumps(said, ensure_ascii=False, indent=2) + "\n")
