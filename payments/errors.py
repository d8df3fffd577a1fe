"""Every error raised on purpose in this package, as one tree."""


class PaymentError(Exception):
    """What the world may do wrong with money; each kind has a code and its facts as fields."""

    code = "payment_error"
