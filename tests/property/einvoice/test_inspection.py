"""A sealed document keeps none of its secrets: any byte changed anywhere in it is caught."""

from datetime import timedelta
from functools import cache
from xml.etree.ElementTree import canonicalize

from hypothesis import given, settings
from hypothesis import strategies as st

from einvoice import document, inspection, keys, validity
from einvoice.errors import EInvoiceError
from einvoice.inspection import Verdict
from tests.property.einvoice.test_invoices import invoices
from tests.unit.einvoice.conftest import NOW
from tests.unit.einvoice.inspection.conftest import COMPANY, coded, company_invoice


@cache
def signers() -> tuple[keys.KeySigner, ...]:
    """The seller and the authority."""
    made = []
    for tax_id, name in ((COMPANY, "Công ty Ví Dụ"), ("0100000000", "Cục Thuế")):
        key = keys.make_key()
        made.append(keys.KeySigner(key, keys.make_demo_certificate(tax_id, name, NOW, key)))
    return tuple(made)


@cache
def sealed() -> bytes:
    """Signed by seller and authority: every part of it is covered by a signature or by itself."""
    return coded(company_invoice(), *signers())


@cache
def trust() -> inspection.Trust:
    """Certificates are covered by who issued them: they must be known."""
    return inspection.Trust(issuers=[one.certificate for one in signers()])


def is_caught(report: inspection.Report) -> bool:
    """Wrong; or the signer's name, which nobody signs, is spelt in another way than before."""
    return not report.is_right or "signature.subject_form" in report.codes(Verdict.DOUBT)


def is_same_xml(changed: bytes) -> bool:
    """Spelt otherwise and the same to every reader: a second space inside a tag."""
    try:
        return canonicalize(changed.decode()) == canonicalize(sealed().decode())
    except (ValueError, SyntaxError):
        return False


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_any_bit_flipped_anywhere_in_a_sealed_document_is_caught(data):
    changed = bytearray(sealed())
    place = data.draw(st.integers(0, len(changed) - 1))
    changed[place] ^= 1 << data.draw(st.integers(0, 7))

    report = inspection.inspect(bytes(changed), now=NOW, trust=trust())

    assert is_same_xml(bytes(changed)) or is_caught(report), bytes(
        changed[max(0, place - 30) : place + 30]
    )


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_any_piece_removed_or_doubled_is_caught(data):
    xml = sealed()
    start = data.draw(st.integers(0, len(xml) - 1))
    size = data.draw(st.integers(1, 60))
    again = data.draw(st.booleans())
    piece = xml[start : start + size]
    changed = xml[:start] + (piece * 2 if again else b"") + xml[start + size :]

    assert is_same_xml(changed) or is_caught(inspection.inspect(changed, now=NOW, trust=trust()))


@settings(max_examples=100, deadline=None)
@given(
    st.binary(max_size=200)
    | st.text(max_size=120).map(lambda text: text.encode("utf-8", "replace"))
)
def test_noise_is_told_and_never_raises(noise):
    for noisy in (
        noise, b"<HDon>" + noise + b"</HDon>", b"<TDiep>" + noise + b"</TDiep>",
        sealed().replace(b"<TTChung>", b"<TTChung>" + noise, 1),
    ):  # fmt: skip
        inspection.inspect(noisy, now=NOW)


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_any_value_replaced_by_noise_never_raises(data):
    """Leaf texts of an unsigned copy: numbers, dates, names become anything XML can carry."""
    parts = sealed().split(b">")
    index = data.draw(st.integers(1, len(parts) - 1))
    noise = data.draw(
        st.sampled_from(["-", "1e9", "٣", "９" * 30, "NaN", "0" * 500, "२०२६-०१-०१", "²"])
    )
    tail = parts[index].rpartition(b"<")[2]
    parts[index] = noise.encode() + b"<" + tail if b"<" in parts[index] else parts[index]

    report = inspection.inspect(b">".join(parts), now=NOW + timedelta(days=1))

    assert report.codes(Verdict.WRONG) is not None


@settings(max_examples=40, deadline=None)
@given(invoices())
def test_what_may_be_issued_is_found_right_in_money_and_structure(invoice):
    """The strict check before issuing and the patient one of other people's documents agree."""
    try:
        validity.check(invoice)
    except EInvoiceError:
        return

    told = inspection.inspect(document.write(invoice), now=NOW).codes()

    wrong = [
        one for one in told if one.startswith(("money.", "words", "structure.", "name.symbol"))
    ]
    assert wrong == [], document.write(invoice).decode()
