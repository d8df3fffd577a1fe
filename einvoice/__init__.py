"""Lawful Vietnamese e-invoices, from totals to the tax office's verdict.

What this module names is a promise; everything behind it may change.
"""

from einvoice import books, meter, mirror
from einvoice.amounts import line_amount_vnd, rounded, split_inclusive, vat_vnd
from einvoice.answers import Outcome, Receipt, pulled_to, record_replies, record_reply
from einvoice.authority import HTTPAuthority, PulledReply, TaxAuthority
from einvoice.by_list import CorrectionList, Listed, corrected_by_list, sheet_of_list
from einvoice.complaints import faults_in, wants_cancelling
from einvoice.correcting import CorrectInvoice, correct, name_buyer
from einvoice.deadlines import Deadline, Event, deadline
from einvoice.delegating import Contract, Office, Party
from einvoice.delegation import (
    Delegation,
    agree,
    appendix_for,
    delegations_of,
    end_delegation,
    file_delegations,
)
from einvoice.demands import Demand, demands_of
from einvoice.difference import cheaper, differences, lessened, merged, spread
from einvoice.document import read, write
from einvoice.envelope import Reason
from einvoice.errors import EInvoiceError
from einvoice.filings import Filing, filings
from einvoice.fines import Fault as FineFault
from einvoice.fines import Fine, fine_of
from einvoice.forms import Form, Registration
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
from einvoice.issuance import IssueInvoice, issue, issue_all
from einvoice.issued import (
    IssuedInvoice,
    invoice_by_id,
    invoice_by_lookup,
    invoice_of_subject,
    invoices_of,
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
from einvoice.listed import (
    CorrectByList,
    ListedFault,
    adjustments_of,
    alike,
    correct_by_list,
    list_of,
    subjects_of,
)
from einvoice.notices import ErrorNotice, WrongInvoice, error_message
from einvoice.notification import notify_error
from einvoice.numbering import OwnNumber
from einvoice.occasions import OccasionRequest, ask_occasion, coded_occasion, send_occasion
from einvoice.outages import (
    Alarm,
    Outage,
    alarms,
    outage_began,
    outage_ended,
    outage_now,
    raise_alarms,
)
from einvoice.pdf import A4, ROLL_80, archive_pdf_of, pdf_of
from einvoice.registration import (
    RegistrationState,
    record_registration,
    register,
    registration_of,
)
from einvoice.seal import SELLER, Sealed, sign, verify, write_signed, write_signed_all
from einvoice.sentences import said_in
from einvoice.series import CodeRange, letters_of_till, reserve_codes
from einvoice.soap import Shape, SOAPAuthority
from einvoice.standing import (
    InvoiceStanding,
    NoticeStanding,
    counts_by_state,
    notice_standing,
    standings,
    successors,
)
from einvoice.storage import migrate
from einvoice.summaries import Summary, SummaryLine, file_summary, lines_of
from einvoice.tills import TillNumbers, numbers_of_till, till_of
from einvoice.tokens import Token, open_token
from einvoice.transmission import (
    MessageState,
    Outgoing,
    Progress,
    Waiting,
    all_due,
    claim_pending,
    message_state,
    prepare,
    progress_of,
    record_failure,
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
    "Alarm",
    "Buyer",
    "BuyerKind",
    "Case",
    "CodeRange",
    "Contract",
    "CorrectByList",
    "CorrectInvoice",
    "CorrectionList",
    "Deadline",
    "Delegate",
    "Delegation",
    "Demand",
    "EInvoiceError",
    "ErrorNotice",
    "Event",
    "Fault",
    "Fee",
    "Filing",
    "Fine",
    "FineFault",
    "Form",
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
    "Listed",
    "ListedFault",
    "MessageState",
    "Method",
    "Nature",
    "Need",
    "NoticeStanding",
    "OccasionRequest",
    "Office",
    "Outage",
    "Outcome",
    "Outgoing",
    "OwnNumber",
    "Party",
    "Progress",
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
    "SOAPAuthority",
    "Sealed",
    "Seller",
    "Shape",
    "Signer",
    "Summary",
    "SummaryLine",
    "TaxAuthority",
    "TaxMethod",
    "TillNumbers",
    "Token",
    "TokenSigner",
    "Totals",
    "Trust",
    "Verdict",
    "Waiting",
    "WrongInvoice",
    "adjustments_of",
    "advise",
    "agree",
    "alarms",
    "alike",
    "all_due",
    "amount_in_words",
    "appendix_for",
    "archive_pdf_of",
    "ask_occasion",
    "books",
    "buyer_kind",
    "case_of",
    "cheaper",
    "check",
    "claim_pending",
    "coded_occasion",
    "correct",
    "correct_by_list",
    "corrected_by_list",
    "counts_by_state",
    "deadline",
    "delegations_of",
    "demands_of",
    "differences",
    "end_delegation",
    "error_message",
    "faults_in",
    "file_delegations",
    "file_summary",
    "filings",
    "fine_of",
    "inspect",
    "invoice_by_id",
    "invoice_by_lookup",
    "invoice_of_subject",
    "invoices_of",
    "issue",
    "issue_all",
    "lessened",
    "letters_of_till",
    "line",
    "line_amount_vnd",
    "lines_of",
    "list_of",
    "lookup_code",
    "make_demo_certificate",
    "make_key",
    "merged",
    "message_state",
    "meter",
    "migrate",
    "mirror",
    "name_buyer",
    "notice_standing",
    "notify_error",
    "numbers_of_till",
    "open_token",
    "outage_began",
    "outage_ended",
    "outage_now",
    "pdf_of",
    "prepare",
    "progress_of",
    "pulled_to",
    "raise_alarms",
    "read",
    "record_failure",
    "record_registration",
    "record_replies",
    "record_reply",
    "register",
    "registration_of",
    "reserve_codes",
    "resubmit",
    "rounded",
    "said_in",
    "same_words",
    "sellers_waiting",
    "send_occasion",
    "sheet_of_list",
    "sign",
    "signer_from_pkcs12",
    "split_inclusive",
    "spread",
    "standings",
    "subjects_of",
    "successors",
    "tax_id_doubt",
    "tax_id_of",
    "tax_of",
    "till_of",
    "totals_of",
    "vat_vnd",
    "verify",
    "wants_cancelling",
    "write",
    "write_signed",
    "write_signed_all",
    "xml_of",
]
