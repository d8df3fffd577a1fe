"""What a tax authority checks in an invoice that corrects others, one or a list of them. Pure.

Source: Circular 91/2026, Art. 10: the first correction fixes the method; a replaced one is not corrected.
"""

from einvoice import by_list
from einvoice.errors import FieldInvalid
from einvoice.invoice import Invoice, Method
from einvoice.memory import InvoiceKey, Known, KnownInvoice


def check(one: KnownInvoice, known: Known, others: list[KnownInvoice]) -> None:
    """All it corrects are known, here or beside it, and not corrected another way. Raises: FieldInvalid."""
    for corrected in (one.corrects, *one.beside):
        if corrected is not None:
            _check_one(one, corrected, known, others)


def beside(said: Invoice) -> tuple[InvoiceKey, ...]:
    """The other invoices of its list; the list is numbered, dated and names the first too."""
    listed, related = by_list.listed_in(said), said.related
    if not listed and not said.corrects_by_list:
        return ()
    first = related and (related.template, related.symbol, related.number)
    is_whole = (
        said.corrects_by_list
        and related is not None
        and related.list_number
        and related.listed_on == said.issued_on
        and by_list.LISTED_MIN <= len(set(listed)) == len(listed) <= by_list.LISTED_MAX
        and first in [(str(one[0]), one[1], str(one[2])) for one in listed]
    )
    if not is_whole:
        raise FieldInvalid("related.list_number", "the list of corrected invoices is not whole")
    return tuple(
        (said.seller.tax_id, *one) for one in listed if (str(one[0]), one[1], str(one[2])) != first
    )


def _check_one(
    one: KnownInvoice, corrected: InvoiceKey, known: Known, others: list[KnownInvoice]
) -> None:
    if known.invoice(corrected) is None and not any(o.key == corrected for o in others):
        raise FieldInvalid("related", "the related invoice is unknown")
    if known.invoice(one.key) is not None:
        return
    earlier = known.correction_of(corrected)
    if earlier is Method.REPLACES or (earlier is not None and earlier is not one.method):
        raise FieldInvalid("related", "it was corrected before")
