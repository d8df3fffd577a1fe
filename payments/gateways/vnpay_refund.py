"""What VNPAY's words about a refund mean. Pure.

A refund is accepted first (05) and moves later (06), or is rejected (09). Source: VNPAY sandbox
documentation, querydr & refund.
"""

from collections.abc import Collection

from payments.gateways.vnpay_api import VNPayStatus
from payments.refund import Answered, RefundAnswer, RefundRequest

REFUND_TYPES = {"02": "full", "03": "partial"}
_OF_STATUS = {
    "00": Answered.ACCEPTED,
    "05": Answered.ACCEPTED,
    "06": Answered.CONFIRMED,
    "09": Answered.REFUSED,
}
REFUSALS = {
    "02": "Mã website không đúng.",
    "03": "Dữ liệu gửi sang không đúng định dạng.",
    "16": "Lúc này chưa hoàn được.",
    "91": "VNPAY không thấy giao dịch gốc.",
    "93": "Số tiền hoàn không hợp lệ.",
    "95": "Giao dịch gốc không thành công nên không hoàn được.",
    "97": "Sai chữ ký.",
}
"""vnp_ResponseCode that says that nothing was taken, and what people are told.

Not among them: 94 (asked before: ask how it stands), 08 (busy) and 99 (who knows).
"""


def refund_answer(code: str, status: VNPayStatus | None = None) -> RefundAnswer:
    """The answer to a refund request, by its vnp_ResponseCode."""
    if code != "00":
        kind = Answered.REFUSED if code in REFUSALS else Answered.UNCLEAR
        return RefundAnswer(kind, detail="" if code == "94" else code)
    assert status is not None
    kind = _OF_STATUS.get(status.transaction_status, Answered.ACCEPTED)
    return RefundAnswer(kind, status.transaction_no, f"00/{status.transaction_status}")


def refund_found(
    refund: RefundRequest, status: VNPayStatus, known: Collection[str]
) -> tuple[RefundAnswer, str]:
    """What an answer to querydr says of one refund; `known` are the numbers of the others.

    VNPAY tells of the last thing that happened to a payment. A refund that is neither ours nor of
    its number is somebody else's doing: the second value then says so, for a person.
    """
    number, amount_vnd = status.transaction_no, status.amount_vnd
    is_refund = status.transaction_type in REFUND_TYPES
    if not is_refund or number in known:
        return RefundAnswer(Answered.ABSENT), ""
    ours = number == refund.refund_no if refund.refund_no else amount_vnd == refund.amount_vnd
    if not ours:
        return RefundAnswer(Answered.UNCLEAR), f"VNPAY knows refund {number} of {amount_vnd} đ"
    kind = _OF_STATUS.get(status.transaction_status, Answered.UNCLEAR)
    return RefundAnswer(kind, number, f"00/{status.transaction_status}"), ""
