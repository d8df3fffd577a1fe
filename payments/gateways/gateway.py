"""What every provider of notices has in common: the protocol, its values and its errors. Pure."""

import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Protocol

from payments.confirmation import Confirmation
from payments.errors import PaymentError

VIETNAM = timezone(timedelta(hours=7), "Asia/Ho_Chi_Minh")
"""Timestamps of Vietnamese banks and of VNPAY carry no zone and mean this one."""
WINDOW = timedelta(seconds=300)
"""How far a signed timestamp may be from now: older is a replay. SePay and Stripe say so."""
BODY_LENGTH_MAX = 256 * 1024
"""No provider's notice comes near; a larger one is refused before it is read."""
AMOUNT_VND_MAX = 10**14
"""Beyond every account there is: a number that cannot be money."""


class GatewayError(PaymentError):
    """Something between a provider and us went wrong."""

    code = "gateway_error"

    def __init__(self, gateway: str, message: str) -> None:
        super().__init__(message)
        self.gateway = gateway


class NoticeForged(GatewayError):
    """The signature or key is missing or wrong: nobody we know sent this."""

    code = "notice_forged"


class NoticeStale(NoticeForged):
    """Rightly signed, but too long ago or in the future: perhaps a replay."""

    code = "notice_stale"


class SourceNotAllowed(NoticeForged):
    """Rightly signed, and sent from an address that the provider does not send from."""

    code = "source_not_allowed"


class NoticeMalformed(GatewayError):
    """Rightly signed, but not what the provider documents."""

    code = "notice_malformed"


class GatewayUnavailable(GatewayError):
    """No answer that can be trusted: what happened is unknown and must be asked again."""

    code = "gateway_unavailable"


class GatewayRefused(GatewayError):
    """The provider answered, and the answer is no."""

    code = "gateway_refused"

    def __init__(self, gateway: str, message: str, *, reason: str = "") -> None:
        super().__init__(gateway, message)
        self.reason = reason
        """The provider's own code."""


@dataclass(frozen=True, slots=True)
class Notice:
    """What came in, as it came: header names in lower case, the body as bytes, the raw query."""

    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    query: str = ""
    source: str | None = None
    """The address that sent it; None where somebody else carried it here, such as a browser."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the provider wants to hear."""

    status: int
    body: dict[str, object]


@dataclass(frozen=True, slots=True)
class Secrets:
    """One secret, or two while one replaces the other. Never printed."""

    current: str = field(repr=False)
    previous: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        assert self.current.strip(), "a blank secret would let everybody in"

    @property
    def valid(self) -> tuple[str, ...]:
        """Those that verify; only the current one signs."""
        return (self.current, self.previous) if self.previous.strip() else (self.current,)

    def matches(self, given: str, signed_with: Callable[[str], str]) -> bool:
        """Whether `given` is the hex signature one of the secrets makes; in constant time."""
        sent = given.strip().lower().encode("utf-8", "replace")
        results = [hmac.compare_digest(sent, signed_with(one).encode()) for one in self.valid]
        return any(results)

    def equals(self, given: str) -> bool:
        """Whether `given` is one of the secrets itself; in constant time."""
        sent = given.encode("utf-8", "replace")
        results = [hmac.compare_digest(sent, one.encode()) for one in self.valid]
        return any(results)


Verified = Confirmation | tuple[Confirmation, ...] | None
"""What a genuine notice proves: one movement, several (some providers send a list), or none."""


class Gateway(Protocol):
    """A provider whose notices we take. tests/contract/ says what each of them promises."""

    @property
    def name(self) -> str:
        """As it stands in `Confirmation.gateway`."""

    def verify(self, notice: Notice, now: datetime) -> Verified:
        """What the notice proves; None where it is genuine and tells of no money (a test ping).

        Raises: NoticeForged, NoticeStale, NoticeMalformed.
        """

    def answer(self, outcome: str) -> Answer:
        """How to tell the provider, by the name of the settlement's outcome."""

    def refusal(self, error: GatewayError) -> Answer:
        """How to tell the provider that its notice was not taken."""


@dataclass(frozen=True, slots=True)
class Listed:
    """One row of a provider's list: as it came, and what it says or why it says nothing."""

    raw: bytes
    told: Confirmation | GatewayError | None


@dataclass(frozen=True, slots=True)
class Page:
    """What a list told after a position. `position` goes into the next call."""

    rows: tuple[Listed, ...]
    position: int
    is_last: bool = True


class TransferList(Protocol):
    """A provider's own list of movements: what its notices missed is found there."""

    @property
    def name(self) -> str:
        """The gateway whose notices it repeats."""

    @property
    def key(self) -> str:
        """Under which the position is kept: another list is another key."""

    async def page(self, position: int, now: datetime) -> Page:
        """What was recorded after the position; 0 where nothing was ever read.

        Raises: GatewayUnavailable (ask again later), GatewayRefused, NoticeMalformed.
        """


def confirmations(verified: Verified) -> tuple[Confirmation, ...]:
    """What a notice proves, however many movements that is."""
    if verified is None:
        return ()
    return verified if isinstance(verified, tuple) else (verified,)


def refused(error: GatewayError, body: dict[str, object]) -> Answer:
    """A no in HTTP's words: forged 401, unreadable 400, not recorded 503. It says no details."""
    told: dict[str, object] = {**body, "code": error.code}
    if isinstance(error, NoticeForged):
        return Answer(401, told)
    return Answer(400 if isinstance(error, NoticeMalformed) else 503, told)


def require_sized(gateway: str, body: bytes) -> None:
    """Nothing, if the body is no longer than any notice.

    Raises: NoticeMalformed.
    """
    if len(body) > BODY_LENGTH_MAX:
        raise NoticeMalformed(gateway, "The notice is larger than any transfer's.")


def require_fresh(gateway: str, stamped: datetime, now: datetime) -> None:
    """Nothing, if the signed instant is within the window around now.

    Raises: NoticeStale.
    """
    if abs(now - stamped) > WINDOW:
        raise NoticeStale(gateway, "The signed time is more than 300 seconds away.")
