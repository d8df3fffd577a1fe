"""What makes two commands equal stays what it was when invoices were stored."""

from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

from einvoice import correcting, forms, invoice, issuance, numbering

AT = datetime(2026, 11, 23, tzinfo=UTC)


def test_what_an_invoice_says_beyond_that_counts_as_it_did():
    special = invoice.Special(kind=1, name="a", value="b")
    issued = issuance.IssueInvoice(
        id=UUID(int=1), owner_id=UUID(int=2), subject_id=UUID(int=3), lookup_code="x",
        seller=invoice.Seller(name="HỘ", tax_id="038190000123", address="Chợ", fax="1"),
        buyer=invoice.Buyer(name="Khách", customer_code="K1"),
        lines=(
            invoice.line("Bún", 2, 40_000, unit="Tô"),
            invoice.line("Xe", 1, 9, specials=(special,),
                         fields=(invoice.FreeField(name="fax", value=""),)),
        ),
        issued_at=datetime(2026, 11, 23, 2, 15, tzinfo=UTC), form=forms.Form.WITH_CODE,
        delegate=invoice.Delegate(tax_id="0107001729", name="C", address="D"),
        own_number=numbering.OwnNumber(UUID(int=4), 7, 8),
    )  # fmt: skip

    assert numbering.digest_of(issued).hex() == (
        "6ada706725b2e82d00a04913528a717a11d6324a85248688e3bf04180d303962"
    )


def test_the_digest_of_a_command_is_the_one_of_the_first_release():
    issued = issuance.IssueInvoice(
        id=UUID(int=1), owner_id=UUID(int=2), subject_id=UUID(int=3), issued_at=AT,
        seller=invoice.Seller(name="Hộ", tax_id="038190000123", address="x"), lookup_code="abc",
        lines=(invoice.line("Bún", Decimal("0.35"), 45_000, unit="kg"),),
        buyer=invoice.Buyer(name="A"),
    )  # fmt: skip
    corrected = correcting.CorrectInvoice(
        id=UUID(int=1), invoice_id=UUID(int=2), method=invoice.Method.REPLACES, issued_at=AT,
        lookup_code="z", buyer=invoice.Buyer(name="A"),
    )  # fmt: skip

    assert numbering.digest_of(issued).hex() == (
        "241116cf384a92f293a802a5079ff84077a74475ce01788066b5e8be865be1be"
    )
    assert numbering.digest_of(corrected).hex() == (
        "b249bd447dfdf70a5359f8c630d0e7bd3756e9976f476606c6bc69d1efd16966"
    )
