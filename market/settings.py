"""The environment, read once into one frozen value. Nothing else reads it."""

import os
from dataclasses import dataclass, field
from pathlib import Path


class SettingsError(Exception):
    """A variable of the environment cannot be used; the text names it and says what is expected."""


@dataclass(frozen=True)
class Settings:
    """How this market runs. Every field is an environment variable `MARKET_<FIELD>` in capitals."""

    database_url: str = ""
    """Empty: the embedded PostgreSQL in `data`. Else postgresql://… of a PostgreSQL 15 or newer."""
    data: Path = Path(".market")
    """Where the embedded database, files and simulators keep their state."""
    host: str = "127.0.0.1"
    port: int = 8000
    public_url: str = ""
    """How phones reach this market, without a closing slash; empty: http://host:port."""
    broker_url: str = ""
    """Empty: dramatiq on the same PostgreSQL. Else amqp://… or redis://…"""
    secret: str = field(default="", repr=False)
    """Signs cookies; empty: made once and kept in `data`."""
    demo: bool = False
    """Role links on the start page, demo sign-in, simulated partners."""
    simulated: bool = False
    """The partners are the simulators beside: the demo secrets, which everybody knows, are taken."""
    sepay_secret: str = field(default="whsec_demo_sepay", repr=False)
    sepay_secret_old: str = field(default="", repr=False)
    """Still taken from the partner while the new one replaces it; so are the other two."""
    vnpay_tmn_code: str = "CHODEMO1"
    vnpay_secret: str = field(default="CHODEMOSECRET0000000000000000001", repr=False)
    vnpay_secret_old: str = field(default="", repr=False)
    vnpay_url: str = "http://127.0.0.1:8012"
    vnpay_ips: str = ""
    """Addresses and networks, commas between, that VNPAY's IPNs come from; empty: any."""
    stripe_key: str = field(default="sk_test_chodemo", repr=False)
    stripe_webhook_secret: str = field(default="whsec_demo_stripe", repr=False)
    stripe_webhook_secret_old: str = field(default="", repr=False)
    stripe_url: str = "http://127.0.0.1:8013"
    stripe_live: bool = False
    """Live Stripe keys are refused unless this is set."""
    bank_url: str = "http://127.0.0.1:8011"
    gateways_file: str = ""
    """Accounts at services that tell of transfers, as TOML; see docs/notices.md."""
    tax_url: str = "http://127.0.0.1:8014"
    tax_provider_id: str = "0107001729"
    """Tax id of the transmission provider (T-VAN) that messages to the tax authority go through."""
    portal_url: str = "http://127.0.0.1:8015"
    portal_key: str = field(default="demo_portal_key", repr=False)

    @property
    def base_url(self) -> str:
        """The address printed in links and QR codes."""
        return self.public_url or f"http://{self.host}:{self.port}"


def from_environment(environment: dict[str, str] | None = None) -> Settings:
    """Read `MARKET_*`.

    Raises: SettingsError for a value of the wrong kind.
    """
    given = dict(os.environ) if environment is None else environment
    values: dict[str, object] = {}
    for name, default in Settings.__dataclass_fields__.items():
        text = given.get(f"MARKET_{name.upper()}")
        if text is None:
            continue
        kind = type(default.default)
        values[name] = _parsed(f"MARKET_{name.upper()}", text.strip(), kind)
    return Settings(**values)  # type: ignore[arg-type]  # each value was parsed to its field's kind


def secret(settings: Settings, name: str) -> str:
    """A partner's secret; empty where it is the demo's own and the partners are not simulated."""
    given = str(getattr(settings, name))
    is_demo_one = given == Settings.__dataclass_fields__[name].default
    return "" if is_demo_one and not (settings.demo or settings.simulated) else given.strip()


def secret_from(source: str, environment: dict[str, str] | None = None) -> str:
    """The secret that `source` points to: env:NAME or file:PATH. It is never written itself.

    Raises: SettingsError where it points nowhere or to nothing; it does not repeat what was given.
    """
    kind, _, where = source.partition(":")
    if kind == "env":
        given = dict(os.environ) if environment is None else environment
        found = given.get(where, "")
    elif kind == "file":
        try:
            found = Path(where).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError, ValueError) as wrong:
            raise SettingsError(f"The file of a secret cannot be read: {where}.") from wrong
    else:
        raise SettingsError("A secret is given as env:NAME or file:PATH, never itself.")
    if not found.strip():
        raise SettingsError(f"There is no secret in {kind}:{where}.")
    return found.strip()


def as_environment(settings: Settings) -> dict[str, str]:
    """The environment of a child process that shall read these same settings."""
    ours = {
        f"MARKET_{name.upper()}": str(int(value) if isinstance(value, bool) else value)
        for name, value in vars(settings).items()
    }
    return dict(os.environ) | ours


def _parsed(variable: str, text: str, kind: type) -> object:
    if kind is bool:
        if text.lower() not in {"0", "1", "true", "false", "yes", "no", ""}:
            raise SettingsError(f"{variable} must be 1 or 0, not “{text}”.")
        return text.lower() in {"1", "true", "yes"}
    if kind is int:
        if not text.isdigit():
            raise SettingsError(f"{variable} must be a whole number, not “{text}”.")
        return int(text)
    return Path(text) if issubclass(kind, Path) else text
