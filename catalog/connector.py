"""What every channel can do for us, and what it may answer (pure, a protocol and its values)."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Protocol

from catalog.errors import CatalogError
from catalog.product import Product, Seller, Status


class ListingState(StrEnum):
    """How goods stand on a channel."""

    NONE = "none"
    QUEUED = "queued"
    SUBMITTED = "submitted"
    IN_REVIEW = "in_review"
    LIVE = "live"
    PAUSED = "paused"
    DELISTED = "delisted"
    REJECTED = "rejected"
    ERROR = "error"
    STALE = "stale"
    """The channel shows something else than we sent."""


KNOWN_THERE = frozenset(
    {
        ListingState.SUBMITTED,
        ListingState.IN_REVIEW,
        ListingState.LIVE,
        ListingState.PAUSED,
    }
)
"""In these states a price or a stock may travel alone."""


class Change(StrEnum):
    """What happened to goods, as a channel has to learn it."""

    CONTENT = "content"
    PRICE = "price"
    STOCK = "stock"


class Operation(StrEnum):
    """What a channel is told. An upsert also brings delisted goods back."""

    UPSERT = "upsert"
    SET_PRICE = "set_price"
    SET_STOCK = "set_stock"
    DELIST = "delist"

    @property
    def supersedes(self) -> frozenset["Operation"]:
        """Which older operations, not sent yet, this one makes needless."""
        if self in {Operation.UPSERT, Operation.DELIST}:
            return frozenset(Operation)
        return frozenset({self})


class FailureCode(StrEnum):
    """What can go wrong between us and a channel."""

    AUTH_REVOKED = "AUTH_REVOKED"
    VALIDATION = "VALIDATION"
    CATEGORY_UNMAPPED = "CATEGORY_UNMAPPED"
    UNIT_UNSUPPORTED = "UNIT_UNSUPPORTED"
    DUPLICATE_SKU = "DUPLICATE_SKU"
    IMAGE_REJECTED = "IMAGE_REJECTED"
    MODERATION_REJECTED = "MODERATION_REJECTED"
    RATE_LIMITED = "RATE_LIMITED"
    REMOTE_DOWN = "REMOTE_DOWN"
    TIMEOUT_UNKNOWN = "TIMEOUT_UNKNOWN"
    UNKNOWN_SKU = "UNKNOWN_SKU"
    SCHEMA_CHANGED = "SCHEMA_CHANGED"


TRANSIENT = frozenset(
    {FailureCode.RATE_LIMITED, FailureCode.REMOTE_DOWN, FailureCode.TIMEOUT_UNKNOWN}
)
"""Worth trying again as it is."""
STOPS_CHANNEL = frozenset({FailureCode.AUTH_REVOKED, FailureCode.SCHEMA_CHANGED})
"""A person has to look before anything more is sent."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a channel did not do what it was told."""

    code: FailureCode
    reason: str = ""
    """In the channel's own words."""
    field: str = ""
    retry_after_s: int = 0


class ChannelRefused(CatalogError):
    """A channel did not take an operation, or it is not known whether it did."""

    code = "channel_refused"

    def __init__(self, failure: Failure) -> None:
        self.failure = failure
        super().__init__(f"{failure.code}: {failure.reason}")


@dataclass(frozen=True, slots=True)
class Offer:
    """Everything a channel needs to show goods, frozen when the change was made."""

    product: Product
    seller: Seller
    remote_category: str


@dataclass(frozen=True, slots=True)
class Ref:
    """The channel's own name for a listing, and how it stands there."""

    remote_id: str
    url: str
    state: ListingState


@dataclass(frozen=True, slots=True)
class RemoteListing:
    """A listing as the channel shows it now."""

    sku: str
    ref: Ref
    version: int
    name_vi: str
    price_vnd: int | None
    in_stock: bool
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a channel can do and takes."""

    units: frozenset[str]
    light_price: bool
    light_stock: bool
    photo_px_min: int
    orders: bool
    """Whether it hands over buyers' orders."""


class Connector(Protocol):
    """One channel. `key` is an idempotency key: the same key twice has no second effect.

    Calls raise ChannelRefused and nothing else for what the world may do.
    """

    @property
    def name(self) -> str:
        """The channel it serves, as in `put_channel`."""
        ...

    def capabilities(self) -> Capabilities:
        """What the channel can do."""
        ...

    def problems(self, offer: Offer) -> tuple[Failure, ...]:
        """What the channel would refuse, as far as can be known without asking it."""
        ...

    async def upsert(self, offer: Offer, key: str) -> Ref:
        """Show these goods, new or changed; an older version than the shown one is ignored."""
        ...

    async def set_price(self, offer: Offer, key: str) -> Ref:
        """Change the price alone."""
        ...

    async def set_stock(self, offer: Offer, key: str) -> Ref:
        """Change whether and how many there are."""
        ...

    async def delist(self, sku: str, reason: str, key: str) -> Ref:
        """Take the goods off."""
        ...

    async def answer_to(self, key: str) -> Ref | None:
        """What was answered to an operation whose outcome we never heard; None if it never came."""
        ...

    async def state(self, sku: str) -> RemoteListing:
        """How the goods stand there."""
        ...

    async def listed(self, cursor: str = "") -> tuple[list[RemoteListing], str]:
        """A page of all our listings there, and the next cursor, empty at the end."""
        ...

    async def health(self) -> None:
        """Return when the channel answers and knows us."""
        ...


def operation_for(change: Change, state: ListingState, status: Status) -> Operation | None:
    """What a channel has to be told after a change; None when nothing."""
    if status is not Status.READY:
        gone = state in {ListingState.NONE, ListingState.DELISTED}
        return None if gone else Operation.DELIST
    if state in KNOWN_THERE and change is Change.PRICE:
        return Operation.SET_PRICE
    if state in KNOWN_THERE and change is Change.STOCK:
        return Operation.SET_STOCK
    return Operation.UPSERT


def drift(product: Product, remote: RemoteListing) -> tuple[str, ...]:
    """Which fields the channel shows otherwise than we sent them; none if it lags behind us."""
    if remote.version != product.version:
        return ()
    pairs = {
        "name_vi": (product.name_vi, remote.name_vi),
        "price_vnd": (product.price_vnd, remote.price_vnd),
        "in_stock": (product.in_stock, remote.in_stock),
    }
    return tuple(field for field, (ours, theirs) in pairs.items() if ours != theirs)


BACKOFF_FIRST = timedelta(seconds=5)
BACKOFF_MAX = timedelta(hours=1)
TRY_FOR = timedelta(hours=24)
"""After that a person has to look."""


def backoff(attempts: int, *, retry_after_s: int, jitter: float) -> timedelta:
    """How long to wait after the n-th failed attempt: doubling, half of it by chance.

    `jitter` is a random number in [0, 1); the channel's own Retry-After is never undercut.
    """
    assert attempts >= 1
    assert 0 <= jitter < 1
    full = min(BACKOFF_FIRST * (1 << min(attempts - 1, 20)), BACKOFF_MAX)
    return max(full / 2 + full / 2 * jitter, timedelta(seconds=min(retry_after_s, 86_400)))
