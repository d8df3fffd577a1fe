"""VNPAY's signatures: `market vnpay sign|verify [PARAMS|FILE|-]`."""

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, quote, quote_plus

from market.commands.answers import DONE, FAILED, MISUSED, dots, refuse, say, say_json
from market.settings import Settings, secret_from

if TYPE_CHECKING:
    from collections.abc import Iterator

    from payments.gateways import Secrets

SECRET = "env:MARKET_VNPAY_SECRET"  # noqa: S105 - where it is looked for
BYTES_MAX = 300_000
STATUSES = {
    "00": "paid", "01": "not completed", "02": "an error", "04": "reversed",
    "05": "refund being processed", "06": "refund sent to the bank", "07": "suspected fraud",
    "08": "timed out", "09": "refund rejected", "10": "delivered", "11": "cancelled",
    "20": "settled to the merchant",
}  # fmt: skip
"""vnp_TransactionStatus, for people."""


class Unreadable(Exception):
    """What was given is neither a query nor a JSON object of texts and whole numbers."""


def add_parser(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]", data: argparse.ArgumentParser
) -> None:
    """`market vnpay sign|verify`."""
    about = "sign and check VNPAY's parameters, version 2.1.0"
    actions = commands.add_parser("vnpay", help=about, description=about).add_subparsers(
        title="actions", metavar="ACTION", required=True
    )
    for name, about, command in (
        ("sign", "sign a pay or return query, or a querydr or refund message", sign),
        ("verify", "say whether a signature is right, and if not, what was done instead; 1 if not",
         verify),
    ):  # fmt: skip
        one = actions.add_parser(name, help=about, description=about)
        one.add_argument(
            "source", nargs="?", default="-", metavar="PARAMS|FILE|-",
            help="a query or an address with one, a JSON object, a file with either, or stdin",
        )  # fmt: skip
        one.add_argument(
            "--secret", default=SECRET, metavar="SOURCE",
            help=f"where the hash secret is: env:NAME or file:PATH ({SECRET}); never the secret",
        )  # fmt: skip
        one.add_argument("--json", action="store_true", help="answer as JSON")
        one.set_defaults(command=command)


def sign(options: argparse.Namespace, settings: Settings) -> int:
    """The parameters with their hash, as VNPAY takes them."""
    from payments.gateways import vnpay

    secret = secret_from(options.secret)
    try:
        query, fields = _given(options.source)
        kind, data = _signed_data(fields)
    except Unreadable as wrong:
        return refuse(str(wrong), as_json=options.json, exit_code=MISUSED, code="unreadable")
    made = vnpay.sign(secret, data)
    whole: dict[str, Any] = {"kind": kind, "signed": data, "hash": made}
    if kind == "query":
        whole["query"] = f"{data}&vnp_SecureHash={made}"
    else:
        kept = {name: value for name, value in fields.items() if name != "vnp_SecureHash"}
        whole["message"] = {**kept, "vnp_SecureHash": made}
    if options.json:
        say_json(whole)
    else:
        say(
            whole["query"] if query is not None or kind == "query" else json.dumps(whole["message"])
        )
    return DONE


def verify(options: argparse.Namespace, settings: Settings) -> int:
    """Whether the hash is right; what the parameters say, or which mistake made the hash."""
    from payments.gateways import Secrets

    secrets = Secrets(secret_from(options.secret))
    try:
        query, fields = _given(options.source)
        kind, _ = _signed_data(fields)
        how = _how_signed(kind, query, fields, secrets)
    except Unreadable as wrong:
        return refuse(str(wrong), as_json=options.json, exit_code=MISUSED, code="unreadable")
    answer: dict[str, Any] = {"kind": kind, "genuine": bool(how)}
    if how:
        answer |= {"encoding": how, "says": _facts(fields)}
    else:
        answer["reason"] = _reason(query, fields, secrets)
    if options.json:
        say_json(answer)
    elif how:
        say(f"Genuine: the hash fits ({how}).")
        for name, value in answer["says"].items():
            say(f"  {name}: {value}")
    else:
        say(f"Not genuine: {answer['reason']}")
    return DONE if how else FAILED


def _given(source: str) -> tuple[str | None, dict[str, str]]:
    """The query as it came (None for JSON) and the fields."""
    from payments.gateways import NoticeMalformed, vnpay_api

    text = _text(source)
    if text.startswith("{"):
        try:
            return None, vnpay_api.texts(text.encode())
        except NoticeMalformed as wrong:
            raise Unreadable(str(wrong)) from wrong
    query = text.partition("?")[2] if "://" in text.partition("?")[0] else text.lstrip("?")
    fields = dict(parse_qsl(query, keep_blank_values=True))
    if not text:
        raise Unreadable("There is nothing in it. Give a query such as vnp_Amount=…&vnp_….")
    if not any(name.startswith("vnp_") for name in fields):
        raise Unreadable("There is no vnp_ parameter. Give a query such as vnp_Amount=…&vnp_….")
    return query, fields


def _text(source: str) -> str:
    if source == "-":
        text = _from_stdin()
    elif not source.strip():
        text = ""
    elif not source.lstrip().startswith("{") and "=" not in source:
        try:
            text = Path(source).read_text(encoding="utf-8-sig")
        except OSError as wrong:
            why = wrong.strerror or "it cannot be read"
            raise Unreadable(
                f"{source[:100]} is no query, and as a file: {why}. Give vnp_Amount=…&vnp_…."
            ) from wrong
        except ValueError as wrong:
            raise Unreadable(
                f"{source[:100]} is not UTF-8. Save it as UTF-8 and try again."
            ) from wrong
    else:
        text = source
    if len(text) > BYTES_MAX:
        raise Unreadable("That is larger than any message of VNPAY.")
    return text.strip()


def _from_stdin() -> str:
    try:
        return sys.stdin.buffer.read(BYTES_MAX + 1).decode("utf-8-sig")
    except UnicodeDecodeError as wrong:
        raise Unreadable("Standard input is not UTF-8. Save it as UTF-8 and try again.") from wrong


def _signed_data(fields: dict[str, str]) -> tuple[str, str]:
    """What kind of message it is, and what its hash covers."""
    from payments.gateways import vnpay, vnpay_api

    command = fields.get("vnp_Command", "")
    if "vnp_ResponseId" in fields:
        return f"{command} answer", vnpay_api.answer_data(fields, command)
    if command in {"querydr", "refund"}:
        return f"{command} request", vnpay_api.request_data(fields)
    return "query", vnpay.canonical_query(fields)


def _how_signed(kind: str, query: str | None, fields: dict[str, str], secrets: "Secrets") -> str:
    """In which of the accepted ways the hash fits; empty if in none."""
    from payments.gateways import NoticeForged, NoticeMalformed, vnpay, vnpay_api

    if kind.endswith("answer"):
        command = fields.get("vnp_Command", "")
        return "joined by pipes" if vnpay_api.verify_answer(fields, command, secrets) else ""
    if kind.endswith("request"):
        return "joined by pipes" if vnpay_api.verify_request(fields, secrets) else ""
    data = vnpay.canonical_query(fields)
    is_canonical = secrets.matches(fields.get("vnp_SecureHash", ""), vnpay.signer(data))
    if query is not None:  # as the hook reads it: a field that stands twice is never genuine
        try:
            vnpay.verify_query(query, secrets)
        except NoticeForged:
            return ""
        except NoticeMalformed as wrong:
            raise Unreadable(str(wrong)) from wrong
        return "encoded as in PHP or Python" if is_canonical else "the pairs as they came, sorted"
    return "encoded as in PHP or Python" if is_canonical else ""


def _facts(fields: dict[str, str]) -> dict[str, str]:
    """What the parameters say, in words."""
    from market.clock import VIETNAM
    from payments.gateways import vnpay

    said = {name: fields[name] for name in ("vnp_TxnRef", "vnp_TransactionNo") if fields.get(name)}
    amount = fields.get("vnp_Amount", "")
    if amount.isdigit() and amount.endswith("00"):
        said["amount"] = dots(int(amount) // 100)
    for name in ("vnp_CreateDate", "vnp_ExpireDate", "vnp_PayDate"):
        at = vnpay.instant(fields.get(name, ""))
        if at is not None:
            said[name] = f"{at.astimezone(VIETNAM):%d/%m/%Y %H:%M:%S} (GMT+7)"
    response, status = fields.get("vnp_ResponseCode"), fields.get("vnp_TransactionStatus")
    if response:
        said["vnp_ResponseCode"] = f"{response} {vnpay.RESPONSES.get(response, '')}".strip()
    if status:
        said["vnp_TransactionStatus"] = f"{status} {STATUSES.get(status, '')}".strip()
    if response and status and "vnp_ResponseId" not in fields:
        paid = response == status == vnpay.PAID
        said["paid"] = "yes" if paid else "no: it is only if both codes are 00"
    return said


def _reason(query: str | None, fields: dict[str, str], secrets: "Secrets") -> str:
    """What was probably done instead of signing rightly."""
    from payments.gateways import vnpay

    given = fields.get("vnp_SecureHash", "")
    if not given:
        return "there is no vnp_SecureHash."
    if len(given) != 128:
        return f"a hash has 128 hex digits (HMAC-SHA512), this one has {len(given)}."
    for mistake, data in _mistakes(query, fields):
        if secrets.matches(given, vnpay.signer(data)):
            return f"{mistake}."
    return "the secret is another one, or a value was changed after signing."


def _mistakes(query: str | None, fields: dict[str, str]) -> "Iterator[tuple[str, str]]":
    """Ways people sign wrongly, and what their hash covers."""
    from payments.gateways import vnpay

    rest = {name: value for name, value in fields.items() if name != "vnp_SecureHash"}
    signed = {
        name: value
        for name, value in rest.items()
        if name.startswith("vnp_") and name != "vnp_SecureHashType" and value
    }
    yield "the values were not encoded", "&".join(f"{k}={v}" for k, v in sorted(signed.items()))
    spaces = "&".join(f"{k}={quote(v, safe='')}" for k, v in sorted(signed.items()))
    yield "spaces were written %20, not +", spaces
    yield (
        "the names were not sorted",
        "&".join(vnpay.canonical_query({name: value}) for name, value in signed.items()),
    )
    yield (
        "empty values were signed too",
        "&".join(f"{k}={quote_plus(v)}" for k, v in sorted(rest.items()) if k.startswith("vnp_")),
    )
    yield (
        "vnp_SecureHashType was signed too",
        "&".join(
            f"{k}={quote_plus(v)}" for k, v in sorted(rest.items()) if v and k.startswith("vnp_")
        ),
    )
    yield (
        "parameters that do not begin with vnp_ were signed too",
        "&".join(f"{k}={quote_plus(v)}" for k, v in sorted(rest.items()) if v),
    )
    if query is None:
        yield (
            "it was signed as a query, this message is joined by pipes",
            vnpay.canonical_query(rest),
        )
