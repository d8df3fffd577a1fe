"""The simulated partners as programs: each factory configures one from the market's settings."""

from pathlib import Path

from litestar import Litestar

from market.settings import Settings, from_environment

DEMO_MINUTE_SECONDS = 1.0
"""How long a partner's minute between two tries lasts in the demo, where a day passes quickly."""


def bank() -> Litestar:
    """A retail bank, and the service that tells of its transfers."""
    from market.simulators.bank import BankConfig, create_app

    settings = from_environment()
    return create_app(
        BankConfig(
            state_path=_state(settings, "bank"),
            market_url=settings.base_url,
            secret=settings.sepay_secret,
            api_key=settings.sepay_secret,
            minute_s=_minute_s(settings),
        )
    )


def vnpay() -> Litestar:
    """An acquirer with a payment page."""
    from market.simulators.vnpay import create_app
    from market.simulators.vnpay_book import VNPayConfig

    settings = from_environment()
    return create_app(
        VNPayConfig(
            state_path=_state(settings, "vnpay"),
            terminals={settings.vnpay_tmn_code: settings.vnpay_secret},
            ipn_url=f"{settings.base_url}/hooks/vnpay",
            minute_s=_minute_s(settings),
        )
    )


def stripe() -> Litestar:
    """A card acquirer with a hosted page."""
    from market.simulators.stripe import create_app
    from market.simulators.stripe_book import StripeConfig

    settings = from_environment()
    return create_app(
        StripeConfig(
            state_path=_state(settings, "stripe"),
            webhook_url=f"{settings.base_url}/hooks/stripe",
            webhook_secret=settings.stripe_webhook_secret,
            key=settings.stripe_key,
            url=settings.stripe_url,
            minute_s=_minute_s(settings),
        )
    )


def tax() -> Litestar:
    """The tax authority's gateway."""
    from market.simulators.tax import TaxConfig, create_app

    settings = from_environment()
    return create_app(TaxConfig(state_path=_state(settings, "tax"), market_url=settings.base_url))


def portal() -> Litestar:
    """The province's goods portal."""
    from market.simulators.portal import PortalConfig, create_app

    settings = from_environment()
    return create_app(PortalConfig(state_path=_state(settings, "portal"), url=settings.portal_url))


def _state(settings: Settings, name: str) -> Path:
    folder = settings.data / "simulators"
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"{name}.sqlite3"


def _minute_s(settings: Settings) -> float:
    return DEMO_MINUTE_SECONDS if settings.demo else 60.0
