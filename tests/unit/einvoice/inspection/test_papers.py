"""Delegations, occasions, summaries, reviews: read back as written, told in words, doubted where unsettled."""

from datetime import date

import pytest

from einvoice import checks, delegating, demands, envelope, findings, inspection, memory, occasions
from einvoice import summaries as tables
from einvoice.identifiers import message_code
from einvoice.inspection import Verdict
from market import ids
from tests.unit.einvoice.conftest import NOW, TAX_ID, food_stall_invoice, vat_invoice
from tests.unit.einvoice.inspection.conftest import spoiled

SENDER = "V0107001729"
OFFICE = delegating.Office(name="Thuế tỉnh", code="38000", contact="Bà Tư", place="Thanh Hóa")
HOUSEHOLD = delegating.Party(tax_id="038190000456", name="HỘ NHỎ", address="Sạp 7")
OPERATOR = delegating.Party(tax_id=TAX_ID, name="CHỢ VÍ DỤ", address="1 Phố Chợ")
CONTRACT = delegating.Contract(
    seller=HOUSEHOLD, delegate=OPERATOR, number="UN-1", signed_on=date(2026, 11, 1),
    purpose="Lập thay", payment_form="TM/CK", valid_from=date(2026, 11, 2),
    valid_to=date(2027, 11, 1), symbol="C26MUN",
)  # fmt: skip
OCCASION = occasions.OccasionRequest(
    seller=OPERATOR, buyer_name="Công ty Mua", what="Cho thuê sạp & kho", amount_vnd=2_000_000,
    sold_on=NOW.date(), buyer_tax_id="0107001729",
)  # fmt: skip


def header(kind: int, sender: str = SENDER, count: int = 1, refers_to: str = "") -> envelope.Header:
    receiver = "TCT" if sender != "TCT" else SENDER
    return envelope.Header(
        version="2.1.0", sender=sender, receiver=receiver, kind=kind, tax_id=TAX_ID, count=count,
        code=message_code(sender, ids.new()), refers_to=refers_to,
    )  # fmt: skip


def summary(**changes) -> tables.Summary:
    lines = tuple(tables.lines_of(vat_invoice()))
    given = {"name": "CHỢ", "tax_id": TAX_ID, "period_kind": "N", "period": "23/11/2026"}
    return tables.Summary(**{**given, "number": 1, "lines": lines, **changes})


def written(kind: int, signer) -> bytes:
    if kind == 101:
        return delegating.delegations_message(header(101), [CONTRACT], OFFICE, signer, NOW)
    if kind == 106:
        return occasions.occasion_message(header(106), OCCASION, OFFICE, signer, NOW)
    return tables.summary_message(header(400, count=2), [summary(), summary(number=2)], signer, NOW)


@pytest.fixture
def office(office_signer) -> memory.Office:
    return memory.Office(office_signer, ids.new, NOW)


@pytest.fixture
def known() -> memory.MemoryKnown:
    made = memory.MemoryKnown()
    made.sellers[TAX_ID] = memory.KnownSeller(TAX_ID, "CHỢ", "A1B2C")
    return made


def report_of(body: bytes) -> inspection.Report:
    return inspection.inspect(body, now=NOW)


@pytest.mark.parametrize("kind", [101, 106, 400])
def test_our_message_and_every_answer_to_it_are_right(kind, signer, known, office):
    body = written(kind, signer)

    answer = checks.check_message(body, known, office)

    for one in (body, answer.immediate, *answer.later):
        report = report_of(one)
        assert (report.kind, report.codes()) == ("message", [])


def test_what_was_written_is_read_back(signer):
    read = {kind: envelope.read_message(written(kind, signer)) for kind in (101, 106, 400)}

    assert delegating.contracts_in(read[101]) == (
        delegating.Contract(**{**vars(CONTRACT), "letters": "UN"}),
    )
    assert occasions.occasion_in(read[106]) == OCCASION
    assert tables.summaries_in(read[400]) == (summary(), summary(number=2))


def test_a_sales_invoice_is_one_line_and_a_corrected_one_names_the_other():
    plain = tables.lines_of(food_stall_invoice())

    assert [(one.payable_vnd, one.vat_rate) for one in plain] == [(110_750, "")]
    assert sum(one.payable_vnd for one in tables.lines_of(vat_invoice())) == (
        vat_invoice().totals.payable_vnd
    )


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("<TNgay>2026-11-02", "<TNgay>02/11/2026", "structure.date"),
        ("<MDich>Lập thay</MDich>", "", "structure.missing"),
        ("<KHHDon>C26MUN", "<KHHDon>C26MUNNN", "structure.length"),
    ],
)
def test_an_unsettled_table_gives_doubts_and_the_seal_tells_of_the_change(signer, old, new, code):
    report = report_of(spoiled(written(101, signer), old, new))

    assert code in report.codes(Verdict.DOUBT)
    assert any(one.startswith("signature.") for one in report.codes())


def test_a_review_says_in_words_what_is_asked_and_how_long(office_signer):
    asked = demands.AskedInvoice(
        template="2", symbol="C26MAA", number="7", issued_on=NOW.date(), why="Số tiền khác"
    )
    head = header(302, "TCT")
    report = report_of(demands.review_message(head, "CHỢ", [asked], 2, office_signer, NOW))

    assert report.codes() == []
    assert report.sheet.facts["asked"] == ["2C26MAA số 7: Số tiền khác"]
    assert report.sheet.facts["answer_days"] == "2"


def test_the_end_of_the_service_says_why_and_when(office_signer):
    body = demands.service_message(header(105, "TCT"), "CHỢ", 1, NOW.date(), office_signer, NOW)

    report = report_of(body)

    assert report.codes() == []
    assert report.sheet.facts["result"] == "hết thời gian dùng miễn phí"


def test_answers_say_in_words_who_was_accepted(signer, known, office):
    known.sellers[TAX_ID] = memory.KnownSeller(TAX_ID, "CHỢ", "A1B2C", suspended=True)
    later = checks.check_message(written(101, signer), known, office).later

    facts = report_of(later[-1]).sheet.facts

    assert facts["results"][0].startswith("038190000456 HỘ NHỎ: không được chấp nhận (Bên nhận")


@pytest.mark.parametrize("kind", [101, 106, 400])
def test_a_form_of_somebody_else_is_refused_by_the_authority(kind, known, office, office_signer):
    answer = checks.check_message(written(kind, office_signer), known, office)

    replies = [envelope.read_message(one) for one in (answer.immediate, *answer.later)]
    assert any(findings.finding_in(one).accepted is False for one in replies)


def test_nobody_delegates_in_anothers_name(signer, known, office):
    other = delegating.Contract(**{**vars(CONTRACT), "delegate": HOUSEHOLD, "seller": OPERATOR})
    body = delegating.delegations_message(header(101), [other], OFFICE, signer, NOW)

    later = checks.check_message(body, known, office).later

    assert delegating.results_in(envelope.read_message(later[-1]))[0].reasons[0].code == "K402"
