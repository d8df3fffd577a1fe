"""A registered seller, commands to issue invoices, and a tax authority in memory."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from uuid import UUID

import pytest

import einvoice
from einvoice import checks, keys, memory
from market import ids

NOW = datetime(2026, 11, 23, 2, 15, tzinfo=UTC)
TAX_ID = "038190000123"
OWNER_ID = UUID(int=0xA1)
SENDER = "V0107001729"
PREFIX = "A1B2C"


@cache
def signer_of(tax_id: str) -> keys.KeySigner:
    key = keys.make_key()
    return keys.KeySigner(key, keys.make_demo_certificate(tax_id, "Hộ Ví Dụ", NOW, key))


def seller(tax_id: str = TAX_ID) -> einvoice.Seller:
    return einvoice.Seller(
        name="HỘ KINH DOANH VÍ DỤ",
        tax_id=tax_id,
        address="Sạp 12, Chợ Ví Dụ, Phường Ví Dụ, Tỉnh Thanh Hóa",
        phone="0912345678",
    )


def lines() -> tuple[einvoice.Line, ...]:
    return (
        einvoice.line("Bún bò", 2, 40_000, unit="Tô"),
        einvoice.line("Trà đá", 3, 5_000, unit="Ly"),
        einvoice.line("Chả quế", Decimal("0.35"), 45_000, unit="kg"),
    )


def command(**changes: object) -> einvoice.IssueInvoice:
    new = ids.new()
    given = {
        "id": new,
        "owner_id": OWNER_ID,
        "subject_id": ids.new(),
        "seller": seller(),
        "lines": lines(),
        "issued_at": NOW,
        "lookup_code": einvoice.lookup_code(new.bytes[::-1]),
    }
    return einvoice.IssueInvoice(**{**given, **changes})


@dataclass
class Authority:
    """The checks of the authority with a memory, and every reply it gave, to hand out at will."""

    known: memory.MemoryKnown = field(default_factory=memory.MemoryKnown)
    signer: keys.KeySigner = field(default_factory=lambda: signer_of("0100000000"))
    now: datetime = NOW

    def answer(self, body: bytes) -> memory.Answer:
        office = memory.Office(self.signer, ids.new, self.now)
        answer = checks.check_message(body, self.known, office)
        self.known.remember(answer)
        return answer

    def admit(self, tax_id: str = TAX_ID, prefix: str = PREFIX) -> None:
        self.known.sellers[tax_id] = memory.KnownSeller(tax_id, "Hộ Ví Dụ", prefix)


@pytest.fixture
def authority() -> Authority:
    made = Authority()
    made.admit()
    return made


@pytest.fixture
async def registered(db):
    """The seller is accepted; committed."""
    await einvoice.record_registration(db, OWNER_ID, TAX_ID, "Hộ Ví Dụ", PREFIX, now=NOW)
    await db.commit()
    return db
