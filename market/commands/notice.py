"""What is right and wrong with a provider's notice: `market notice verify --gateway G FILE`."""

import argparse
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from market.commands.answers import DONE, FAILED, dots, say, say_json
from market.settings import Settings, SettingsError, secret_from

if TYPE_CHECKING:
    from payments import Confirmation
    from payments.gateways import Gateway, GatewayError, Notice

HEADERS = {
    "sepay": ("X-SePay-Signature and X-SePay-Timestamp", "or Authorization: Apikey …"),
    "casso": ("X-Casso-Signature (V2)", "or Secure-Token (V1)"),
    "payos": (),
    "signed": ("webhook-id, webhook-timestamp and webhook-signature",),
    "stripe": ("Stripe-Signature",),
    "vnpay": (),
}
"""Where each provider's proof stands; payOS and VNPAY have it in the notice itself."""
SECRET = "env:MARKET_NOTICE_SECRET"  # noqa: S105 - where it is looked for
BYTES_MAX = 4_000_000
_SIGNED_INSIDE = frozenset({"payos", "casso", "vnpay"})
"""Their notices are parsed before the signature can be checked."""


def add_parser(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]", data: argparse.ArgumentParser
) -> None:
    """`market notice verify`."""
    about = "notices of banks, acquirers and services that watch accounts"
    actions = commands.add_parser("notice", help=about, description=about).add_subparsers(
        title="actions", metavar="ACTION", required=True
    )
    about = "say what is right and wrong with a notice; exit code 1 if it would be refused"
    one = actions.add_parser("verify", help=about, description=about)
    one.add_argument("file", metavar="FILE", help="its body (of VNPAY: its query); - is stdin")
    one.add_argument("--gateway", required=True, choices=tuple(HEADERS), help="who sent it")
    one.add_argument(
        "--header", action="append", default=[], metavar="NAME: VALUE", help="again for more"
    )
    one.add_argument(
        "--secret", default=SECRET, metavar="SOURCE",
        help=f"where the secret is: env:NAME or file:PATH ({SECRET}); never the secret itself",
    )  # fmt: skip
    one.add_argument("--secret-old", default="", metavar="SOURCE", help="the one it replaces")
    one.add_argument(
        "--at", type=_instant, metavar="TIME",
        help="when it came: RFC 3339 or unix seconds (this moment)",
    )  # fmt: skip
    one.add_argument("--json", action="store_true", help="answer as JSON")
    one.set_defaults(command=verify)


def verify(options: argparse.Namespace, settings: Settings) -> int:
    """Verify as the hook would, and explain."""
    from market import clock
    from payments.gateways import GatewayError, Notice, confirmations

    notice = _notice(options, Notice)
    gateway = _gateway(options, notice)
    now = options.at or clock.now()
    answer: dict[str, Any] = {"gateway": options.gateway, "genuine": True, "at": now.isoformat()}
    try:
        told = confirmations(gateway.verify(notice, now))
    except GatewayError as wrong:
        hints = _hints(options, gateway, notice, wrong, now)
        answer |= {"genuine": False, "code": wrong.code, "reason": str(wrong), "hints": hints}
        answer["answered"] = {"status": gateway.refusal(wrong).status}
        return _tell(answer, (), as_json=options.json)
    answer["tells"] = [_plain(one) for one in told]
    answer["answered"] = {"status": gateway.answer("settled").status}
    return _tell(answer, told, as_json=options.json)


def _tell(answer: dict[str, Any], told: tuple["Confirmation", ...], *, as_json: bool) -> int:
    if as_json:
        say_json(answer)
    elif answer["genuine"]:
        say(f"Genuine: {answer['gateway']} signed it, and it came in time.")
        for one in told:
            say("  " + _sentence(one))
        if not told:
            say("  It tells of no money: a test, or news of another kind.")
    else:
        say(f"Refused ({answer['code']}, HTTP {answer['answered']['status']}): {answer['reason']}")
        for hint in answer["hints"]:
            say("  " + hint)
    return DONE if answer["genuine"] else FAILED


def _hints(
    options: argparse.Namespace, gateway: "Gateway", notice: "Notice", wrong: "GatewayError",
    now: datetime,
) -> list[str]:  # fmt: skip
    """What to look at, most likely first."""
    from payments.gateways import NoticeForged, NoticeStale

    hints = _about_the_file(notice)
    if hints:
        return hints
    if isinstance(wrong, NoticeStale):
        hints.append(f"The signature is right. Judged at {now:%Y-%m-%d %H:%M:%S} UTC: see --at.")
        hints.append("A clock that is wrong, a replay, or a notice that waited in a queue.")
    elif isinstance(wrong, NoticeForged):
        if not options.header and HEADERS[options.gateway]:
            hints.append(f"Give --header for {' '.join(HEADERS[options.gateway])}.")
        if _is_genuine(gateway, replace(notice, body=notice.body.rstrip()), now):
            hints.append(
                "It fits without the white space at the end: the file is not what was sent."
            )
        hints.append("Else: another account's secret, or a body that was parsed and written anew.")
    elif options.gateway in _SIGNED_INSIDE:
        hints.append("It was not even read as far as its signature: give the body as it came.")
    else:
        hints.append("The signature is right, so the provider wrote it; the hook keeps it raw.")
    return hints


def _about_the_file(notice: "Notice") -> list[str]:
    """What an editor or a download did to it, if that is plain to see."""
    from payments.gateways.gateway import BODY_LENGTH_MAX

    raw = notice.body or notice.query.encode("utf-8", "replace")
    if len(raw) > BODY_LENGTH_MAX:
        return ["It is longer than any notice: none of it was read, not even its signature."]
    if not raw.strip():
        return ["The file is empty: give the notice's body (of VNPAY: its query) as it came."]
    if raw.startswith(b"\xef\xbb\xbf"):
        return [
            "It begins with a byte order mark, which an editor added: give the bytes as they came."
        ]
    if raw[:2] in (b"\xff\xfe", b"\xfe\xff") or "\ufffd" in notice.query:
        return ["It is no UTF-8: an editor saved it otherwise. Give the bytes as they came."]
    return []


def _is_genuine(gateway: "Gateway", notice: "Notice", now: datetime) -> bool:
    from payments.gateways import GatewayError

    try:
        gateway.verify(notice, now)
    except GatewayError:
        return False
    return True


def _notice(options: argparse.Namespace, kind: type["Notice"]) -> "Notice":
    headers = {}
    for given in options.header:
        name, colon, value = given.partition(":")
        if not colon or not name.strip():
            raise SettingsError("A header is given as --header 'Name: value'.")
        headers[name.strip().lower()] = value.strip()
    try:
        if options.file == "-":
            body = sys.stdin.buffer.read(BYTES_MAX)
        else:
            with Path(options.file).open("rb") as opened:
                body = opened.read(BYTES_MAX)
    except OSError as wrong:
        raise SettingsError(f"{options.file} cannot be read: {wrong.strerror}.") from wrong
    if options.gateway == "vnpay":
        query = body.decode("utf-8", "replace").strip()
        return kind(headers=headers, query=query.rpartition("?")[2])
    return kind(body=body, headers=headers)


def _gateway(options: argparse.Namespace, notice: "Notice") -> "Gateway":
    """As the hook has it, with the one secret in every place that the provider may use it."""
    from urllib.parse import parse_qs

    from payments.gateways import Secrets
    from payments.gateways.casso import CassoGateway
    from payments.gateways.payos import PayOSGateway
    from payments.gateways.sepay import SePayGateway
    from payments.gateways.signed import SignedGateway
    from payments.gateways.stripe import StripeConfig, StripeGateway
    from payments.gateways.vnpay import VNPayConfig, VNPayGateway

    old = secret_from(options.secret_old) if options.secret_old else ""
    secrets = Secrets(secret_from(options.secret), old)
    if options.gateway == "vnpay":  # whose terminal it is, the notice says; the hash binds it
        terminal = parse_qs(notice.query).get("vnp_TmnCode", [""])[0]
        return VNPayGateway(VNPayConfig(terminal, secrets, ""))
    if options.gateway == "stripe":
        return StripeGateway(StripeConfig("", secrets, live_allowed=True))
    if options.gateway == "sepay":
        return SePayGateway(secrets, secrets)
    if options.gateway == "casso":
        return CassoGateway(secrets, secrets)
    return PayOSGateway(secrets) if options.gateway == "payos" else SignedGateway(secrets)


def _plain(one: "Confirmation") -> dict[str, Any]:
    from dataclasses import asdict

    return {**asdict(one), "occurred_at": one.occurred_at.isoformat()}


def _sentence(one: "Confirmation") -> str:
    way = "came in" if one.direction == "in" else "went out"
    state = "" if one.succeeded else ", but it failed"
    where = f" on account {one.account_no}" if one.account_no else ""
    what = f", for {one.payment_ref}" if one.payment_ref else ""
    text = f", “{one.memo}”" if one.memo else ""
    when = f"{one.occurred_at:%Y-%m-%d %H:%M:%S} UTC"
    return (
        f"{dots(one.amount_vnd)} {way}{state}{where}{what}{text} at {when}; id {one.provider_id}."
    )


def _instant(text: str) -> datetime:
    try:
        if text.isascii() and text.isdigit():
            return datetime.fromtimestamp(int(text), UTC)
        found = datetime.fromisoformat(text)
        if found.tzinfo is None:
            raise ValueError("no zone")
        return found.astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        raise argparse.ArgumentTypeError(
            f"“{text}” is no instant like 2026-11-23T10:17:22+07:00 or 1795403842"
        ) from None
