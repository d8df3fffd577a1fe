"""Every error raised on purpose in this package, as one tree.

Errors about one subject alone stand beside it: QR codes, banks, keyed amounts, gateways.
"""

from uuid import UUID


class PaymentError(Exception):
    """What the world may do wrong with money; each kind has a code and its facts as fields."""

    code = "payment_error"


# ── Asking for money ────────────────────────────────────────────────────────────────────────────


class AmountOutOfRange(PaymentError):
    """An amount no payment may ask for."""

    code = "amount_out_of_range"

    def __init__(self, amount_vnd: int, *, amount_vnd_min: int, amount_vnd_max: int) -> None:
        super().__init__(f"{amount_vnd} đ is not within {amount_vnd_min}..{amount_vnd_max} đ.")
        self.amount_vnd = amount_vnd
        self.amount_vnd_min = amount_vnd_min
        self.amount_vnd_max = amount_vnd_max


class PaymentUnknown(PaymentError):
    """No payment has this id."""

    code = "payment_unknown"

    def __init__(self, payment_id: UUID) -> None:
        super().__init__(f"There is no payment {payment_id}.")
        self.payment_id = payment_id


class PaymentIdReused(PaymentError):
    """The id already stands for a payment with other content; the first one is kept."""

    code = "payment_id_reused"

    def __init__(self, payment_id: UUID) -> None:
        super().__init__(f"Payment {payment_id} was opened with other content.")
        self.payment_id = payment_id


class PaymentNotOpen(PaymentError):
    """The payment has ended: what was asked is possible only while it waits for money."""

    code = "payment_not_open"

    def __init__(self, payment_id: UUID, state: str) -> None:
        super().__init__(f"Payment {payment_id} is {state}.")
        self.payment_id = payment_id
        self.state = state


class PaymentExpiryInvalid(PaymentError):
    """A payment was asked for that would have ended before it began."""

    code = "payment_expiry_invalid"

    def __init__(self, payment_id: UUID) -> None:
        super().__init__(f"Payment {payment_id} would expire before it is opened.")
        self.payment_id = payment_id


class CodeInvalid(PaymentError):
    """Not a code of ours: wrong shape or wrong check character."""

    code = "code_invalid"

    def __init__(self, text: str) -> None:
        super().__init__(f"“{text[:40]}” is not a code.")
        self.text = text


class CodeTaken(PaymentError):
    """The code stands for another payment or stand of this owner; make a new one."""

    code = "code_taken"

    def __init__(self, text: str) -> None:
        super().__init__(f"The code {text} is taken.")
        self.text = text


class PayeeUnknown(PaymentError):
    """The owner has no such receiving account."""

    code = "payee_unknown"

    def __init__(self, payee_id: UUID | None) -> None:
        super().__init__(f"There is no receiving account {payee_id} of this owner.")
        self.payee_id = payee_id


class PayeeRetired(PaymentError):
    """The receiving account is no longer used for new payments."""

    code = "payee_retired"

    def __init__(self, payee_id: UUID) -> None:
        super().__init__(f"The receiving account {payee_id} is retired.")
        self.payee_id = payee_id


class PayeeTaken(PaymentError):
    """The bank account already receives for another owner, or the id stands for another account."""

    code = "payee_taken"

    def __init__(self, payee_id: UUID) -> None:
        super().__init__(f"The bank account of {payee_id} is registered under another name.")
        self.payee_id = payee_id


class StandIdReused(PaymentError):
    """The stand already stands for another code, owner or place."""

    code = "stand_id_reused"

    def __init__(self, stand_id: UUID) -> None:
        super().__init__(f"Stand {stand_id} was registered with other content.")
        self.stand_id = stand_id


# ── The ledger ──────────────────────────────────────────────────────────────────────────────────


class LedgerError(PaymentError):
    """The ledger could not do what was asked; nothing is known to have changed."""

    code = "ledger_error"


class LedgerBusy(LedgerError):
    """The queue is full; try again a little later. Nothing was done."""

    code = "ledger_busy"

    def __init__(self, queued: int, *, retry_after_s: int = 1) -> None:
        super().__init__(f"{queued} transfers are waiting already.")
        self.queued = queued
        self.retry_after_s = retry_after_s


class LedgerUnavailable(LedgerError):
    """No durable commit was possible in time. It may stand or not: the same call again tells."""

    code = "ledger_unavailable"

    def __init__(self, reason: str, *, retry_after_s: int = 5) -> None:
        super().__init__(f"The ledger cannot write: {reason}")
        self.retry_after_s = retry_after_s


class LedgerClosed(LedgerError):
    """The ledger is not started, or is being closed."""

    code = "ledger_closed"

    def __init__(self) -> None:
        super().__init__("The ledger takes nothing: it is not started, or it is closing.")


class NotDurable(LedgerError):
    """The database is set up to forget what it acknowledged; the ledger refuses to start."""

    code = "not_durable"

    def __init__(self, setting: str, value: str) -> None:
        super().__init__(
            f"PostgreSQL runs with {setting}={value}: acknowledged money could be lost."
        )
        self.setting = setting
        self.value = value


class PostTooLarge(LedgerError):
    """More transfers in one call than one commit may hold."""

    code = "post_too_large"

    def __init__(self, count: int, count_max: int) -> None:
        super().__init__(f"{count} transfers in one call; at most {count_max} are possible.")
        self.count = count
        self.count_max = count_max


class ConfirmationInvalid(LedgerError):
    """A confirmation that cannot be a movement of money; a gateway should never have made it."""

    code = "confirmation_invalid"

    def __init__(self, reason: str) -> None:
        super().__init__(f"Not a movement of money: {reason}.")
        self.reason = reason


class SettlementFailed(LedgerError):
    """The database refuses this one confirmation; nothing of it stands. A person must look."""

    code = "settlement_failed"

    def __init__(self, receipt_id: UUID) -> None:
        super().__init__(f"The confirmation of receipt {receipt_id} could not be recorded.")
        self.receipt_id = receipt_id


class CashRefused(LedgerError):
    """A cash sale could not be posted; `outcome` says why."""

    code = "cash_refused"

    def __init__(self, sale_id: UUID, outcome: str) -> None:
        super().__init__(f"The cash of sale {sale_id} was not posted: {outcome}.")
        self.sale_id = sale_id
        self.outcome = outcome


class ChainBroken(LedgerError):
    """The links of the hash chain are not those that were made; nothing is sealed upon them."""

    code = "chain_broken"

    def __init__(self, *, position: int, watermark: int | None) -> None:
        super().__init__(
            f"The seals end at position {position}, the watermark says {watermark}: run the audit."
        )
        self.position = position
        self.watermark = watermark


# ── Accounts ────────────────────────────────────────────────────────────────────────────────────


class AccountUnknown(LedgerError):
    """The owner has no such account."""

    code = "account_unknown"

    def __init__(self, account_id: UUID) -> None:
        super().__init__(f"There is no account {account_id}.")
        self.account_id = account_id


class AccountClosed(LedgerError):
    """A closed account stays closed, and as it was."""

    code = "account_closed"

    def __init__(self, account_id: UUID) -> None:
        super().__init__(f"Account {account_id} is closed.")
        self.account_id = account_id


class AccountNotEmpty(LedgerError):
    """An account is closed only when it holds nothing and no hold waits for it."""

    code = "account_not_empty"

    def __init__(
        self, account_id: UUID, *, balance_vnd: int, held_in_vnd: int, held_out_vnd: int
    ) -> None:
        super().__init__(
            f"Account {account_id} holds {balance_vnd} đ; holds may still bring {held_in_vnd} đ"
            f" and take {held_out_vnd} đ."
        )
        self.account_id = account_id
        self.balance_vnd = balance_vnd
        self.held_in_vnd = held_in_vnd
        self.held_out_vnd = held_out_vnd


class LimitsInvalid(LedgerError):
    """Limits that no account could keep, or not in the ledger's range."""

    code = "limits_invalid"

    def __init__(self, reason: str) -> None:
        super().__init__(f"Not limits: {reason}.")
        self.reason = reason


class LimitRefused(LedgerError):
    """The account already holds less, or open holds may bring it below the new smallest balance."""

    code = "limit_refused"

    def __init__(self, account_id: UUID, *, balance_vnd_min: int, free_vnd: int) -> None:
        super().__init__(
            f"Account {account_id} may fall to {free_vnd} đ already, below {balance_vnd_min} đ."
        )
        self.account_id = account_id
        self.balance_vnd_min = balance_vnd_min
        self.free_vnd = free_vnd


class StatementCursorUnknown(LedgerError):
    """A statement cannot go on after an entry that its account does not have."""

    code = "statement_cursor_unknown"

    def __init__(self, account_id: UUID, position: int) -> None:
        super().__init__(f"Account {account_id} has no entry {position}.")
        self.account_id = account_id
        self.position = position


class JournalUnreadable(LedgerError):
    """A row of the journal has an empty field: somebody took the table's rules away."""

    code = "journal_unreadable"

    def __init__(self) -> None:
        super().__init__("A transfer has an empty field: run the audit.")
