"""Documents to inspect: a household's, a company's with both seals, and ways to spoil them."""

from dataclasses import replace

import pytest

from einvoice import document, inspection, keys, seal
from einvoice import invoice as values
from einvoice.inspection import Verdict
from tests.unit.einvoice.conftest import NOW, food_stall_invoice, vat_invoice

COMPANY = "0107001729"


def findings(xml: bytes | str, verdict: Verdict = Verdict.WRONG, **more: object) -> list[str]:
    """The codes of what is wrong (or another verdict)."""
    content = xml if isinstance(xml, bytes) else xml.encode()
    return inspection.inspect(content, now=NOW, **more).codes(verdict)


def spoiled(xml: bytes, old: str, new: str) -> bytes:
    """The document with the first place changed; it must be there."""
    assert old.encode() in xml, old
    return xml.replace(old.encode(), new.encode(), 1)


@pytest.fixture(scope="session")
def stall() -> bytes:
    return document.write(food_stall_invoice())


@pytest.fixture(scope="session")
def company_signer() -> keys.KeySigner:
    key = keys.make_key()
    return keys.KeySigner(key, keys.make_demo_certificate(COMPANY, "Công ty Ví Dụ", NOW, key))


@pytest.fixture(scope="session")
def office_signer() -> keys.KeySigner:
    key = keys.make_key()
    return keys.KeySigner(key, keys.make_demo_certificate("0100000000", "Cục Thuế", NOW, key))


def company_invoice(**changes: object) -> values.Invoice:
    made = replace(vat_invoice(), provider_tax_id=COMPANY, code="0" * 24 + "ABCDEF0123")
    return replace(made, **changes)


def coded(invoice: values.Invoice, seller: keys.Signer, office: keys.Signer | None) -> bytes:
    """Signed by the seller and, with an office, by the authority over data and code."""
    xml = document.write(invoice).replace(b"<MCCQT>", b'<MCCQT Id="Ma">')
    xml = seal.sign(xml, seal.SELLER, seller, NOW)
    return xml if office is None else seal.sign(xml, seal.AUTHORITY_ON_INVOICE, office, NOW)


@pytest.fixture(scope="session")
def company(company_signer, office_signer) -> bytes:
    return coded(company_invoice(), company_signer, office_signer)
