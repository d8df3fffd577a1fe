"""Any invoice: its XML says the same, its seal catches any change, its words mean its number."""

import string
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from einvoice import amounts, document, keys, qr, seal, validity, words
from einvoice import invoice as values
from einvoice.errors import EInvoiceError
from einvoice.invoice import (
    Buyer,
    Delegate,
    Fee,
    FreeField,
    Invoice,
    Line,
    Method,
    Nature,
    Related,
    Seller,
    Special,
)
from tests.unit.einvoice.conftest import NOW, TAX_ID

LETTERS = string.ascii_letters + string.digits + "àáạảãâầấậẩẫăằắặẳẵđĐƠỮỬ &<>\"'/.,-–₫🍜\u0301"
TEXT = st.text(LETTERS, max_size=40).map(values.cleaned)
NAME = TEXT.filter(bool)
RATES = st.sampled_from(["0%", "5%", "8%", "10%", "KCT", "KKKNT", "KHAC:5.26%"])
FIELDS = st.lists(
    st.builds(FreeField, name=NAME.map(lambda text: f"x{text}"), value=TEXT), max_size=2
).map(tuple)


DAYS = st.none() | st.dates(date(2020, 1, 1), date(2030, 1, 1))
SPECIALS = st.lists(
    st.builds(Special, kind=st.integers(1, 3), name=NAME, value=TEXT), max_size=2
).map(tuple)
FEES = st.lists(st.builds(Fee, name=NAME, amount_vnd=st.integers(0, 10**6)), max_size=2).map(tuple)


@st.composite
def lines(draw: st.DrawFn, template: int) -> Line:
    nature = draw(st.sampled_from(Nature))
    rate = draw(RATES) if template == values.VAT_INVOICE and nature is not Nature.NOTE else ""
    common = {"name": draw(NAME), "nature": nature, "fields": draw(FIELDS)}
    if nature is Nature.NOTE:
        return Line(**common)
    quantity = Decimal(draw(st.integers(0, 10**6))) / 10 ** draw(st.integers(0, 3))
    return values.line(
        common.pop("name"),
        quantity,
        draw(st.integers(0, 10**6)),
        unit=draw(TEXT),
        vat_rate=rate,
        trade_group=draw(TEXT),
        specials=draw(SPECIALS),
        **common,
    )


@st.composite
def invoices(draw: st.DrawFn) -> Invoice:
    template = draw(st.sampled_from([values.VAT_INVOICE, values.SALES_INVOICE]))
    kind = draw(st.sampled_from("MT"))
    day = date(2026, 1, 1) + timedelta(days=draw(st.integers(0, 800)))
    made = tuple(draw(st.lists(lines(template), min_size=1, max_size=5)))
    related = None
    if draw(st.booleans()):
        related = Related(
            method=draw(st.sampled_from(Method)),
            template=str(template),
            symbol="C26MAA",
            number=str(draw(st.integers(1, 99_999_999))),
            issued_on=day,
            note=draw(TEXT),
            list_number=draw(TEXT),
            listed_on=draw(DAYS),
        )
    fees, untaxed = draw(FEES), draw(st.none() | st.integers(0, 10**6))
    delegate = draw(st.none() | st.builds(Delegate, tax_id=NAME, name=NAME, address=NAME))
    return Invoice(
        version="2.1.0",
        title=draw(TEXT),
        template=template,
        symbol=f"C{day.year % 100:02d}{kind}{draw(st.sampled_from(['AA', 'YY']))}",
        number=draw(st.integers(1, 99_999_999)),
        issued_on=day,
        seller=Seller(
            name=draw(NAME),
            tax_id=TAX_ID,
            address=draw(NAME),
            store_code=draw(TEXT),
            phone=draw(st.text(string.digits, max_size=20)),
            fax=draw(TEXT),
            fields=draw(FIELDS),
        ),
        buyer=Buyer(
            name=draw(TEXT),
            address=draw(TEXT),
            customer_code=draw(TEXT),
            email=draw(TEXT),
            fields=draw(FIELDS),
        ),
        lines=made,
        totals=values.totals_of(template, made, fees=fees, untaxed_reduction_vnd=untaxed),
        payment_form=draw(TEXT),
        delegate=delegate,
        file_number=draw(TEXT),
        list_number=draw(TEXT),
        listed_on=draw(DAYS),
        corrects_by_list=draw(st.booleans()),
        related=related,
        fields=draw(FIELDS),
    )


@cache
def signer() -> keys.KeySigner:
    key = keys.make_key()
    return keys.KeySigner(key, keys.make_demo_certificate(TAX_ID, "Hộ Ví Dụ", NOW, key))


@settings(max_examples=60, deadline=None)
@given(invoices())
def test_what_is_written_is_read_back(invoice):
    assert document.read(document.write(invoice)) == invoice


@settings(max_examples=30, deadline=None)
@given(invoices(), st.data())
def test_any_byte_changed_in_what_is_signed_is_caught(invoice, data):
    sealed = seal.sign(document.write(invoice), seal.SELLER, signer(), NOW)
    start, end = sealed.index(b"<DLHDon"), sealed.index(b"</DLHDon>")
    place = data.draw(st.integers(start, end))
    changed = bytearray(sealed)
    changed[place] ^= 1 << data.draw(st.integers(0, 7))

    assert seal.verify(sealed, seal.SELLER).tax_id == TAX_ID
    with pytest.raises(EInvoiceError):
        seal.verify(bytes(changed), seal.SELLER)


@settings(max_examples=60, deadline=None)
@given(invoices(), st.text(max_size=30), st.sampled_from(["", "<a b='1'/>", "<Moi>x</Moi>"]))
def test_signed_from_its_text_is_signed_as_by_a_parser(invoice, text, unknown):
    """The same bytes, or the same refusal, whatever a name has in it."""
    first = replace(invoice.lines[0], name=f"{invoice.lines[0].name}{text}")
    changed = replace(
        invoice, lines=(first, *invoice.lines[1:]), unknown=(unknown,) if unknown else ()
    )

    def outcome(act):
        try:
            return act()
        except (EInvoiceError, UnicodeEncodeError) as error:
            return type(error)

    fast = outcome(lambda: seal.write_signed(changed, signer(), NOW))
    slow = outcome(lambda: seal.sign(document.write(changed), seal.SELLER, signer(), NOW))

    assert fast == slow


@settings(max_examples=30, deadline=None)
@given(st.binary(max_size=300) | st.text(max_size=200).map(str.encode))
def test_the_reader_refuses_or_reads_and_never_breaks(noise):
    for document_ in (noise, b"<HDon>" + noise + b"</HDon>"):
        try:
            document.read(document_)
        except EInvoiceError:
            continue


@settings(max_examples=200)
@given(st.integers(-(10**21), 10**21))
def test_words_mean_their_number_in_every_spelling(number):
    for spelling in (words.NORTH, words.SOUTH):
        assert words.same_words(words.amount_in_words(number, spelling).upper(), number)


@settings(max_examples=200)
@given(st.integers(0, 10**15), st.integers(0, 10**15))
def test_different_numbers_have_different_words(one, other):
    same = words.amount_in_words(one) == words.amount_in_words(other)

    assert same == (one == other)


@settings(max_examples=200)
@given(st.integers(0, 10**12), RATES)
def test_a_split_price_adds_up_and_its_vat_is_at_most_a_dong_off(gross, rate):
    net, vat = amounts.split_inclusive(gross, rate)

    assert net + vat == gross
    assert abs(amounts.vat_vnd(net, rate) - vat) <= 1


@settings(max_examples=100)
@given(st.decimals(-(10**12), 10**12, places=3), st.integers(-(10**6), 10**6))
def test_rounding_is_symmetric_and_at_most_half_a_dong_off(quantity, price):
    amount = amounts.line_amount_vnd(quantity, price)

    assert amounts.line_amount_vnd(-quantity, price) == -amount
    assert abs(Decimal(amount) - quantity * price) <= Decimal("0.5")


@settings(max_examples=50, deadline=None)
@given(invoices())
def test_totals_that_were_computed_pass_and_one_dong_more_does_not(invoice):
    is_negative = invoice.totals.payable_vnd < 0
    adjusts = invoice.related is not None and invoice.related.method is Method.ADJUSTS
    if is_negative and not adjusts:
        return
    validity.check_totals(invoice)

    more = replace(invoice.totals, payable_vnd=invoice.totals.payable_vnd + 1)
    with pytest.raises(EInvoiceError):
        validity.check_totals(replace(invoice, totals=more))


@settings(max_examples=50)
@given(st.integers(1, 99_999_999), st.integers(0, 10**15))
def test_a_lookup_code_is_read_back(number, payable_vnd):
    text = qr.lookup_payload(TAX_ID, 2, "C26MAA", number, date(2026, 11, 23), payable_vnd)

    fields = qr.read_lookup_payload(text)

    assert (fields["04"], fields["06"]) == (str(number), str(payable_vnd))
