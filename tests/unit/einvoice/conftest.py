"""An invoice to write, read, seal and print."""

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from einvoice import invoice as values
from einvoice import keys, qr

NOW = datetime(2026, 11, 23, 2, 15, tzinfo=UTC)
TAX_ID = "038190000123"


def food_stall_invoice(**changes: object) -> values.Invoice:
    """The food stall of the reference: 2 bún bò, 3 trà đá, 0.35 kg chả quế."""
    lines = (
        values.line("Bún bò", 2, 40_000, unit="Tô"),
        values.line("Trà đá", 3, 5_000, unit="Ly"),
        values.line("Chả quế", Decimal("0.35"), 45_000, unit="kg"),
    )
    day = date(2026, 11, 23)
    made = values.Invoice(
        version="2.1.0",
        title="Hóa đơn bán hàng",
        template=2,
        symbol="C26MAA",
        number=123,
        issued_on=day,
        seller=values.Seller(
            name="HỘ KINH DOANH VÍ DỤ",
            tax_id=TAX_ID,
            address="Sạp 12, Chợ Ví Dụ, Phường Ví Dụ, Tỉnh Thanh Hóa",
        ),
        buyer=values.Buyer(name="Bán cho người tiêu dùng"),
        lines=lines,
        totals=values.totals_of(2, lines),
        code="M2-26-A1B2C-00000000123",
        lookup=qr.lookup_payload(TAX_ID, 2, "C26MAA", 123, day, 110_750),
    )
    return replace(made, **changes)


def vat_invoice() -> values.Invoice:
    """Two rates, an ordinary coded invoice of a company."""
    lines = (
        values.line("Nước mắm", 2, 60_000, unit="chai", vat_rate="8%"),
        values.line("Rau muống", 10, 5_000, unit="bó", vat_rate="KCT"),
    )
    return food_stall_invoice(
        title="Hóa đơn giá trị gia tăng",
        template=1,
        symbol="C26TAA",
        seller=values.Seller(name="CÔNG TY VÍ DỤ", tax_id="0107001729", address="Thanh Hóa"),
        buyer=values.Buyer(name="Công ty Mua", tax_id="0107001729-001", address="Hà Nội"),
        lines=lines,
        totals=values.totals_of(1, lines),
        payment_form="TM/CK",
        code="",
        lookup="",
    )


@pytest.fixture(scope="session")
def signer() -> keys.KeySigner:
    key = keys.make_key()
    return keys.KeySigner(key, keys.make_demo_certificate(TAX_ID, "Hộ Ví Dụ", NOW, key))
