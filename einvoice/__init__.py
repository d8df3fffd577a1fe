"""Lawful Vietnamese e-invoices, from totals to the tax office's verdict.

What this module names is a promise; everything behind it may change.
"""

from einvoice.amounts import line_amount_vnd, rounded, split_inclusive, vat_vnd
from einvoice.authority import HTTPAuthority, PulledReply, TaxAuthority
from einvoice.complaints import faults_in
from einvoice.deadlines import Deadline, Event, deadline
from einvoice.difference import cheaper, differences, lessened, merged, spread
from einvoice.document import read, write
from einvoice.envelope import Reason
from einvoice.errors import EInvoiceError
from einvoice.filings import Filing, filings
from einvoice.fines import Fault as FineFault
from einvoice.fines import Fine, fine_of
from einvoice.forms import Registration
from einvoice.household import Group, HouseholdTax, Revenue, TaxMethod, tax_of
from einvoice.identifiers import lookup_code, tax_id_doubt, tax_id_of
from einvoice.inspection import Report, Trust, Verdict, inspect
from einvoice.invoice import (
    SALES_INVOICE,
    VAT_INVOICE,
    Buyer,
    Delegate,
    Fee,
    FreeField,
    Invoice,
    Line,
    Method,
    Nature,
    RateTotal,
    Related,
    Seller,
    Totals,
    line,
    totals_of,
)
from einvoice.issuance import (
    CorrectInvoice,
    IssuedInvoice,
    IssueInvoice,
    correct,
    invoice_by_id,
    invoice_by_lookup,
    invoice_of_subject,
    invoices_of,
    issue,
    name_buyer,
)
from einvoice.keys import (
    KeyFolder,
    KeySigner,
    RemoteSigner,
    Signer,
    TokenSigner,
    make_demo_certificate,
    make_key,
    signer_from_pkcs12,
)
from einvoice.notices import ErrorNotice, WrongInvoice, error_message
from einvoice.notification import notify_error
from einvoice.pdf import A4, ROLL_80, archive_pdf_of, pdf_of
from einvoice.registration import (
    RegistrationState,
    record_registration,
    register,
    registration_of,
)
from einvoice.seal import SELLER, Sealed, sign, verify
from einvoice.standing import (
    InvoiceStanding,
    NoticeStanding,
    counts_by_state,
    notice_standing,
    standings,
    successors,
)
from einvoice.storage import migrate
from einvoice.transmission import (
    Outcome,
    Outgoing,
    Receipt,
    Waiting,
    claim_pending,
    prepare,
    pulled_to,
    record_failure,
    record_replies,
    record_reply,
    resubmit,
    sellers_waiting,
)
from einvoice.triage import (
    Action,
    Advice,
    BuyerKind,
    Case,
    Fault,
    Need,
    advise,
    buyer_kind,
    case_of,
)
from einvoice.validity import check
from einvoice.words import NORTH, SOUTH, amount_in_words, same_words


def xml_of(issued: IssuedInvoice) -> bytes:
    """The invoice's own XML, byte for byte as it was frozen."""
    return issued.xml


__all__ = [
    "A4",
    "NORTH",
    "ROLL_80",
    "SALES_INVOICE",
    "SELLER",
    "SOUTH",
    "VAT_INVOICE",
    "Action",
    "Advice",
    "Buyer",
    "BuyerKind",
    "Case",
    "CorrectInvoice",
    "Deadline",
    "Delegate",
    "EInvoiceError",
    "ErrorNotice",
    "Event",
    "Fault",
    "Fee",
    "Filing",
    "Fine",
    "FineFault",
    "FreeField",
    "Group",
    "HTTPAuthority",
    "HouseholdTax",
    "Invoice",
    "InvoiceStanding",
    "IssueInvoice",
    "IssuedInvoice",
    "KeyFolder",
    "KeySigner",
    "Line",
    "Method",
    "Nature",
    "Need",
    "NoticeStanding",
    "Outcome",
    "Outgoing",
    "PulledReply",
    "RateTotal",
    "Reason",
    "Receipt",
    "Registration",
    "RegistrationState",
    "Related",
    "RemoteSigner",
    "Report",
    "Revenue",
    "Sealed",
    "Seller",
    "Signer",
    "TaxAuthority",
    "TaxMethod",
    "TokenSigner",
    "Totals",
    "Trust",
    "Verdict",
    "Waiting",
    "WrongInvoice",
    "advise",
    "amount_in_words",
    "archive_pdf_of",
    "buyer_kind",
    "case_of",
    "cheaper",
    "check",
    "claim_pending",
    "correct",
    "counts_by_state",
    "deadline",
    "differences",
    "error_message",
    "faults_in",
    "filings",
    "fine_of",
    "inspect",
    "invoice_by_id",
    "invoice_by_lookup",
    "invoice_of_subject",
    "invoices_of",
    "issue",
    "lessened",
    "line",
    "line_amount_vnd",
    "lookup_code",
    "make_demo_certificate",
    "make_key",
    "merged",
    "migrate",
    "name_buyer",
    "notice_standing",
    "notify_error",
    "pdf_of",
    "prepare",
    "pulled_to",
    "read",
    "record_failure",
    "record_registration",
    "record_replies",
    "record_reply",
    "register",
    "registration_of",
    "resubmit",
    "rounded",
    "same_words",
    "sellers_waiting",
    "sign",
    "signer_from_pkcs12",
    "split_inclusive",
    "spread",
    "standings",
    "successors",
    "tax_id_doubt",
    "tax_id_of",
    "tax_of",
    "totals_of",
    "vat_vnd",
    "verify",
    "write",
    "xml_of",
]
