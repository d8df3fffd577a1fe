"""Every error the platform's own rules raise on purpose, as one tree."""

from uuid import UUID


class MarketError(Exception):
    """What the world may do wrong with places, people and sales; each kind has a code."""

    code = "market_error"


class NotFound(MarketError):
    """There is no such thing, or the viewer may not see it."""

    code = "not_found"

    def __init__(self, what: str, identifier: UUID | str) -> None:
        super().__init__(f"There is no {what} {identifier}.")
        self.what = what
        self.identifier = str(identifier)


class StaleVersion(MarketError):
    """Somebody else changed it meanwhile; load it anew."""

    code = "stale_version"

    def __init__(self, what: str, version: int, current: int) -> None:
        super().__init__(f"{what} is at version {current}, the change was made on {version}.")
        self.what = what
        self.version = version
        self.current = current


class SaleIdReused(MarketError):
    """A sale with this id but other content is already there."""

    code = "sale_id_reused"

    def __init__(self, sale_id: UUID) -> None:
        super().__init__(f"Sale {sale_id} exists with other content. Make a new id.")
        self.sale_id = str(sale_id)


class AmountOutOfRange(MarketError):
    """The amount is not between 1 and 499,999,999 đ (NAPAS 247 takes less than 500 million)."""

    code = "amount_out_of_range"

    def __init__(self, amount_vnd: int) -> None:
        super().__init__(f"{amount_vnd} is not between 1 and 499999999.")
        self.amount_vnd = amount_vnd


class LinesDoNotAddUp(MarketError):
    """The lines' amounts do not sum to the amount of the sale, or one line cannot be right."""

    code = "lines_do_not_add_up"

    def __init__(self, amount_vnd: int, lines_vnd: int) -> None:
        super().__init__(f"The lines come to {lines_vnd}, the sale says {amount_vnd}.")
        self.amount_vnd = amount_vnd
        self.lines_vnd = lines_vnd


class StallNotSelling(MarketError):
    """The stall is paused, ended, or has no vendor yet."""

    code = "stall_not_selling"

    def __init__(self, stall_id: UUID) -> None:
        super().__init__(f"Stall {stall_id} is not open for sales.")
        self.stall_id = str(stall_id)


class NoReceivingAccount(MarketError):
    """The vendor has no verified account, so no QR can be made; cash can be recorded."""

    code = "no_receiving_account"

    def __init__(self, stall_id: UUID) -> None:
        super().__init__(f"Stall {stall_id} has no receiving account yet.")
        self.stall_id = str(stall_id)


class SaleFinal(MarketError):
    """The sale is paid, expired or cancelled; this can no longer be done."""

    code = "sale_final"

    def __init__(self, sale_id: UUID, state: str) -> None:
        super().__init__(f"Sale {sale_id} is {state}.")
        self.sale_id = str(sale_id)
        self.state = state


class PhoneInvalid(MarketError):
    """Not a Vietnamese mobile number: ten digits that begin with 03, 05, 07, 08 or 09."""

    code = "phone_invalid"

    def __init__(self, reason: str) -> None:
        super().__init__(f"The phone number cannot be used: {reason}.")
        self.reason = reason
        """“empty”, “length”, “prefix” or “letters”."""


class PhoneTaken(MarketError):
    """Somebody has this phone number already; ask whether it is the same person."""

    code = "phone_taken"

    def __init__(self, person_id: UUID, name: str) -> None:
        super().__init__("Somebody with this phone number is already known.")
        self._person_id = person_id
        self.name = name


class PhoneOfAnother(MarketError):
    """Somebody of another name has this phone number; whose it is, is not said."""

    code = "phone_of_another"

    def __init__(self) -> None:
        super().__init__("This phone number is known under another name.")


class HelperIsOwner(MarketError):
    """The vendor needs no helper's role at their own stall."""

    code = "helper_is_owner"

    def __init__(self) -> None:
        super().__init__("This is the vendor's own phone number.")


class HelpersTooMany(MarketError):
    """A vendor has as many helpers as one may have."""

    code = "helpers_too_many"

    def __init__(self, most: int) -> None:
        super().__init__(f"A vendor has at most {most} helpers.")
        self.most = most


class NameInvalid(MarketError):
    """A name that cannot be one: empty, too long, or with digits, emoji or control characters."""

    code = "name_invalid"

    def __init__(self, reason: str) -> None:
        super().__init__(f"The name cannot be used: {reason}.")
        self.reason = reason
        """“empty”, “length” or “characters”."""


class PinInvalid(MarketError):
    """A PIN that is not 4 to 6 digits, or that anybody would try first."""

    code = "pin_invalid"

    def __init__(self, reason: str) -> None:
        super().__init__(f"The PIN cannot be used: {reason}.")
        self.reason = reason
        """“digits”, “length” or “weak”."""


class IdNumberInvalid(MarketError):
    """A personal number has twelve digits."""

    code = "id_number_invalid"

    def __init__(self) -> None:
        super().__init__("A personal number has twelve digits.")


class SignInRefused(MarketError):
    """Phone and PIN, or phone and code, do not belong together. Nothing says which was wrong."""

    code = "sign_in_refused"

    def __init__(self, attempts_left: int) -> None:
        super().__init__("The phone number or the PIN is wrong.")
        self.attempts_left = attempts_left


class TooManyAttempts(MarketError):
    """Tried too often; wait."""

    code = "too_many_attempts"

    def __init__(self, wait_minutes: int) -> None:
        super().__init__(f"Tried too often. Wait {wait_minutes} minutes.")
        self.wait_minutes = wait_minutes


class StallTaken(MarketError):
    """Another vendor sells at this stall."""

    code = "stall_taken"

    def __init__(self, stall_id: UUID, vendor_name: str) -> None:
        super().__init__(f"Stall {stall_id} belongs to somebody else.")
        self.stall_id = str(stall_id)
        self.vendor_name = vendor_name


class StepNotNow(MarketError):
    """This step of the onboarding cannot be answered now: another comes first, or it is done."""

    code = "step_not_now"

    def __init__(self, step: str, present: str) -> None:
        super().__init__(f"Step “{step}” cannot be answered while at “{present}”.")
        self.step = step
        self.present = present


class ConsentMissing(MarketError):
    """Without consent to this purpose the stall cannot be opened."""

    code = "consent_missing"

    def __init__(self, purpose: str) -> None:
        super().__init__(f"Consent to “{purpose}” is missing.")
        self.purpose = purpose


class AccountInvalid(MarketError):
    """A bank nobody knows, or an account number that no bank gives out."""

    code = "account_invalid"

    def __init__(self, reason: str) -> None:
        super().__init__(f"The receiving account cannot be used: {reason}.")
        self.reason = reason
        """“bank” or “number”."""


class AccountNameDiffers(MarketError):
    """The bank gives the account another holder; say whose it is and go on knowingly."""

    code = "account_name_differs"

    def __init__(self, holder_name: str) -> None:
        super().__init__("The bank knows the account under another name.")
        self.holder_name = holder_name


class UnitAmbiguous(MarketError):
    """A name or code that stood for several units; the choice needs a day or a person."""

    code = "unit_ambiguous"

    def __init__(self, words: str, count: int) -> None:
        super().__init__(f"“{words}” names {count} units.")
        self.words = words
        self.count = count


class GoodsNotSold(MarketError):
    """More came back than was sold, or something that was not."""

    code = "goods_not_sold"

    def __init__(self, line_index: int) -> None:
        self.line_index = line_index
        super().__init__(f"line {line_index} of the sale was not sold so")


class SaleNotPaid(MarketError):
    """Only a paid sale can be invoiced."""

    code = "sale_not_paid"

    def __init__(self, sale_id: UUID, state: str) -> None:
        super().__init__(f"Sale {sale_id} is {state}, not paid.")
        self.sale_id = str(sale_id)
        self.state = state


class SaleInvoiced(MarketError):
    """An invoice says that the sale was paid; it has to be corrected first."""

    code = "sale_invoiced"

    def __init__(self, sale_id: UUID) -> None:
        super().__init__(f"Sale {sale_id} is invoiced.")
        self.sale_id = str(sale_id)


class InvoiceNotPossible(MarketError):
    """The vendor cannot issue e-invoices yet: no tax id, or not registered with the authority."""

    code = "invoice_not_possible"

    def __init__(self, subject_id: UUID, reason: str) -> None:
        super().__init__(f"No invoice for {subject_id}: {reason}.")
        self.subject_id = str(subject_id)
        self.reason = reason


class InvoiceNumberWaits(InvoiceNotPossible):
    """A till numbered this sale while it had no network; its invoice follows in that number's turn."""

    code = "invoice_number_waits"

    def __init__(self, subject_id: UUID) -> None:
        super().__init__(subject_id, "its till has numbered it")
