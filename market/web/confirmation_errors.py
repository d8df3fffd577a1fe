"""What can be wrong with a confirmation that an integrator sends: nothing of it is recorded then."""

from uuid import UUID

from market.errors import MarketError
from market.web.errors import tells

ITEM_COUNT_MAX = 1_000
"""Confirmations in one request: an eighth of the ledger's largest batch."""


class ConfirmationRefused(MarketError):
    """A confirmation that is not taken; nothing of it is recorded."""

    code = "confirmation_refused"


class IntegratorUnknown(ConfirmationRefused):
    """No key, a wrong one, or a revoked one."""

    code = "integrator_unknown"

    def __init__(self) -> None:
        super().__init__("Send “Authorization: Bearer <key>” with a key that is in use.")


class KeyMissing(ConfirmationRefused):
    """Without a key nobody could tell a repeat from a second movement of money."""

    code = "idempotency_key_missing"

    def __init__(self) -> None:
        super().__init__("Send “Idempotency-Key: <your own id of this movement>”.")


class KeyInvalid(ConfirmationRefused):
    """A key with characters that do not survive logs and files."""

    code = "idempotency_key_invalid"

    def __init__(self) -> None:
        super().__init__("An id has 1 to 128 of: letters, digits and . _ : / + = @ ~ -")


class MediaTypeRefused(ConfirmationRefused):
    """The body is not said to be JSON."""

    code = "media_type"

    def __init__(self, accepted: str) -> None:
        super().__init__(f"Send “Content-Type: {accepted}”.")
        self.accepted = accepted


class BodyTooLarge(ConfirmationRefused):
    """More bytes than such a body can need."""

    code = "too_large"

    def __init__(self, byte_count_max: int) -> None:
        super().__init__(f"At most {byte_count_max} bytes are possible.")
        self.byte_count_max = byte_count_max


class BodyTooSlow(ConfirmationRefused):
    """The rest of the body did not come in time."""

    code = "too_slow"

    def __init__(self, seconds_max: int) -> None:
        super().__init__(f"The body must be here within {seconds_max} s.")
        self.seconds_max = seconds_max


class TooManyItems(ConfirmationRefused):
    """More confirmations than one request may carry."""

    code = "too_many_items"

    def __init__(self, count: int) -> None:
        super().__init__(f"{count} confirmations; at most {ITEM_COUNT_MAX} in one request.")
        self.count = count
        self.count_max = ITEM_COUNT_MAX


class JSONInvalid(ConfirmationRefused):
    """Not JSON, not UTF-8, or half a surrogate pair."""

    code = "json_invalid"

    def __init__(self, reason: str) -> None:
        super().__init__(f"The body is no JSON in UTF-8: {reason}")


class FieldInvalid(ConfirmationRefused):
    """A field is missing, unknown, of another type, too long, or not for this kind of partner."""

    code = "field_invalid"

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field


class AmountInvalid(FieldInvalid):
    """Not a whole, positive, believable number of đồng."""

    code = "amount_invalid"


class TimeInvalid(FieldInvalid):
    """Not an instant with its zone, or one that cannot be."""

    code = "time_invalid"


class BankNotYours(ConfirmationRefused):
    """A partner reports for its own banks alone; an acquirer for none."""

    code = "bank_not_yours"

    def __init__(self, bank_bin: str) -> None:
        super().__init__(f"Your key is not for accounts of the bank “{bank_bin}”.")
        self.bank_bin = bank_bin


class KeyReused(ConfirmationRefused):
    """The id, or the bank's reference, stands for another amount or content; the first one stays."""

    code = "reference_reused"

    def __init__(self, receipt_id: UUID) -> None:
        super().__init__(
            f"Receipt {receipt_id} was confirmed under it with other content. Nothing was changed."
        )
        self.receipt_id = str(receipt_id)


tells(ConfirmationRefused, 422, "Báo có này chưa nhận được. Xem chi tiết.")
tells(IntegratorUnknown, 401, "Khóa của đối tác không đúng hoặc đã thu hồi.")
tells(KeyMissing, 400, "Thiếu Idempotency-Key: mã riêng của giao dịch bên đối tác.")
tells(KeyInvalid, 400, "Mã giao dịch chỉ gồm chữ, số và . _ : / + = @ ~ -, tối đa 128 ký tự.")
tells(MediaTypeRefused, 415, "Kiểu dữ liệu gửi lên không được hỗ trợ.")
tells(BodyTooLarge, 413, "Nội dung gửi lên quá lớn.")
tells(BodyTooSlow, 408, "Nội dung gửi lên quá chậm. Vui lòng gửi lại.")
tells(TooManyItems, 413, "Quá nhiều báo có trong một lần gửi. Chia nhỏ rồi gửi lại.")
tells(JSONInvalid, 400, "Nội dung không phải JSON hợp lệ.")
tells(FieldInvalid, 422, "Một trường chưa đúng. Xem chi tiết.")
tells(AmountInvalid, 422, "Số tiền phải là số nguyên đồng, lớn hơn 0.")
tells(TimeInvalid, 422, "Thời điểm phải có múi giờ, không quá 1 ngày tới và 400 ngày trước.")
tells(BankNotYours, 403, "Đối tác chỉ báo có cho tài khoản của chính ngân hàng mình.")
tells(KeyReused, 409, "Mã giao dịch này đã báo với nội dung khác. Lần đầu được giữ.")
