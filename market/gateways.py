"""The partners of this market, built from the settings once: gateways that verify, lists to catch up from."""

import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import httpx

from market.errors import NotFound
from market.settings import Settings, SettingsError, secret, secret_from
from payments.gateways import Gateway, Secrets, TransferList, casso, payos_links, sepay
from payments.gateways.casso import CassoGateway, CassoList
from payments.gateways.payos import PayOSGateway
from payments.gateways.payos_links import PayOSAccount
from payments.gateways.sepay import SePayGateway, SePayList
from payments.gateways.signed import SignedGateway, SignedList
from payments.gateways.stripe import StripeConfig, StripeGateway
from payments.gateways.vnpay import VNPayConfig, VNPayGateway

LIST_TOKEN = "list_token"  # noqa: S105 - the name of a field
FIELDS = {
    "sepay": ("secret", "api_key", LIST_TOKEN),
    "casso": ("secret", "token", LIST_TOKEN),
    "payos": ("secret", "api_key"),
    "signed": ("secret", LIST_TOKEN),
}
"""Each kind of account and the secrets it may have; each may have a second one, its name and _old."""
PLAIN = {"payos": ("account_no", "client_id", "url", "page_url")}
"""What else an account may say, none of it secret."""
DEMO_SECRETS = {
    "casso": "whsec_demo_casso",
    "payos": "whsec_demo_payos",
    "signed": "whsec_ZGVtb19zaWduZWRfbm90aWNlcw==",
}
"""Everybody knows them: they are taken only where the partners are simulated."""
LIST_URLS = {"sepay": sepay.URL, "casso": casso.URL}
"""Where a provider's list is if an account does not say; a bank partner's is its own."""
SIGNED_LIST_PATH = "/signed/transfers"
_NAME = re.compile(r"(sepay|casso|payos|signed)(-[a-z0-9-]{1,24})?")
_ListOf = Callable[[httpx.AsyncClient], TransferList]


@dataclass(frozen=True)
class Gateways:
    """Everything that may tell us of money, by the name in the hook's address.

    A partner without a secret of its own is not there: its notices could not be told from forged.
    """

    vnpay_config: VNPayConfig | None
    stripe_config: StripeConfig | None
    by_name: dict[str, Gateway]
    list_of: dict[str, _ListOf] = field(default_factory=dict)
    links: dict[str, PayOSAccount] = field(default_factory=dict)
    """payOS channels that open links, by the bank account behind them."""

    def link_account(self, name: str) -> PayOSAccount | None:
        """The channel of this name, if it opens links."""
        return next((one for one in self.links.values() if one.name == name), None)

    def gateway(self, name: str) -> Gateway:
        """Raises: NotFound where this market has no such partner."""
        found = self.by_name.get(name)
        if found is None:
            raise NotFound("gateway", name)
        return found

    def lists(self, http: httpx.AsyncClient) -> list[TransferList]:
        """The list of every account that has one."""
        return [made(http) for made in self.list_of.values()]


def gateways_of(settings: Settings) -> Gateways:
    """Build them.

    Raises: payments.gateways.stripe.LiveKeyRefused for a live key outside the explicit setting;
    SettingsError for a file of accounts or a list of addresses that cannot be used.
    """
    by_name: dict[str, Gateway] = {}
    list_of: dict[str, _ListOf] = {}
    for name, account in {**_own(settings), **_from_file(settings)}.items():
        by_name[name], listed = account
        if listed is not None:
            list_of[name] = listed
    vnpay = stripe = None
    vnpay_secret = secret(settings, "vnpay_secret")
    stripe_key, webhook = secret(settings, "stripe_key"), secret(settings, "stripe_webhook_secret")
    if vnpay_secret:
        vnpay = VNPayConfig(
            tmn_code=settings.vnpay_tmn_code,
            secrets=Secrets(vnpay_secret, settings.vnpay_secret_old),
            url=settings.vnpay_url,
            networks=_networks(settings.vnpay_ips),
        )
        by_name["vnpay"] = VNPayGateway(vnpay)
    if stripe_key and webhook:
        stripe = StripeConfig(
            key=stripe_key,
            webhook_secrets=Secrets(webhook, settings.stripe_webhook_secret_old),
            url=settings.stripe_url,
            live_allowed=settings.stripe_live,
        )
        by_name["stripe"] = StripeGateway(stripe)
    return Gateways(vnpay, stripe, by_name, list_of, _links(settings))


def _networks(listed: str) -> tuple[str, ...]:
    try:
        return tuple(str(ip_network(one.strip())) for one in listed.split(",") if one.strip())
    except ValueError as wrong:
        raise SettingsError(
            "MARKET_VNPAY_IPS is addresses or networks with commas between, such as"
            f" 203.0.113.7, 198.51.100.0/24: {wrong}."
        ) from wrong


_Account = tuple[Gateway, _ListOf | None]


def _own(settings: Settings) -> dict[str, _Account]:
    """The one SePay account of the plain settings, and where partners are simulated the others."""
    made: dict[str, _Account] = {}
    sepay_secret = secret(settings, "sepay_secret")
    if sepay_secret:
        secrets = Secrets(sepay_secret, settings.sepay_secret_old)
        held = {"secret": secrets, LIST_TOKEN: secrets}
        made["sepay"] = _account("sepay", "sepay", held, settings.bank_url)
    if settings.demo or settings.simulated:
        for kind, known in DEMO_SECRETS.items():
            url = settings.bank_url + (SIGNED_LIST_PATH if kind == "signed" else "")
            held = dict.fromkeys(FIELDS[kind], Secrets(known))
            made[kind] = _account(kind, kind, held, url)
    return made


def _from_file(settings: Settings) -> dict[str, _Account]:
    return {name: _described(name, table) for name, table in _tables(settings).items()}


def _links(settings: Settings) -> dict[str, PayOSAccount]:
    """Each bank account that a payOS channel of the file says is behind it; the file was checked."""
    found = {}
    for name, table in _tables(settings).items():
        if name.startswith("payos") and "account_no" in table:
            if lacking := sorted({"client_id", "api_key", "secret"} - table.keys()):
                raise SettingsError(f"Account {name} opens no links without “{lacking[0]}”.")
            found[table["account_no"]] = PayOSAccount(
                client_id=table["client_id"],
                api_key=_secrets(name, table, "api_key").current,
                secrets=_secrets(name, table, "secret"),
                name=name,
                url=table.get("url", payos_links.URL),
                page_url=table.get("page_url", payos_links.PAGE_URL),
            )
    return found


def _tables(settings: Settings) -> dict[str, Any]:
    if not settings.gateways_file:
        return {}
    path = Path(settings.gateways_file)
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as wrong:
        raise SettingsError(f"The accounts in {path} cannot be read: {wrong}") from wrong


def _described(name: str, table: Any) -> _Account:
    named = _NAME.fullmatch(name)
    if named is None or not isinstance(table, dict):
        raise SettingsError(
            f"“{name}” is no account: a table named by its kind ({', '.join(FIELDS)}),"
            " or the kind and -something."
        )
    kind = named[1]
    allowed = {one + end for one in FIELDS[kind] for end in ("", "_old")} | {
        "list_url",
        *PLAIN.get(kind, ()),
    }
    if unknown := sorted(table.keys() - allowed):
        raise SettingsError(f"Account {name}: there is no “{unknown[0]}”, only {sorted(allowed)}.")
    if not all(isinstance(one, str) for one in table.values()):
        raise SettingsError(f"Account {name}: every value is a text.")
    held = {one: _secrets(name, table, one) for one in FIELDS[kind] if one in table}
    if not held.keys() - {LIST_TOKEN}:
        raise SettingsError(f"Account {name} has no secret to verify its notices by.")
    return _account(kind, name, held, table.get("list_url", ""))


def _secrets(name: str, table: Mapping[str, str], which: str) -> Secrets:
    old = table.get(f"{which}_old", "")
    try:
        return Secrets(secret_from(table[which]), secret_from(old) if old else "")
    except SettingsError as wrong:
        raise SettingsError(f"Account {name}, {which}: {wrong}") from wrong


def _account(kind: str, name: str, held: Mapping[str, Secrets], url: str) -> _Account:
    """The gateway of an account, and how to read its list if a token for that is there."""
    token = held.get(LIST_TOKEN)
    if kind == "payos":
        return PayOSGateway(held["secret"], name), None
    if kind == "sepay":
        made: Gateway = SePayGateway(held.get("secret"), held.get("api_key"), name)
    elif kind == "casso":
        made = CassoGateway(held.get("secret"), held.get("token"), name)
    else:
        made = SignedGateway(held["secret"], name)
    where = url or LIST_URLS.get(kind, "")
    if token is None or not where:
        return made, None
    return made, partial(_list, kind, token, where, name)


def _list(kind: str, token: Secrets, url: str, name: str, http: httpx.AsyncClient) -> TransferList:
    if kind == "sepay":
        return SePayList(token, http, url, name)
    if kind == "casso":
        return CassoList(token, http, url, name)
    return SignedList(token, http, url, name)
