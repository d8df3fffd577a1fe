"""Which road messages take to the tax authority: our own HTTP shape, or a provider's SOAP service.

`MARKET_TAX_URL` beginning with `soap+` names a provider's service; what the provider calls things stands
in `tvan.toml` of the data folder, secrets there as env:NAME or file:PATH. The authority's certificate
then lies beside it as `tax-authority.pem`, for no provider hands it out.
"""

import tomllib
from typing import Any

import httpx

import einvoice
from einvoice import Shape, SOAPAuthority
from market.settings import Settings, SettingsError, secret_from

SOAP_PREFIX = "soap+"
CONFIGURATION = "tvan.toml"
_NAMES = set(Shape.__dataclass_fields__)


def authority_of(settings: Settings, http: httpx.AsyncClient) -> einvoice.TaxAuthority:
    """The road these settings name. Raises: SettingsError."""
    if not is_soap(settings):
        return einvoice.HTTPAuthority(http, settings.tax_url)
    return SOAPAuthority(http, settings.tax_url.removeprefix(SOAP_PREFIX), shape_of(settings))


def is_soap(settings: Settings) -> bool:
    """Whether messages go through a provider's SOAP service."""
    return settings.tax_url.startswith(SOAP_PREFIX)


def shape_of(settings: Settings) -> Shape:
    """What the provider calls things. Raises: SettingsError, naming what is wrong."""
    file = settings.data / CONFIGURATION
    try:
        given: dict[str, Any] = tomllib.loads(file.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as wrong:
        raise SettingsError(f"{file} cannot be read: {wrong}.") from wrong
    unknown = set(given) - _NAMES
    if unknown or "namespace" not in given:
        raise SettingsError(f"{file} needs namespace and knows {', '.join(sorted(_NAMES))}.")
    credentials = {
        name: secret_from(str(where)) for name, where in given.pop("credentials", {}).items()
    }
    if not all(isinstance(one, bool if name == "gzips" else str) for name, one in given.items()):
        raise SettingsError(f"{file}: names are texts, gzips is true or false.")
    return Shape(**given, credentials=credentials)
