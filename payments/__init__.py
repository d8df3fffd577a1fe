"""QR payments on a double-entry ledger. What is named here is a promise.

    ledger = payments.Ledger("postgresql:///shop")
    await ledger.start()
    settled = await ledger.settle(confirmation, receipt_id=new_id, now=now)

Gateways, QR codes and speech are modules of their own: `payments.gateways`, `payments.qr`, ….
"""

from payments.checkout import (
    cancel_payment,
    expire_payments,
    open_payment,
    payment,
    register_payee,
    register_stand,
    retire_payee,
)
from payments.confirmation import Confirmation
from payments.errors import (
    AccountClosed,
    AccountNotEmpty,
    AccountUnknown,
    AmountOutOfRange,
    CashRefused,
    ChainBroken,
    CodeInvalid,
    CodeTaken,
    ConfirmationInvalid,
    JournalUnreadable,
    LedgerBusy,
    LedgerClosed,
    LedgerError,
    LedgerUnavailable,
    LimitRefused,
    LimitsInvalid,
    NotDurable,
    PayeeRetired,
    PayeeTaken,
    PayeeUnknown,
    PaymentError,
    PaymentExpiryInvalid,
    PaymentIdReused,
    PaymentNotOpen,
    PaymentUnknown,
    PostTooLarge,
    SettlementFailed,
    StandIdReused,
    StatementCursorUnknown,
)
from payments.events import Event, continue_after_restore, events_after
from payments.ledger.accounts import AccountKind, AccountName, account_id
from payments.ledger.audit import Problem, Report, audit
from payments.ledger.balances import (
    AccountView,
    accounts_of,
    balance_vnd,
    balance_vnd_at,
)
from payments.ledger.bookkeeping import Fed, feed_statements, rebuild_statements
from payments.ledger.chain import ChainHead, ChainHeads, Sealed, seal
from payments.ledger.chain import heads as chain_heads
from payments.ledger.files import FileUnreadable, Line, post_file
from payments.ledger.holds import expire_holds
from payments.ledger.opening import (
    Limits,
    close_account,
    freeze_account,
    limit_account,
    open_account,
    open_accounts,
    unfreeze_account,
)
from payments.ledger.orders import Hold, Order, PostHold, Refund, Reversal, VoidHold
from payments.ledger.partitions import Kept, keep_partitions
from payments.ledger.records import TRANSFER_DTYPE
from payments.ledger.statement_pages import Entry, statement
from payments.ledger.transfer import OUTCOMES, Outcome, Transfer, TransferKind
from payments.ledger.writer import CashSale, Ledger
from payments.memo import find_codes, is_code, new_code
from payments.migrations import migrate
from payments.notices import Notice, keep_notice, notices
from payments.payment import (
    AMOUNT_VND_MAX,
    AMOUNT_VND_MIN,
    OpenPayment,
    Payee,
    Payment,
    PaymentState,
)
from payments.qr import write_vietqr
from payments.receipts import (
    Receipt,
    Taking,
    receipts_for,
    receipts_of,
    receipts_to_resolve,
    takings,
)
from payments.settlement import Settled, SettlementOutcome
from payments.speech import announcement, spoken_vnd

__all__ = [
    "AMOUNT_VND_MAX",
    "AMOUNT_VND_MIN",
    "OUTCOMES",
    "TRANSFER_DTYPE",
    "AccountClosed",
    "AccountKind",
    "AccountName",
    "AccountNotEmpty",
    "AccountUnknown",
    "AccountView",
    "AmountOutOfRange",
    "CashRefused",
    "CashSale",
    "ChainBroken",
    "ChainHead",
    "ChainHeads",
    "CodeInvalid",
    "CodeTaken",
    "Confirmation",
    "ConfirmationInvalid",
    "Entry",
    "Event",
    "Fed",
    "FileUnreadable",
    "Hold",
    "JournalUnreadable",
    "Kept",
    "Ledger",
    "LedgerBusy",
    "LedgerClosed",
    "LedgerError",
    "LedgerUnavailable",
    "LimitRefused",
    "Limits",
    "LimitsInvalid",
    "Line",
    "NotDurable",
    "Notice",
    "OpenPayment",
    "Order",
    "Outcome",
    "Payee",
    "PayeeRetired",
    "PayeeTaken",
    "PayeeUnknown",
    "Payment",
    "PaymentError",
    "PaymentExpiryInvalid",
    "PaymentIdReused",
    "PaymentNotOpen",
    "PaymentState",
    "PaymentUnknown",
    "PostHold",
    "PostTooLarge",
    "Problem",
    "Receipt",
    "Refund",
    "Report",
    "Reversal",
    "Sealed",
    "Settled",
    "SettlementFailed",
    "SettlementOutcome",
    "StandIdReused",
    "StatementCursorUnknown",
    "Taking",
    "Transfer",
    "TransferKind",
    "VoidHold",
    "account_id",
    "accounts_of",
    "announcement",
    "audit",
    "balance_vnd",
    "balance_vnd_at",
    "cancel_payment",
    "chain_heads",
    "close_account",
    "continue_after_restore",
    "events_after",
    "expire_holds",
    "expire_payments",
    "feed_statements",
    "find_codes",
    "freeze_account",
    "is_code",
    "keep_notice",
    "keep_partitions",
    "limit_account",
    "migrate",
    "new_code",
    "notices",
    "open_account",
    "open_accounts",
    "open_payment",
    "payment",
    "post_file",
    "rebuild_statements",
    "receipts_for",
    "receipts_of",
    "receipts_to_resolve",
    "register_payee",
    "register_stand",
    "retire_payee",
    "seal",
    "spoken_vnd",
    "statement",
    "takings",
    "unfreeze_account",
    "write_vietqr",
]
