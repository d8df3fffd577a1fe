"""Messages and what travels in them: headers, counts, kinds, seals, reasons."""

import pytest

from einvoice import checks, document, envelope, forms, identifiers, inspection, memory, seal
from einvoice.inspection import Verdict
from market import ids
from tests.unit.einvoice.conftest import NOW, TAX_ID, food_stall_invoice
from tests.unit.einvoice.inspection.conftest import findings, spoiled
from tests.unit.einvoice.test_checks import (
    SENDER,
    error_notice,
    numbered,
    ordinary,
    package,
    sent,
    wrong_invoice,
)


@pytest.fixture
def office(office_signer) -> memory.Office:
    return memory.Office(office_signer, ids.new, NOW)


@pytest.fixture
def known() -> memory.MemoryKnown:
    made = memory.MemoryKnown()
    made.sellers[TAX_ID] = memory.KnownSeller(TAX_ID, "Hộ Ví Dụ", "A1B2C")
    return made


def registration(signer) -> bytes:
    header = envelope.Header(
        version="2.1.0", sender=SENDER, kind=100, tax_id=TAX_ID, count=1,
        code=identifiers.message_code(SENDER, ids.new()),
    )  # fmt: skip
    form = forms.Registration(
        seller=food_stall_invoice().seller, office_name="Thuế tỉnh Thanh Hóa", office_code="38000",
        contact="Bà Tư", place="Thanh Hóa", on=NOW.date(),
    )  # fmt: skip
    return forms.registration_message(header, form, signer, NOW)


def test_our_own_messages_and_the_answers_to_them_are_right(signer, known, office):
    for body in (
        registration(signer),
        package(signer, numbered(1), numbered(2)),
        sent(signer, 200, ordinary(1)),
        sent(signer, 203, ordinary(2, "K26TAA")),
        error_notice(signer, wrong_invoice("1")),
        package(signer, numbered(3, payment_form="x" * 50, code="M2-26-ZZZZZ-00000000003")),
    ):
        answer = checks.check_message(body, known, office)
        known.remember(answer)
        for one in (body, answer.immediate, *answer.later):
            report = inspection.inspect(one, now=NOW)
            assert (report.kind, report.codes()) == ("message", [])


def test_a_verdict_is_told_in_words(signer, known, office):
    answer = checks.check_message(
        package(signer, numbered(1, code="M2-26-ZZZZZ-00000000001")), known, office
    )
    facts = inspection.inspect(answer.later[0], now=NOW).sheet.facts

    assert facts["result"].startswith("7: gói hóa đơn máy tính tiền không hợp lệ")
    assert "K111" in facts["reasons"][0]


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("<MLTDiep>206", "<MLTDiep>777", "message.kind"),
        ("<MNGui>V0107001729", "<MNGui>X0107001729", "message.partner"),
        ("<MTDiep>V0107001729", "<MTDiep>V0107001720", "message.id"),
        ("<SLuong>2</SLuong></TTChung>", "<SLuong>3</SLuong></TTChung>", "message.count"),
        ("<SLuong>2</SLuong></TTChung>", "<SLuong>x</SLuong></TTChung>", "structure.number"),
        ("<DLieu Id", "<DLieu Idx", "signature.CKSNNT.reference"),
        ("</HDon></DLieu>", "</HDon><TBao/></DLieu>", "message.payload"),
        ("<Ten>HỘ KINH", "<Ten>HỘ KHÁC", "signature.CKSNNT.digest"),
        ("<MLTDiep>206", "<MLTDiep>200", "message.payload"),
    ],
)
def test_what_is_wrong_with_a_message_is_named(signer, old, new, code):
    body = package(signer, numbered(1), numbered(2))

    assert code in findings(spoiled(body, old, new))


def test_an_invoice_twice_or_of_another_seller_is_found_in_its_message(signer):
    twice = package(signer, numbered(1), numbered(1))
    stranger = numbered(2, seller=food_stall_invoice().seller.__class__(
        name="Khác", tax_id="0107001729", address="Đâu đó"))  # fmt: skip

    assert "message.twice" in findings(twice)
    assert "message.seller" in findings(package(signer, stranger))


def test_a_message_signed_by_somebody_else_is_wrong(office_signer):
    assert "signature.CKSNNT.holder" in findings(package(office_signer, numbered(1)))


def test_a_notice_of_the_authority_signed_by_the_taxpayer_is_a_forgery(signer, known):
    forger = memory.Office(signer, ids.new, NOW)
    answer = checks.check_message(package(signer, numbered(1)), known, forger)

    assert "signature.CQT.holder" in findings(answer.later[0])


def test_a_notice_without_its_envelope_is_read_too(signer):
    body = error_notice(signer, wrong_invoice("1"))
    alone = body[body.index(b"<TBao>") : body.index(b"</DLieu>")]

    report = inspection.inspect(alone, now=NOW)

    assert (report.kind, report.codes()) == ("notice", [])
    assert report.sheet.facts["message_name"] == "Thông báo hóa đơn có sai sót"


def test_kinds_without_a_published_table_are_noted(signer):
    body = package(signer, numbered(1)).replace(b"<MLTDiep>206", b"<MLTDiep>901")

    assert "message.kind" in findings(body, Verdict.NOTE)


@pytest.mark.parametrize(
    "content", [b"", b"hello", b"<a/>", b"\xff\xfe<\x00", b"<!DOCTYPE a><HDon/>"]
)
def test_what_is_no_document_is_told_and_not_raised(content):
    report = inspection.inspect(content, now=NOW)

    assert (report.kind, report.is_right) == ("unknown", False)


def test_a_sealed_invoice_inside_a_message_is_checked_where_it_stands(signer):
    xml = seal.sign(document.write(numbered(1)), seal.SELLER, signer, NOW)
    header = envelope.Header(
        version="2.1.0", sender=SENDER, kind=206, tax_id=TAX_ID, count=1,
        code=identifiers.message_code(SENDER, ids.new()),
    )  # fmt: skip
    report = inspection.inspect(envelope.invoices_message(header, [xml], signer, NOW), now=NOW)

    assert report.codes() == []
    assert [one.place for one in report.sheet.parts[0].signatures] == ["DSCKS/NBan"]
