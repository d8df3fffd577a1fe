"""Whatever is done to a document on its way, a reader answers or refuses; nothing else comes out."""

from functools import cache

from hypothesis import given, settings
from hypothesis import strategies as st

from einvoice import document, envelope, markup, pdf, seal
from einvoice.errors import EInvoiceError
from einvoice.page import archive, judging, pades
from einvoice.page.contents import Printed
from tests.property.einvoice.test_invoices import signer
from tests.unit.einvoice.conftest import NOW, TAX_ID, food_stall_invoice


@cache
def invoice_xml() -> bytes:
    return seal.write_signed(food_stall_invoice(), signer(), NOW)


@cache
def message_xml() -> bytes:
    header = envelope.Header(
        version="2.1.0", sender="V0107001729", receiver="TCT", kind=206,
        code="V0107001729" + "A" * 32, refers_to="", tax_id=TAX_ID, count=2,
    )  # fmt: skip
    return envelope.invoices_message(header, [invoice_xml()] * 2, signer(), NOW)


@cache
def page() -> bytes:
    shown = Printed(invoice=food_stall_invoice(), xml=invoice_xml())
    return pdf.archive_page(shown, pdf.ROLL_80, signer=signer(), signed_at=NOW)


@st.composite
def damaged(draw: st.DrawFn, sound: bytes) -> bytes:
    """A few bytes changed, cut out, doubled, put in; perhaps the end missing."""
    body = bytearray(sound)
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, len(body) - 1))
        size = draw(st.integers(1, 40))
        noise = draw(
            st.binary(max_size=8) | st.sampled_from([b"<", b"</a>", b"&x;", b"]]>", b"\xff"])
        )
        match draw(st.sampled_from(["change", "cut", "double", "insert", "end"])):
            case "change":
                body[place] ^= draw(st.integers(1, 255))
            case "cut":
                del body[place : place + size]
            case "double":
                body[place:place] = body[place : place + size]
            case "insert":
                body[place:place] = noise
            case "end":
                del body[max(1, place) :]
        if not body:
            break
    return bytes(body) or b"<"


def tried(act) -> None:
    try:
        act()
    except EInvoiceError:
        return


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_a_damaged_invoice_is_read_or_refused(data):
    body = data.draw(damaged(invoice_xml()))

    tried(lambda: document.read(body))
    tried(lambda: seal.verify(body, seal.SELLER, archive=True, curves=True))


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_a_damaged_message_is_read_or_refused(data):
    body = data.draw(damaged(message_xml()))

    tried(lambda: envelope.invoices_in(envelope.message_of(markup.parsed(body))))
    tried(lambda: seal.verify(body, seal.MESSAGE))


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_damaged_page_gives_its_xml_or_is_refused(data):
    body = data.draw(damaged(page()))

    tried(lambda: archive.xml_in(body))
    tried(lambda: pades.page_seals(body))
    assert judging.inspect_pdf(body, now=NOW).plain()


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=400), st.sampled_from([b"%PDF-1.7\n", b"%PDF-1.4\n1 0 obj\n<<", b""]))
def test_noise_that_calls_itself_a_page_is_refused(noise, head):
    assert not judging.inspect_pdf(head + noise, now=NOW).is_right
