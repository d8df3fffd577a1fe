"""Files that are no text at all, told by how they begin: what they are, and what to ask for instead. Pure."""

from payments.reconciliation.errors import RecordEncoding

_AGAIN = "Export it as CSV in UTF-8 and try again."
_KINDS = (
    (b"%PDF-", "The file is a PDF.", _AGAIN),
    (b"PK\x03\x04", "The file is a workbook (xlsx) or an archive.", _AGAIN),
    (b"\xd0\xcf\x11\xe0", "The file is an old workbook (xls).", _AGAIN),
    (b"\x1f\x8b", "The file is compressed (gzip).", "Unpack it and try again."),
    (b"<html", "The file is a web page.", "The download failed: sign in there and export again."),
    (b"<!doctype html", "The file is a web page.", "The download failed: export it again."),
)
_BOM = b"\xef\xbb\xbf"


def require_text(raw: bytes) -> None:
    """Nothing, if the file may be text.

    Raises: RecordEncoding.
    """
    head = raw[:256].removeprefix(_BOM).lstrip().lower()
    for begins, reason, what_to_do in _KINDS:
        if head.startswith(begins.lower()):
            raise RecordEncoding(reason, what_to_do, line=1)
