"""What the world may do wrong with settlement sessions."""

from datetime import date
from uuid import UUID

from payments.errors import PaymentError


class ClearingError(PaymentError):
    """A settlement session could not be moved on; nothing changed."""

    code = "clearing_error"


class SessionUnknown(ClearingError):
    """There is no such session."""

    code = "session_unknown"

    def __init__(self, session_id: UUID) -> None:
        super().__init__(f"There is no settlement session {session_id}.")
        self.session_id = session_id


class SessionExists(ClearingError):
    """Another file of that acquirer and day stands; withdraw it first."""

    code = "session_exists"

    def __init__(self, session_id: UUID, acquirer: str, day: date) -> None:
        super().__init__(
            f"Another file of {acquirer} for {day} is loaded: withdraw that session first."
        )
        self.session_id = str(session_id)
        self.acquirer = acquirer
        self.day = day.isoformat()


class SessionNotReady(ClearingError):
    """What was asked is not possible in this state."""

    code = "session_not_ready"

    def __init__(self, session_id: UUID, state: str, asked: str) -> None:
        super().__init__(f"The session is {state}: it cannot be {asked}.")
        self.session_id = str(session_id)
        self.state = state
        self.asked = asked


class SamePerson(ClearingError):
    """The second approval needs another person than the first."""

    code = "same_person"

    def __init__(self, session_id: UUID) -> None:
        super().__init__("The first approval is yours: another person must give the second.")
        self.session_id = str(session_id)


class DifferenceUnknown(ClearingError):
    """There is no such difference."""

    code = "difference_unknown"

    def __init__(self, difference_id: UUID) -> None:
        super().__init__(f"There is no difference {difference_id}.")
        self.difference_id = str(difference_id)


class ResolutionRefused(ClearingError):
    """That cannot be done about this difference; `reason` says why."""

    code = "resolution_refused"

    def __init__(self, difference_id: UUID, reason: str) -> None:
        super().__init__(f"That cannot be done about it: {reason}.")
        self.difference_id = str(difference_id)
        self.reason = reason


class PayoutUnknown(ClearingError):
    """The vendor has no open payout of this session."""

    code = "payout_unknown"

    def __init__(self, session_id: UUID, owner_id: UUID) -> None:
        super().__init__(f"Vendor {owner_id} waits for no payout of session {session_id}.")
        self.session_id = str(session_id)
        self.owner_id = str(owner_id)


class PostingRefused(ClearingError):
    """The ledger would not take a movement of a session; a person must look."""

    code = "posting_refused"

    def __init__(self, what: str, outcome: str) -> None:
        super().__init__(f"The ledger did not take {what}: {outcome}.")
        self.what = what
        self.outcome = outcome
