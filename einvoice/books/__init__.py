"""The books of a household business and the drafts of what it files; what it writes by hand.

What this module names is a promise. Nothing here replaces a tax return, and nothing is sent anywhere.
"""

from einvoice.books.accounts import Accounts, Book, book_of, parts_of, takings_of
from einvoice.books.day import DayCheck, Finding, Sold, check_day, findings_by_count
from einvoice.books.drafts import Account, Form, Site, draft_of
from einvoice.books.entries import Entry, EntryKind, entries_of, strike_entry, write_entry
from einvoice.books.printed import pdf_of
from einvoice.books.reading import InvoiceMark, invoice_marks, invoices_issued_on
from einvoice.books.sheet import DISCLAIMER, Sheet
from einvoice.books.stock import StockCard, stock_cards
from einvoice.books.values import GoodsMove, Household, Item, Period
from einvoice.books.workbook import xlsx_of

__all__ = [
    "DISCLAIMER",
    "Account",
    "Accounts",
    "Book",
    "DayCheck",
    "Entry",
    "EntryKind",
    "Finding",
    "Form",
    "GoodsMove",
    "Household",
    "InvoiceMark",
    "Item",
    "Period",
    "Sheet",
    "Site",
    "Sold",
    "StockCard",
    "book_of",
    "check_day",
    "draft_of",
    "entries_of",
    "findings_by_count",
    "invoice_marks",
    "invoices_issued_on",
    "parts_of",
    "pdf_of",
    "stock_cards",
    "strike_entry",
    "takings_of",
    "write_entry",
    "xlsx_of",
]
