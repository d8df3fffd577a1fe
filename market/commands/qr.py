"""Payment codes: `market qr read [TEXT|FILE|-]` and `market qr write --bank … --account …`."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from market.commands.answers import DONE, FAILED, MISUSED, dots, refuse, say, say_json
from market.settings import Settings

if TYPE_CHECKING:
    from payments.errors import PaymentError
    from payments.qr import QRPayload

SERVICES = {"account": "QRIBFTTA", "card": "QRIBFTTC", "merchant": "QRPUSH", "cash": "QRCASH"}
BYTES_MAX = 12_000_000
"""As much as a photo may have."""
PICTURES = (b"\x89PNG", b"\xff\xd8", b"RIFF")
OTHER_KINDS = (
    (b"GIF8", "a GIF"),
    (b"BM", "a BMP"),
    (b"II*", "a TIFF"),
    (b"MM\x00*", "a TIFF"),
    (b"%PDF", "a PDF"),
    (b"<svg", "a drawing (SVG)"),
    (b"<?xml", "a drawing (SVG)"),
    (b"PK", "an archive or a document"),
)
"""Files that may show a code and are not read here, by how they begin."""
HEIC = b"ftyp"
"""Stands behind the first four bytes of what new phones save as HEIC or AVIF."""
HINTS = {
    "qr_empty": "Give the text of a code, a file, or - for stdin.",
    "qr_not_payment": "Codes for payments in Vietnam begin with 000201.",
    "qr_broken": "Copy the whole text again: nothing may be cut, spaces inside count.",
    "qr_length_in_bytes": "Its maker must count characters: “ả” is one.",
    "qr_checksum_missing": "The end was cut off; copy or scan it again.",
    "qr_checksum_wrong": "It was changed or misread; scan it again, and do not pay by it.",
    "qr_bank_unknown": "Look it up with `market bank NAME`.",
    "qr_text_too_long": "Shorten it; codes go first.",
    "qr_amount_out_of_range": "Leave --amount out to let the payer type it.",
    "amount_empty": "Leave --amount out to let the payer type it.",
    "amount_unreadable": "Write 85000, 85.000, 85k or 1tr2.",
    "amount_ambiguous": "It may mean two amounts; write 1.500 or 1,5tr.",
    "amount_not_positive": "Amounts begin at 1 đ; leave --amount out to let the payer type it.",
    "amount_too_large": "One transfer carries at most 499.999.999 đ.",
    "bank_unknown": "Look it up with `market bank NAME`.",
    "picture_without_code": "Take it nearer, straighter and without glare.",
    "picture_unreadable": "Save it as PNG, JPEG or WebP.",
}


def add_parser(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]", data: argparse.ArgumentParser
) -> None:
    """`market qr read|write`."""
    about = "read, check, write and draw payment codes"
    actions = commands.add_parser("qr", help=about, description=about).add_subparsers(
        title="actions", metavar="ACTION", required=True
    )
    about = "take a code apart and check it; exit code 1 if it cannot be paid"
    reading = actions.add_parser("read", help=about, description=about)
    reading.add_argument(
        "source", nargs="?", default="-", metavar="TEXT|FILE|-",
        help="the text of a code, a file with it, a photo (PNG, JPEG, WebP), or stdin",
    )  # fmt: skip
    reading.add_argument("--json", action="store_true", help="answer as JSON")
    reading.set_defaults(command=read)
    about = "write a VietQR code; drawn as well where stdout is a terminal"
    writing = actions.add_parser("write", help=about, description=about)
    writing.add_argument(
        "--bank", required=True, help="BIN, code or name: 970436, VCB, Vietcombank"
    )
    writing.add_argument("--account", required=True, help="account, card or merchant id")
    writing.add_argument("--amount", help="85000, 85k, 1tr2; left out: the payer types it")
    for name, what in (
        ("memo", "what the bank copies into the transfer, at most 25 characters"),
        ("bill", "bill number, at most 25 characters"),
        ("name", "who receives, as on the account"),
        ("native-name", "the same with marks, for apps that show it"),
        ("city", "where"),
        ("mcc", "category of four digits, as 5411"),
    ):
        writing.add_argument(f"--{name}", default="", help=what)
    writing.add_argument("--service", choices=tuple(SERVICES), default="account", help="account")
    writing.add_argument("--svg", type=Path, metavar="FILE", help="draw it into an SVG file")
    writing.add_argument("--png", type=Path, metavar="FILE", help="draw it into a PNG file")
    writing.add_argument("--draw", action="store_true", help="draw it here, terminal or not")
    writing.add_argument("--json", action="store_true", help="answer as JSON")
    writing.set_defaults(command=write)


def read(options: argparse.Namespace, settings: Settings) -> int:
    """Everything a code says, and what is wrong with it; 1 if it cannot be paid."""
    from payments import qr
    from payments.errors import PaymentError

    try:
        payload = qr.read(_text(options.source))
    except (OSError, UnusableSource) as wrong:
        return refuse(str(wrong), as_json=options.json, exit_code=MISUSED, code="unreadable")
    except PaymentError as wrong:
        return _refuse(wrong, as_json=options.json, exit_code=FAILED)
    if options.json:
        say_json(_plain(payload))
    else:
        _show(payload)
    return FAILED if payload.errors else DONE


def write(options: argparse.Namespace, settings: Settings) -> int:
    """The text of a code, then its drawings; 2 where no such code may be written."""
    from payments import banks, qr
    from payments.amounts import parse_vnd
    from payments.errors import PaymentError

    try:
        bank = banks.meant(options.bank)
        text = qr.write_vietqr(
            bank.bin,
            banks.clean_account(options.account),
            parse_vnd(options.amount) if options.amount is not None else None,
            options.memo,
            options.bill,
            options.name,
            options.city,
            options.mcc,
            SERVICES[options.service],
            native_name=options.native_name,
        )
        if options.svg:
            options.svg.write_text(qr.qr_svg(text, f"VietQR {bank.short_name}"), "utf-8")
        if options.png:
            options.png.write_bytes(qr.qr_png(text))
    except PaymentError as wrong:
        return _refuse(wrong, as_json=options.json, exit_code=MISUSED)
    except OSError as wrong:
        return refuse(str(wrong), as_json=options.json, exit_code=FAILED)
    if options.json:
        say_json(_plain(qr.read(text)))
        return DONE
    say(text)
    if options.draw or sys.stdout.isatty():
        sys.stdout.write(qr.qr_terminal(text))
        say(f"{bank.short_name} ({bank.bin}), account {options.account}")
    return DONE


class UnusableSource(Exception):
    """What was given is neither text nor a file to read a code from."""


def _text(source: str) -> str:
    """The text of one code, wherever it stands."""
    from payments import qr_picture

    content = _content(source)
    if isinstance(content, str):
        return content
    _require_known(source, content)
    if not content.startswith(PICTURES):
        try:
            return content.decode("utf-8-sig")
        except UnicodeDecodeError:
            raise UnusableSource(
                f"{source} is neither UTF-8 text nor a picture (PNG, JPEG, WebP)."
            ) from None
    codes = qr_picture.codes_in_picture(content)
    payments = [code for code in codes if code.startswith("000201")]
    if len(payments) > 1:
        raise UnusableSource(f"There are {len(payments)} payment codes in {source}: crop to one.")
    return codes[0]


def _require_known(source: str, content: bytes) -> None:
    kinds = (kind for begin, kind in OTHER_KINDS if content.lstrip().startswith(begin))
    kind = "a HEIC or AVIF photo" if content[4:8] == HEIC else next(kinds, "")
    if kind:
        raise UnusableSource(f"{source} is {kind}: save it as PNG, JPEG or WebP, or screenshot it.")


def _content(source: str) -> str | bytes:
    if source == "-":
        if sys.stdin.isatty():
            raise UnusableSource("Give the text of a code, a file, or pipe one in.")
        return sys.stdin.buffer.read(BYTES_MAX + 1)
    if source.startswith("000201"):
        return source
    path = Path(source)
    try:
        if path.is_dir() and source:
            raise UnusableSource(f"{source} is a folder: give one file.")
        if path.is_file():
            with path.open("rb") as file:
                return file.read(BYTES_MAX + 1)
    except (ValueError, OSError):  # a zero byte inside, or longer than any name
        return source
    if path.suffix.lower() in {".png", ".jpg", ".jpeg", ".webp", ".txt"} and "//" not in source:
        raise UnusableSource(f"There is no file {source}.")
    return source


def _refuse(wrong: "PaymentError", *, as_json: bool, exit_code: int) -> int:
    hint = HINTS.get(wrong.code, "")
    facts = {name: getattr(wrong, name) for name in ("step", "field") if hasattr(wrong, name)}
    return refuse(str(wrong), hint, as_json=as_json, exit_code=exit_code, code=wrong.code, **facts)


def _bank_name(bank_bin: str) -> str:
    from payments import banks

    return banks.bank(bank_bin).short_name if banks.is_known(bank_bin) else ""


def _show(payload: "QRPayload") -> None:
    kind = "one payment" if payload.is_dynamic else "reusable"
    amount = dots(payload.amount_vnd) if payload.amount_vnd else payload.amount_text
    rows = (
        ("scheme", f"{payload.scheme}, {kind}"),
        ("also", ", ".join(payload.networks[1:])),
        ("bank", f"{_bank_name(payload.bank_bin)} {payload.bank_bin}".strip()),
        ("receiver", f"{payload.account_no} {payload.service}".strip()),
        ("amount", amount or "the payer types it"),
        ("fee", payload.fee_text),
        ("memo", payload.memo),
        ("bill", payload.bill),
        ("reference", payload.reference),
        ("name", payload.merchant_name),
        ("native name", payload.merchant_name_native),
        ("city", payload.city),
        ("category", payload.mcc),
        ("country", f"{payload.country} {payload.currency}"),
    )
    for label, value in rows:
        if value.strip():
            say(f"{label:<12}{value}")
    for found in payload.findings:
        mark = "look" if found.is_warning else "WRONG"
        hint = HINTS.get(found.code, "")
        say(f"{mark:<12}{found} ({found.code}, step {found.step}) {hint}".rstrip())
    say(_verdict(payload))


def _verdict(payload: "QRPayload") -> str:
    if payload.errors:
        return "Do not pay by this code."
    if payload.is_transfer:
        return "Any bank app can pay it. Compare the name that the app shows before paying."
    return "Well formed; payable in apps that know this scheme, not by a plain transfer."


def _plain(payload: "QRPayload") -> dict[str, Any]:
    kept = (
        "text", "scheme", "networks", "is_dynamic", "is_transfer", "country", "currency",
        "bank_bin", "account_no", "service", "amount_vnd", "amount_text", "fee_text", "memo",
        "bill", "reference", "merchant_name", "merchant_name_native", "city", "mcc",
        "asked_of_payer", "objects",
    )  # fmt: skip
    findings = [
        {
            "code": found.code,
            "step": found.step,
            "field": found.field,
            "value": found.value,
            "message": str(found),
            "is_warning": found.is_warning,
        }
        for found in payload.findings
    ]
    plain = {name: getattr(payload, name) for name in kept}
    return {**plain, "bank_name": _bank_name(payload.bank_bin), "findings": findings}
