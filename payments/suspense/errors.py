"""What may go wrong while a person decides about waiting money."""

from uuid import UUID

from payments.errors import PaymentError


class CaseUnknown(PaymentError):
    """No money of such a receipt waits, or ever waited, in suspense."""

    code = "case_unknown"

    def __init__(self, receipt_id: UUID) -> None:
        super().__init__(f"There is no case of receipt {receipt_id}.")
        self.receipt_id = str(receipt_id)


class CaseMoved(PaymentError):
    """Somebody else decided meanwhile, or its payment still waits for the rest: look again."""

    code = "case_moved"

    def __init__(self, receipt_id: UUID, state: str) -> None:
        super().__init__(f"The case of receipt {receipt_id} is {state}.")
        self.receipt_id = str(receipt_id)
        self.state = state
        """As it is now."""


class CasePartsWrong(PaymentError):
    """The parts do not give away exactly the money there is, or one of them cannot be."""

    code = "case_parts_wrong"

    def __init__(self, receipt_id: UUID, *, has_vnd: int, given_vnd: int) -> None:
        super().__init__(
            f"The case of receipt {receipt_id} has {has_vnd} đ, its parts say {given_vnd} đ."
        )
        self.receipt_id = str(receipt_id)
        self.has_vnd = has_vnd
        self.given_vnd = given_vnd


class CaseRefused(PaymentError):
    """The ledger refused what was decided: an account is frozen, closed or at its limit."""

    code = "case_refused"

    def __init__(self, receipt_id: UUID, outcome: str) -> None:
        super().__init__(f"The decision about receipt {receipt_id} was refused: {outcome}.")
        self.receipt_id = str(receipt_id)
        self.outcome = outcome


class CaseRefunded(PaymentError):
    """Some of the money went back, or is on its way: what was decided cannot be taken back."""

    code = "case_refunded"

    def __init__(self, receipt_id: UUID) -> None:
        super().__init__(f"Money of receipt {receipt_id} was given back.")
        self.receipt_id = str(receipt_id)


class PaymentAssigned(PaymentError):
    """Other waiting money was assigned to this payment before."""

    code = "payment_assigned"

    def __init__(self, payment_id: UUID) -> None:
        super().__init__(f"Payment {payment_id} has its money already.")
        self.payment_id = str(payment_id)
