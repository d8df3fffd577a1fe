"""A message digested part by part is the message signed as one tree, whatever its parts are."""

from hypothesis import given, settings
from hypothesis import strategies as st

from einvoice import document, envelope, markup, seal
from einvoice.errors import EInvoiceError
from einvoice.identifiers import AUTHORITY
from tests.property.einvoice.test_invoices import invoices, signer
from tests.unit.einvoice.conftest import NOW, TAX_ID

CODE = "V0107001729" + "0" * 32
DSIG = 'xmlns="http://www.w3.org/2000/09/xmldsig#"'
MARKUP = [
    "<HDon/>", "<HDon><A/></HDon>", "<HDon a='1' Id='x'>é</HDon>", "<HDon>&quot;&#13;</HDon>", "\n",
    "<HDon>\r\n</HDon>", "<!-- c --><HDon/>", "<HDon>a<!-- c -->b</HDon>", "<HDon><![CDATA[<]]></HDon>",
    "<HDon xmlns:p='urn:x'><A p:b='1' b='2'/></HDon>", "<HDon xmlns='urn:x'><A xmlns=''/></HDon>",
    f"<HDon><Signature {DSIG}><Signature {DSIG}/></Signature></HDon>", "<HDon xml:lang='vi'/>",
    "<HDon><A xml:lang='vi'/></HDon>", "<HDon/>\n", " <HDon/>", "<HDon/><HDon/>", "text", "\ufeff<HDon/>",
    "<?xml version='1.0'?><HDon/>", "<HDon><?pi x?></HDon>", "<HDon>&x;</HDon>", "<!DOCTYPE a><HDon/>",
    "<HDon>", "</HDon>", "<HDon>\x01</HDon>", "<a:HDon/>", "<HDon b=' x\ty ' a='&lt;&#9;'/>",
    "<a>" * 253 + "</a>" * 253, "<a>" * 254 + "</a>" * 254, "</DLieu><DLieu>", "<HDon xmlns:x='y'/>",
]  # fmt: skip


@st.composite
def parts(draw: st.DrawFn) -> bytes:
    """An invoice of ours, signed or not, fresh or stored; or markup of anyone."""
    if draw(st.booleans()):
        return draw(st.sampled_from(MARKUP)).encode()
    invoice = draw(invoices())
    if not draw(st.booleans()):
        return document.write(invoice)
    signed = seal.write_signed(invoice, signer(), NOW)
    return signed if draw(st.booleans()) else bytes(signed)


def outcome(act):
    try:
        return act()
    except EInvoiceError as error:
        return type(error)


@settings(max_examples=80, deadline=None)
@given(st.lists(parts(), min_size=1, max_size=3), st.sampled_from(["", "x y", "\x01", "<", '"']))
def test_part_by_part_is_as_one_tree(these, odd):
    header = envelope.Header(
        version=f"2.1.0{odd}", sender="V0107001729", receiver=AUTHORITY, kind=206,
        code=f"{CODE}{odd}" if odd == "x y" else CODE, tax_id=TAX_ID, count=len(these),
    )  # fmt: skip
    whole = envelope.message(header, "", f"D{header.code}").replace(
        b"</DLieu>", b"".join(these) + b"</DLieu>"
    )

    found = outcome(lambda: envelope.invoices_message(header, these, signer(), NOW))
    expected = outcome(lambda: seal.sign(whole, seal.MESSAGE, signer(), NOW))

    are_refused = not isinstance(found, bytes) and not isinstance(expected, bytes)
    assert found == expected or are_refused


@settings(max_examples=40, deadline=None)
@given(invoices())
def test_what_is_said_to_be_canonical_is(invoice):
    signed = seal.write_signed(invoice, signer(), NOW)

    if isinstance(signed, markup.Canonical):
        assert markup.canonical(markup.parsed(bytes(signed))) == signed


def test_a_plain_invoice_is_proven_where_it_is_written_and_parsed_where_it_is_read():
    from tests.unit.einvoice.conftest import food_stall_invoice

    signed = seal.write_signed(food_stall_invoice(), signer(), NOW)

    assert isinstance(signed, markup.Canonical)
    assert markup.canonical_part(bytes(signed)) == signed
    assert not isinstance(markup.canonical_part(bytes(signed)), markup.Canonical)
