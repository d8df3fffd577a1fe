"""What makes two commands equal stays what it was when invoices were stored."""

from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

from einvoice import correcting, invoice, issuance, numbering

AT = datetime(2026, 11, 23, tzinfo=UTC)


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
