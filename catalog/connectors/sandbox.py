"""A channel in memory that keeps the contract and fails when told to: for tests and tries."""

from collections import deque
from dataclasses import dataclass, field, replace

from catalog.connector import (
    Capabilities,
    ChannelRefused,
    Failure,
    FailureCode,
    ListingState,
    Offer,
    Ref,
    RemoteListing,
)
from catalog.units import UNITS


@dataclass
class SandboxConnector:
    """Takes everything at once. `failures` are answered first, one per call.

    A failure of TIMEOUT_UNKNOWN is answered after the work was done, as the world does it.
    """

    name: str = "sandbox"
    failures: deque[Failure] = field(default_factory=deque)
    goods: dict[str, RemoteListing] = field(default_factory=dict)
    answers: dict[str, Ref] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    """Idempotency keys in the order they were acted on."""

    def capabilities(self) -> Capabilities:
        """Everything but orders."""
        return Capabilities(frozenset(UNITS), True, True, 0, False)

    def problems(self, offer: Offer) -> tuple[Failure, ...]:
        """Only goods without a category of ours are refused."""
        if offer.remote_category:
            return ()
        return (Failure(FailureCode.CATEGORY_UNMAPPED, offer.product.category, "category"),)

    async def upsert(self, offer: Offer, key: str) -> Ref:
        """Show these goods."""
        product = offer.product
        known = self.goods.get(product.sku)
        ref = Ref(f"S-{product.sku}", f"https://sandbox.invalid/{product.sku}", ListingState.LIVE)
        shown = RemoteListing(
            product.sku, ref, product.version, product.name_vi, product.price_vnd, product.in_stock
        )
        older = known is not None and known.version > product.version
        return self._act(key, known if older and known else shown)

    async def set_price(self, offer: Offer, key: str) -> Ref:
        """Change the price alone."""
        product = offer.product
        known = self._known(product.sku)
        return self._act(key, replace(known, price_vnd=product.price_vnd, version=product.version))

    async def set_stock(self, offer: Offer, key: str) -> Ref:
        """Change whether there are any."""
        product = offer.product
        known = self._known(product.sku)
        return self._act(key, replace(known, in_stock=product.in_stock, version=product.version))

    async def delist(self, sku: str, reason: str, key: str) -> Ref:
        """Take the goods off."""
        known = self._known(sku)
        gone = replace(known.ref, state=ListingState.DELISTED)
        return self._act(key, replace(known, ref=gone, reason=reason))

    async def answer_to(self, key: str) -> Ref | None:
        """What was answered to a key."""
        return self.answers.get(key)

    async def state(self, sku: str) -> RemoteListing:
        """How the goods stand there."""
        return self._known(sku)

    async def listed(self, cursor: str = "") -> tuple[list[RemoteListing], str]:
        """Everything on one page."""
        return [self.goods[sku] for sku in sorted(self.goods)], ""

    async def health(self) -> None:
        """Answer, or fail as told."""
        self._fail(before=True)

    def _known(self, sku: str) -> RemoteListing:
        if sku not in self.goods:
            raise ChannelRefused(Failure(FailureCode.UNKNOWN_SKU, sku))
        return self.goods[sku]

    def _act(self, key: str, listing: RemoteListing) -> Ref:
        self._fail(before=True)
        if key not in self.answers:
            self.goods[listing.sku] = listing
            self.answers[key] = listing.ref
            self.calls.append(key)
        self._fail(before=False)
        return self.answers[key]

    def _fail(self, *, before: bool) -> None:
        if not self.failures:
            return
        late = self.failures[0].code is FailureCode.TIMEOUT_UNKNOWN
        if before is not late:
            raise ChannelRefused(self.failures.popleft())
