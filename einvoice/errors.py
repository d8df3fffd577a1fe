"""Every error this package raises on purpose, as one tree."""

from datetime import date
from uuid import UUID


class EInvoiceError(Exception):
    """Something the world may do wrong with an invoice. `code` is stable; facts are fields."""

    code = "einvoice_error"


# ── What an invoice says ────────────────────────────────────────────────────────────────────────


class FieldInvalid(EInvoiceError):
    """A field's text cannot stand on an invoice: too long, empty, or with letters XML forbids."""

    code = "invoice_field_invalid"

    def __init__(self, field: str, why: str) -> None:
        super().__init__(f"{field}: {why}.")
        self.field = field
        self.why = why


class TaxIdInvalid(EInvoiceError):
    """Not 10 digits, 10-3 digits or a 12-digit personal id."""

    code = "tax_id_invalid"

    def __init__(self, text: str) -> None:
        super().__init__(f"“{text}” is not a tax id of 10, 10-3 or 12 digits.")
        self.text = text


class SymbolInvalid(EInvoiceError):
    """The template and symbol do not fit each other, the pattern or the year."""

    code = "symbol_invalid"

    def __init__(self, template: int, symbol: str, why: str) -> None:
        super().__init__(f"{template}{symbol}: {why}.")
        self.template = template
        self.symbol = symbol
        self.why = why


class NumberInvalid(EInvoiceError):
    """An invoice number outside 1 to 99,999,999."""

    code = "invoice_number_invalid"

    def __init__(self, number: int) -> None:
        super().__init__(f"{number} is not an invoice number between 1 and 99999999.")
        self.number = number


class CodeInvalid(EInvoiceError):
    """A tax code, lookup code or message id of the wrong shape."""

    code = "code_invalid"

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(f"“{text}” is not a {kind}.")
        self.kind = kind
        self.text = text


class TotalsWrong(EInvoiceError):
    """What the totals say and what the lines add up to differ."""

    code = "totals_wrong"

    def __init__(self, field: str, *, said: object, computed: object) -> None:
        super().__init__(f"{field} says {said}, the lines give {computed}.")
        self.field = field
        self.said = said
        self.computed = computed


class RuleUnknown(EInvoiceError):
    """No dated rule covers this day."""

    code = "rule_unknown"

    def __init__(self, key: str, day: date, known_on: date | None = None) -> None:
        known = f" as the law was known on {known_on}" if known_on else ""
        super().__init__(f"No rule “{key}” is in force on {day}{known}.")
        self.key = key
        self.day = day
        self.known_on = known_on


class InstrumentNotInForce(EInvoiceError):
    """A law that has no force on this day may not be printed as the basis of anything."""

    code = "instrument_not_in_force"

    def __init__(self, name: str, on: date) -> None:
        super().__init__(f"{name} has no force on {on}.")
        self.name = name
        self.on = on


class TaxNotComputed(EInvoiceError):
    """The facts given do not allow the tax to be computed. `why` says what is missing."""

    code = "tax_not_computed"

    def __init__(self, why: str) -> None:
        super().__init__(f"The tax cannot be computed: {why.removesuffix('.')}.")
        self.why = why


# ── Issuing ─────────────────────────────────────────────────────────────────────────────────────


class SellerNotRegistered(EInvoiceError):
    """The tax authority has not accepted this seller's registration, so there is no code prefix."""

    code = "seller_not_registered"

    def __init__(self, tax_id: str) -> None:
        super().__init__(f"Seller {tax_id} has no accepted e-invoice registration.")
        self.tax_id = tax_id


class FormNotRegistered(EInvoiceError):
    """The seller's registration does not cover this form of invoice."""

    code = "form_not_registered"

    def __init__(self, tax_id: str, form: str) -> None:
        super().__init__(f"Seller {tax_id} is not registered for invoices of form {form}.")
        self.tax_id = tax_id
        self.form = form


class DelegationMissing(EInvoiceError):
    """No accepted contract lets this party issue this seller's invoices of this series today."""

    code = "delegation_missing"

    def __init__(self, tax_id: str, delegate_tax_id: str) -> None:
        super().__init__(f"{delegate_tax_id} has no accepted contract to issue for {tax_id}.")
        self.tax_id = tax_id
        self.delegate_tax_id = delegate_tax_id


class NumberOutOfTurn(EInvoiceError):
    """A till's own number is not the next of its series, or its code not of its own range."""

    code = "number_out_of_turn"

    def __init__(self, series: str, *, given: int, expected: int) -> None:
        super().__init__(f"Series {series} expects {expected}, not {given}.")
        self.series = series
        self.given = given
        self.expected = expected


class SellerOfAnother(EInvoiceError):
    """The tax id, its series or its code prefix belongs to another owner."""

    code = "seller_of_another"

    def __init__(self, tax_id: str) -> None:
        super().__init__(f"Tax id {tax_id} is registered for another owner.")
        self.tax_id = tax_id


class SeriesExhausted(EInvoiceError):
    """The series or the code counter has no number left."""

    code = "series_exhausted"

    def __init__(self, series: str) -> None:
        super().__init__(f"Series {series} has no number left this year.")
        self.series = series


class IdReused(EInvoiceError):
    """The id was used before with other content."""

    code = "invoice_id_reused"

    def __init__(self, identifier: UUID) -> None:
        super().__init__(f"{identifier} was used before for something else.")
        self.identifier = identifier


class AlreadyInvoiced(EInvoiceError):
    """The sale has its invoice already, under another id."""

    code = "already_invoiced"

    def __init__(self, subject_id: UUID, invoice_id: UUID) -> None:
        super().__init__(f"{subject_id} is invoiced already by {invoice_id}.")
        self.subject_id = subject_id
        self.invoice_id = invoice_id


class InvoiceNotFound(EInvoiceError):
    """No such invoice, or not one this session may see."""

    code = "invoice_not_found"

    def __init__(self, identifier: UUID) -> None:
        super().__init__(f"There is no invoice {identifier}.")
        self.identifier = identifier


class NotCorrectable(EInvoiceError):
    """The invoice cannot be corrected this way: rejected, replaced already, or adjusted before."""

    code = "invoice_not_correctable"

    def __init__(self, identifier: UUID, state: str) -> None:
        super().__init__(f"Invoice {identifier} is {state} and cannot be corrected this way.")
        self.identifier = identifier
        self.state = state


class NotPossible(EInvoiceError):
    """A move the law or the state of an invoice does not allow. `why` says it."""

    code = "correction_not_possible"

    def __init__(self, why: str) -> None:
        super().__init__(f"That is not possible: {why}.")
        self.why = why


class TooLateToName(EInvoiceError):
    """A buyer may be named on the day of the sale only."""

    code = "too_late_to_name"

    def __init__(self, identifier: UUID, issued_on: date) -> None:
        super().__init__(f"Invoice {identifier} is of {issued_on}; a buyer is named the same day.")
        self.identifier = identifier
        self.issued_on = issued_on


# ── Documents, signatures, messages ─────────────────────────────────────────────────────────────


class DocumentInvalid(EInvoiceError):
    """Bytes that are not the invoice or message they claim to be."""

    code = "document_invalid"

    def __init__(self, why: str) -> None:
        super().__init__(f"The document cannot be read: {why}.")
        self.why = why


class SealInvalid(EInvoiceError):
    """A signature that does not hold. `reason` is one of a fixed list of words."""

    code = "seal_invalid"

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(
            f"The signature does not hold: {reason}{f' ({detail})' if detail else ''}."
        )
        self.reason = reason
        self.detail = detail


class SignerFailed(EInvoiceError):
    """A key file cannot be opened, or a token or service made a signature that does not hold."""

    code = "signer_failed"

    def __init__(self, why: str) -> None:
        super().__init__(f"Nothing was signed: {why}.")
        self.why = why


class MessageTooLarge(EInvoiceError):
    """A message over the authority's 2 MB."""

    code = "message_too_large"

    def __init__(self, size: int) -> None:
        super().__init__(f"The message has {size} bytes; 2,000,000 are allowed.")
        self.size = size


class AuthorityUnavailable(EInvoiceError):
    """The tax authority did not answer, or not as agreed. The same bytes are sent again later."""

    code = "authority_unavailable"

    def __init__(self, why: str) -> None:
        super().__init__(f"The tax authority cannot be reached: {why}.")
        self.why = why


class NothingToRegister(EInvoiceError):
    """The registration was sent or accepted already."""

    code = "already_registered"

    def __init__(self, tax_id: str, state: str) -> None:
        super().__init__(f"The registration of {tax_id} is {state} already.")
        self.tax_id = tax_id
        self.state = state


class BookEntryInvalid(EInvoiceError):
    """What was to be written into the books cannot stand there."""

    code = "book_entry_invalid"

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"The entry's {field} is wrong: {reason}.")
        self.field = field
        self.reason = reason


class BookEntryNotFound(EInvoiceError):
    """No such entry in one's own books."""

    code = "book_entry_not_found"

    def __init__(self, entry_id: UUID) -> None:
        super().__init__(f"There is no entry {entry_id} in these books.")
        self.entry_id = entry_id
