"""The partners of this market, built from the settings once: gateways that verify, clients that ask."""

from dataclasses import dataclass

from market.settings import Settings
from payments.gateways import Gateway, Secrets
from payments.gateways.sepay import SePayGateway
from payments.gateways.stripe import StripeConfig, StripeGateway
from payments.gateways.vnpay import VNPayConfig, VNPayGateway


@dataclass(frozen=True)
class Gateways:
    """Everything that may tell us of money, by the name in the hook's address."""

    vnpay_config: VNPayConfig
    stripe_config: StripeConfig
    by_name: dict[str, Gateway]


def gateways_of(settings: Settings) -> Gateways:
    """Build them.

    Raises: payments.gateways.stripe.LiveKeyRefused for a live key outside the explicit setting.
    """
    vnpay = VNPayConfig(
        tmn_code=settings.vnpay_tmn_code,
        secrets=Secrets(settings.vnpay_secret),
        url=settings.vnpay_url,
    )
    stripe = StripeConfig(
        key=settings.stripe_key,
        webhook_secrets=Secrets(settings.stripe_webhook_secret),
        url=settings.stripe_url,
        live_allowed=settings.stripe_live,
    )
    sepay = SePayGateway(secrets=Secrets(settings.sepay_secret, settings.sepay_secret_old))
    return Gateways(
        vnpay_config=vnpay,
        stripe_config=stripe,
        by_name={
            "sepay": sepay,
            "vnpay": VNPayGateway(vnpay),
            "stripe": StripeGateway(stripe),
        },
    )
