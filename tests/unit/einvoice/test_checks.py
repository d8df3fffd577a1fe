"""What the stand-in authority checks in a message."""

import re
from dataclasses import replace

import pytest

from einvoice import checks, document, envelope, findings, identifiers, keys, memory, notices, seal
from einvoice import invoice as values
from einvoice.invoice import Method, Related
from market import ids
from tests.unit.einvoice.conftest import NOW, TAX_ID, food_stall_invoice

SENDER = "V0107001729"


@pytest.fixture(scope="session")
def authority_signer() -> keys.KeySigner:
    key = keys.make_key()
    return keys.KeySigner(key, keys.make_demo_certificate("0100000000", "Cục Thuế", NOW, key))


@pytest.fixture
def known() -> memory.MemoryKnown:
    made = memory.MemoryKnown()
    made.sellers[TAX_ID] = memory.KnownSeller(TAX_ID, "Hộ Ví Dụ", "A1B2C")
    return made


@pytest.fixture
def ask(known, authority_signer):
    """Send bytes; what the last reply found."""

    def send(body: bytes) -> findings.Finding:
        answer = checks.check_message(body, known, memory.Office(authority_signer, ids.new, NOW))
        known.remember(answer)
        reply = answer.later[-1] if answer.later else answer.immediate
        return findings.finding_in(envelope.read_message(reply))

    return send


def package(signer, *invoices: values.Invoice, **changes: object) -> bytes:
    header = envelope.Header(
        version="2.1.0",
        sender=SENDER,
        kind=envelope.CASH_REGISTER_INVOICES,
        code=identifiers.message_code(SENDER, ids.new()),
        tax_id=TAX_ID,
        count=len(invoices),
    )
    header = replace(header, **changes)
    return envelope.invoices_message(header, [document.write(one) for one in invoices], signer, NOW)


def numbered(number: int, **changes: object) -> values.Invoice:
    given = {"number": number, "code": f"M2-26-A1B2C-{number:011d}", "lookup": ""}
    return food_stall_invoice(**{**given, **changes})


def test_a_right_package_is_valid(ask, signer):
    found = ask(package(signer, numbered(1), numbered(2)))

    assert (found.accepted, found.result) == (True, envelope.VALID)


def test_signed_invoices_travel_in_one_package(ask, signer):
    header = envelope.Header(
        version="2.1.0",
        sender=SENDER,
        kind=envelope.CASH_REGISTER_INVOICES,
        code=identifiers.message_code(SENDER, ids.new()),
        tax_id=TAX_ID,
        count=2,
    )
    sealed = [
        seal.sign(document.write(numbered(number)), seal.SELLER, signer, NOW) for number in (1, 2)
    ]
    body = envelope.invoices_message(header, sealed, signer, NOW)

    assert ask(body).accepted is True
    assert all(one in body for one in sealed)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"code": "M2-26-ZZZZZ-00000000001"}, "K111"),
        ({"code": ""}, "K111"),
        ({"symbol": "C25MAA"}, "K110"),
        ({"symbol": "C26TAA", "payment_form": "TM"}, "K110"),
        ({"issued_on": NOW.date().replace(day=24)}, "K114"),
        ({"seller": replace(food_stall_invoice().seller, tax_id="0107001729")}, "K114"),
        ({"totals": replace(food_stall_invoice().totals, payable_vnd=1)}, "K113"),
        ({"totals": replace(food_stall_invoice().totals, in_words="Một đồng")}, "K113"),
    ],
)
def test_a_wrong_invoice_spoils_its_package_with_a_reason_and_a_remedy(ask, signer, changes, code):
    found = ask(package(signer, numbered(1, **changes)))

    assert (found.accepted, found.result) == (False, envelope.CASH_REGISTER_INVALID)
    assert found.reasons[0].code == code
    assert found.reasons[0].remedy


def test_a_number_used_for_other_content_is_refused_and_for_the_same_is_not(ask, signer):
    assert ask(package(signer, numbered(1))).accepted is True
    assert ask(package(signer, numbered(1))).accepted is True

    other = values.Buyer(name="Người khác")
    assert ask(package(signer, numbered(1, buyer=other))).accepted is False


def test_a_number_twice_in_a_package_is_refused(ask, signer):
    second = numbered(1, code="M2-26-A1B2C-00000000009")
    body = package(signer, numbered(1), second)

    assert ask(body).accepted is False


def test_an_unknown_or_suspended_seller_is_refused(ask, signer, known):
    known.sellers[TAX_ID] = replace(known.sellers[TAX_ID], suspended=True)
    assert ask(package(signer, numbered(1))).result == envelope.CASH_REGISTER_INVALID
    del known.sellers[TAX_ID]
    assert ask(package(signer, numbered(1))).result == envelope.CASH_REGISTER_INVALID


def test_a_message_signed_by_another_holder_is_refused(ask, authority_signer):
    found = ask(package(authority_signer, numbered(1)))

    assert (found.result, found.reasons[0].code) == (envelope.OTHER, "K008")


def test_a_changed_message_is_refused(ask, signer):
    body = package(signer, numbered(1)).replace(b">110750<", b">110751<")

    assert ask(body).reasons[0].code == "K008"


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        (rb"<PBan>2.1.0</PBan><MNGui>", b"<PBan>9.9.9</PBan><MNGui>", "K003"),
        (rb"<MLTDiep>206", b"<MLTDiep>216", "K010"),
        (rb"<MLTDiep>206", b"<MLTDiep>207", "K004"),
        (rb"<MTDiep>V0107001729.", b"<MTDiep>V0107001729x", "K005"),
        (rb"<MNGui>V0107001729", b"<MNGui>V0107001720", "K006"),
        (rb"<SLuong>1</SLuong></TTChung>", b"<SLuong>2</SLuong></TTChung>", "K007"),
    ],
)
def test_a_wrong_header_is_refused_at_once(ask, signer, old, new, code):
    found = ask(re.sub(old, new, package(signer, numbered(1)), count=1))

    assert (found.kind, found.accepted) == (envelope.TECHNICAL, False)
    assert code in [one.code for one in found.reasons]


@pytest.mark.parametrize("body", [b"", b"hello", b"<HDon/>", b"<!DOCTYPE a><TDiep/>", b"<TDiep/>"])
def test_nonsense_is_refused_and_never_raises(ask, body):
    found = ask(body)

    assert (found.kind, found.reasons[0].code) == (envelope.TECHNICAL, "K001")


def test_the_same_bytes_again_get_the_first_answer_and_others_a_refusal(
    known, authority_signer, signer
):
    office = memory.Office(authority_signer, ids.new, NOW)
    body = package(signer, numbered(1))
    first = checks.check_message(body, known, office)
    known.remember(first)
    code = envelope.read_message(body).header.code

    again = checks.check_message(body, known, office)
    other = checks.check_message(package(signer, numbered(2), code=code), known, office)

    assert (again.immediate, again.later, again.is_repeat) == (first.immediate, first.later, True)
    reason = findings.finding_in(envelope.read_message(other.immediate)).reasons[0]
    assert reason.code == "K002"


def related_to(number: int, method: Method = Method.REPLACES) -> Related:
    return Related(
        method=method,
        template="2",
        symbol="C26MAA",
        number=str(number),
        issued_on=NOW.date(),
        note="Thay thế",
    )


def test_a_correction_needs_what_it_corrects_and_is_made_one_way(ask, signer):
    assert ask(package(signer, numbered(2, related=related_to(1)))).accepted is False
    assert ask(package(signer, numbered(1))).accepted is True
    assert ask(package(signer, numbered(2, related=related_to(1)))).accepted is True
    assert ask(package(signer, numbered(3, related=related_to(1)))).accepted is False
    assert ask(package(signer, numbered(2, related=related_to(1)))).accepted is True


def test_an_invoice_sent_the_next_day_is_taken_and_marked_late(known, authority_signer, signer):
    yesterday = numbered(1, issued_on=NOW.date().replace(day=22))
    office = memory.Office(authority_signer, ids.new, NOW)

    answer = checks.check_message(package(signer, yesterday), known, office)

    assert answer.invoices[0].is_late


def test_a_seller_who_may_not_is_told_in_the_result_of_that_message(ask, signer, known):
    """LTBao 1 for a code, 3 without code, 7 from a cash register."""
    known.sellers.clear()

    for body, result in (
        (sent(signer, envelope.FOR_A_CODE, ordinary(1)), envelope.NO_CODE),
        (sent(signer, envelope.WITHOUT_CODE, ordinary(1, "K26TAA")), envelope.SOME_INVALID),
        (package(signer, numbered(1)), envelope.CASH_REGISTER_INVALID),
    ):
        found = ask(body)
        assert (found.result, found.reasons[0].code) == (result, "K101")


@pytest.mark.parametrize(("day", "is_late"), [(20, False), (19, True), (23, False)])
def test_an_ordinary_invoice_has_until_the_next_working_day(
    known, authority_signer, signer, day, is_late
):
    """Decree 254/2026, Annex 7: what is issued on a Friday is sent on Monday at the latest."""
    office = memory.Office(authority_signer, ids.new, NOW)
    one = ordinary(1, issued_on=NOW.date().replace(day=day))

    answer = checks.check_message(sent(signer, envelope.FOR_A_CODE, one), known, office)

    assert [found.is_late for found in answer.invoices] == [is_late]


def test_a_message_of_an_older_format_is_not_received(ask, signer):
    """Decision 1306: 2.1.0 since 13 June 2025."""
    found = ask(package(signer, numbered(1), version="2.0.1"))

    assert (found.kind, found.reasons[0].code) == (envelope.TECHNICAL, "K003")


# ── Ordinary invoices and error notices ─────────────────────────────────────────────────────────


def ordinary(number: int, symbol: str = "C26TAA", **changes: object) -> values.Invoice:
    given = {"number": number, "symbol": symbol, "code": "", "lookup": "", "payment_form": "TM/CK"}
    return food_stall_invoice(**{**given, **changes})


def sent(signer, kind: int, *invoices: values.Invoice, seal_with=None) -> bytes:
    header = envelope.Header(
        version="2.1.0", sender=SENDER, kind=kind, tax_id=TAX_ID, count=len(invoices),
        code=identifiers.message_code(SENDER, ids.new()),
    )  # fmt: skip
    by = seal_with or signer
    sealed = [seal.sign(document.write(one), seal.SELLER, by, NOW) for one in invoices]
    return envelope.invoices_message(header, sealed, signer, NOW)


def test_an_invoice_for_a_code_comes_back_with_code_and_seal(ask, signer):
    found = ask(sent(signer, envelope.FOR_A_CODE, ordinary(1)))

    assert (found.kind, found.accepted) == (envelope.WITH_CODE, True)
    assert seal.verify(found.invoice, seal.SELLER).tax_id == TAX_ID
    assert seal.verify(found.invoice, seal.AUTHORITY_ON_INVOICE).tax_id == "0100000000"
    assert len(document.read(found.invoice).code) == 34


def test_an_invoice_not_eligible_for_a_code_is_told_why(ask, signer, authority_signer):
    wrong = [
        sent(signer, envelope.FOR_A_CODE, ordinary(1, symbol="K26TAA")),
        sent(signer, envelope.FOR_A_CODE, numbered(1)),
        sent(signer, envelope.FOR_A_CODE, ordinary(1), seal_with=authority_signer),
    ]
    for body in wrong:
        found = ask(body)
        assert (found.accepted, found.result) == (False, envelope.NO_CODE)


def test_invoices_without_code_are_taken_and_a_bad_one_is_told(ask, signer):
    assert ask(
        sent(signer, envelope.WITHOUT_CODE, ordinary(1, "K26TAA"), ordinary(2, "K26TAA"))
    ).accepted
    found = ask(sent(signer, envelope.WITHOUT_CODE, ordinary(3, "C26TAA")))

    assert (found.accepted, found.result) == (False, envelope.SOME_INVALID)


def error_notice(signer, *lines: notices.WrongInvoice, kind: int = 303) -> bytes:
    header = envelope.Header(
        version="2.1.0", sender=SENDER, kind=kind, tax_id=TAX_ID, count=1,
        code=identifiers.message_code(SENDER, ids.new()),
    )  # fmt: skip
    notice = notices.ErrorNotice(
        name="Hộ Ví Dụ", tax_id=TAX_ID, office_name="Thuế tỉnh Thanh Hóa", office_code="38000",
        place="Thanh Hóa", on=NOW.date(), invoices=lines,
    )  # fmt: skip
    return notices.error_message(header, notice, signer, NOW)


def wrong_invoice(number: str, **more: object) -> notices.WrongInvoice:
    return notices.WrongInvoice(
        template="2", symbol="C26MAA", number=number, issued_on=NOW.date(), reason="Sai tên", **more
    )


def test_an_error_notice_is_answered_line_by_line(known, authority_signer, signer):
    office = memory.Office(authority_signer, ids.new, NOW)
    known.remember(checks.check_message(package(signer, numbered(1)), known, office))

    answer = checks.check_message(
        error_notice(signer, wrong_invoice("1"), wrong_invoice("2"),
                     wrong_invoice("1", kind=notices.NoticeKind.CANCELS)), known, office
    )  # fmt: skip

    reply = envelope.read_message(answer.later[0])
    assert reply.header.kind == notices.RESULT
    assert [one.is_accepted for one in notices.results_in(reply)] == [True, False, False]
    assert notices.results_in(reply)[1].reasons[0].remedy
    assert findings.finding_in(reply).accepted is False


def test_an_error_notice_is_read_back_and_needs_its_reason(signer):
    body = error_notice(signer, wrong_invoice("1", code="M2-26-A1B2C-00000000001"))

    read = notices.read_error_notice(envelope.read_message(body))

    assert read.invoices == (wrong_invoice("1", code="M2-26-A1B2C-00000000001"),)
    with pytest.raises(checks.FieldInvalid):
        error_notice(signer, replace(wrong_invoice("1"), reason=" "))


def test_an_error_notice_signed_by_another_is_refused(ask, authority_signer):
    assert ask(error_notice(authority_signer, wrong_invoice("1"))).accepted is False
