"""What may go wrong with asking for a refund."""

from uuid import UUID

from payments.errors import PaymentError


class RefundError(PaymentError):
    """A refund cannot be asked for."""

    code = "refund_error"


class RefundUnknown(RefundError):
    """No refund has this id."""

    code = "refund_unknown"

    def __init__(self, refund_id: UUID) -> None:
        super().__init__(f"There is no refund {refund_id}.")
        self.refund_id = str(refund_id)


class RefundIdReused(RefundError):
    """The id stands for a refund with other content; the first one is kept."""

    code = "refund_id_reused"

    def __init__(self, refund_id: UUID) -> None:
        super().__init__(f"Refund {refund_id} was asked for with other content.")
        self.refund_id = str(refund_id)


class RefundTooLarge(RefundError):
    """More than is left of what came, beside every refund that is done or under way."""

    code = "refund_too_large"

    def __init__(self, amount_vnd: int, *, left_vnd: int) -> None:
        super().__init__(f"{amount_vnd} đ cannot be given back: {left_vnd} đ is left.")
        self.amount_vnd = amount_vnd
        self.left_vnd = left_vnd


class NotRefundable(RefundError):
    """Nothing came that could be given back, or not by this road."""

    code = "not_refundable"

    def __init__(self, subject_id: UUID, why: str) -> None:
        super().__init__(f"{subject_id} cannot be given back: {why}.")
        self.subject_id = str(subject_id)
        self.why = why


class RefundFinal(RefundError):
    """The refund has ended or is on its way: it cannot be withdrawn."""

    code = "refund_final"

    def __init__(self, refund_id: UUID, state: str) -> None:
        super().__init__(f"Refund {refund_id} is {state}.")
        self.refund_id = str(refund_id)
        self.state = state
