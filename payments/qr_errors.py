"""What can be wrong with a scanned payment code, one class per step of the check. Pure."""

from payments.errors import PaymentError


class QRError(PaymentError):
    """A payment code that cannot be used, or a field of it that deserves a look."""

    code = "qr_error"
    step = 0
    """Position in the order of checks, 1 to 10; 1 to 4 make a code unreadable."""
    is_warning = False
    """True where the code can still be paid: real stickers bend the text rules."""

    def __init__(self, message: str, field: str = "", value: str = "") -> None:
        super().__init__(message)
        self.field = field
        """The data object, as in 54 or 62-08."""
        self.value = value


class QREmpty(QRError):
    """There is no text."""

    code, step = "qr_empty", 1


class QRTooLong(QRError):
    """More than 512 characters: no payment code is."""

    code, step = "qr_too_long", 1


class QRUnprintable(QRError):
    """Control characters inside."""

    code, step = "qr_unprintable", 1


class QRNotPayment(QRError):
    """Some other text: a link, a phone number, another country's own form. Ours begin 000201."""

    code, step = "qr_not_payment", 2


class QRBroken(QRError):
    """The objects do not add up: a length says more than there is, or is no number."""

    code, step = "qr_broken", 3


class QRLengthInBytes(QRBroken):
    """The lengths count UTF-8 bytes where they must count characters: a maker's mistake."""

    code = "qr_length_in_bytes"


class QRRepeated(QRError):
    """One root object stands twice: nobody can say which one counts."""

    code, step = "qr_repeated", 3


class QRChecksumMissing(QRError):
    """The last object is not a four-digit checksum."""

    code, step = "qr_checksum_missing", 4


class QRChecksumWrong(QRError):
    """The text was changed or misread after the checksum was made."""

    code, step = "qr_checksum_wrong", 4


class QRForeign(QRError):
    """A code of another country or currency."""

    code, step = "qr_foreign", 5


class QRSchemeUnknown(QRError):
    """Neither VietQR (38) nor VNPAY-QR (26)."""

    code, step = "qr_scheme_unknown", 6


class QRTemplateBroken(QRError):
    """The receiver's template does not add up, though the checksum is right."""

    code, step = "qr_template_broken", 7


class QRBankUnknown(QRError):
    """The BIN belongs to no bank of the table."""

    code, step = "qr_bank_unknown", 7


class QRBankNotUsed(QRError):
    """The BIN is granted but transfers to this bank go by another one."""

    code, step = "qr_bank_not_used", 7


class QRAccountMalformed(QRError):
    """An account number is 1 to 19 letters and digits."""

    code, step = "qr_account_malformed", 7


class QRServiceUnknown(QRError):
    """A service code that NAPAS does not define."""

    code, step = "qr_service_unknown", 8


class QRAmountMalformed(QRError):
    """Not a number as the standard writes it, or đồng with a fraction."""

    code, step = "qr_amount_malformed", 9


class QRAmountOutOfRange(QRError):
    """Zero, or 500 million đồng and more, which one instant transfer cannot carry."""

    code, step = "qr_amount_out_of_range", 9


class QRAmountHidden(QRError):
    """An amount in a code marked as reusable: many bank apps then do not show it."""

    code, step = "qr_amount_hidden", 9
    is_warning = True


class QRAdditionalBroken(QRError):
    """What stands beside the receiver, memo or native name, does not add up."""

    code, step = "qr_additional_broken", 10


class QRFieldMalformed(QRError):
    """A field of fixed form has another: a kind of code, a category, a fee, a language."""

    code, step = "qr_field_malformed", 10
    is_warning = True


class QRMemoMisplaced(QRError):
    """A bill number without a purpose: bank apps copy only the purpose (62-08) into the memo."""

    code, step = "qr_memo_misplaced", 10
    is_warning = True


class QRTextTooLong(QRError):
    """A name, city or memo longer than its field."""

    code, step = "qr_text_too_long", 10
    is_warning = True


class QRTextNotPlain(QRError):
    """A name, city or memo with diacritics or signs that bank apps may refuse."""

    code, step = "qr_text_not_plain", 10
    is_warning = True
