"""Ids of a message: unique in what one seal can name, free to repeat between invoices sealed apart."""

import re

import pytest

from einvoice import document, envelope, identifiers, inspection, seal
from einvoice.inspection import Verdict
from market import ids
from tests.unit.einvoice.conftest import NOW, TAX_ID
from tests.unit.einvoice.inspection.conftest import findings
from tests.unit.einvoice.test_checks import (
    SENDER,
    ask,
    authority_signer,
    known,
    numbered,
    ordinary,
)

__all__ = ["ask", "authority_signer", "known"]


def with_id(invoice, identifier: str) -> bytes:
    return re.sub(
        rb'<DLHDon Id="[^"]*"', b'<DLHDon Id="%b"' % identifier.encode(), document.write(invoice)
    )


def head(kind: int, count: int) -> envelope.Header:
    code = identifiers.message_code(SENDER, ids.new())
    return envelope.Header(
        version="2.1.0", sender=SENDER, kind=kind, code=code, tax_id=TAX_ID, count=count
    )


@pytest.fixture
def of_another_maker(signer) -> bytes:
    """A 203 whose invoices all call their data the same, as many providers' documents do."""
    made = [
        seal.sign(with_id(ordinary(number, "K26TAA"), "data"), seal.SELLER, signer, NOW)
        for number in (1, 2)
    ]
    header = head(envelope.WITHOUT_CODE, 2)
    return envelope.invoices_message(header, made, signer, NOW)


def test_invoices_sealed_apart_may_repeat_an_id(of_another_maker, ask):
    report = inspection.inspect(of_another_maker, now=NOW)

    assert of_another_maker.count(b'Id="data"') == 2
    assert report.codes() == []
    assert all(one.holds for part in report.sheet.parts for one in part.signatures)
    assert "signature.repeated_id" in report.codes(Verdict.NOTE)
    assert ask(of_another_maker).accepted is True


def test_a_changed_invoice_of_them_is_still_found(of_another_maker, ask):
    spoilt = of_another_maker.replace(b"<THHDVu>B", b"<THHDVu>P", 1)
    assert spoilt != of_another_maker

    assert findings(spoilt) == ["signature.NBan.digest"]
    assert ask(spoilt).accepted is False


def test_signatures_moved_from_one_of_them_to_the_other_do_not_hold(of_another_maker):
    """Each is judged within its own invoice, so what the other has under that Id does not help."""
    one, two = re.findall(rb"<DSCKS>.*?</DSCKS>", of_another_maker)
    swapped = of_another_maker.replace(one, b"@").replace(two, one).replace(b"@", two)

    assert findings(swapped).count("signature.NBan.digest") == 2


def test_an_id_twice_within_one_invoice_or_beside_the_invoices_is_an_attack(of_another_maker, ask):
    inside = of_another_maker.replace(b"<TTChung><PBan>2.1.0</PBan><THDon>", b'<TTChung Id="data"><PBan>2.1.0</PBan><THDon>', 1)  # fmt: skip
    beside = of_another_maker.replace(b"<DLieu>", b'<DLieu Id="data">', 1)

    for one in (inside, beside):
        assert one != of_another_maker
        assert "signature.duplicate_id" in findings(one)
    assert ask(inside).accepted is False


def test_a_package_sealed_as_a_whole_is_refused_where_its_own_id_is_in_an_invoice(signer, ask):
    """206: DLieu is what is signed; another element of that Id would be the wrapping attack."""
    header = head(envelope.CASH_REGISTER_INVOICES, 2)
    repeated = [with_id(numbered(number), "data") for number in (1, 2)]
    body = envelope.invoices_message(header, repeated, signer, NOW)
    own = re.search(rb'<DLieu Id="([^"]*)"', body)[1]
    wrapped = body.replace(b'<DLHDon Id="data"', b'<DLHDon Id="%b"' % own, 1)

    assert findings(body) == []
    assert ask(body).accepted is True
    assert "signature.duplicate_id" in findings(wrapped)
    assert ask(wrapped).accepted is False
