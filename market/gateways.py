"""The partners of this market, built from the settings once: gateways that verify, clients that ask."""

from dataclasses import dataclass

from market.errors import NotFound
from market.settings import Settings, secret
from payments.gateways import Gateway, Secrets
from payments.gateways.sepay import SePayGateway
from payments.gateways.stripe import StripeConfig, StripeGateway
from payments.gateways.vnpay import VNPayConfig, VNPayGateway


@dataclass(frozen=True)
class Gateways:
    """Everything that may tell us of money, by the name in the hook's address.

    A partner without a secret of its own is not there: its notices could not be told from forged.
    """

    vnpay_config: VNPayConfig | None
    stripe_config: StripeConfig | None
    by_name: dict[str, Gateway]

    def gateway(self, name: str) -> Gateway:
        """Raises: NotFound where this market has no such partner."""
        found = self.by_name.get(name)
        if found is None:
            raise NotFound("gateway", name)
        return found


def gateways_of(settings: Settings) -> Gateways:
    """Build them.

    Raises: payments.gateways.stripe.LiveKeyRefused for a live key outside the explicit setting.
    """
    by_name: dict[str, Gateway] = {}
    vnpay = stripe = None
    sepay_secret, vnpay_secret = secret(settings, "sepay_secret"), secret(settings, "vnpay_secret")
    stripe_key, webhook = secret(settings, "stripe_key"), secret(settings, "stripe_webhook_secret")
    if sepay_secret:
        by_name["sepay"] = SePayGateway(Secrets(sepay_secret, settings.sepay_secret_old))
    if vnpay_secret:
        vnpay = VNPayConfig(
            tmn_code=settings.vnpay_tmn_code, secrets=Secrets(vnpay_secret), url=settings.vnpay_url
        )
        by_name["vnpay"] = VNPayGateway(vnpay)
    if stripe_key and webhook:
        stripe = StripeConfig(
            key=stripe_key,
            webhook_secrets=Secrets(webhook),
            url=settings.stripe_url,
            live_allowed=settings.stripe_live,
        )
        by_name["stripe"] = StripeGateway(stripe)
    return Gateways(vnpay, stripe, by_name)
