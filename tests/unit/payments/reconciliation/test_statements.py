"""Bank statements in the forms banks write them."""

import time
from datetime import UTC, date, datetime

import pytest

from market import ids
from payments.reconciliation import errors
from payments.reconciliation.bank_csv import formats
from payments.reconciliation.bank_statement import OurMovement, compare_lines, read_statement
from payments.reconciliation.classes import Class
from payments.reconciliation.statement import VIETNAM, BankLine

MT940 = """{1:F01BFTVVNVXAXXX0000000000}{2:I940BFTVVNVXXXXXN}{4:
:20:ST261122
:25:BFTVVNVX/0071000888999
:28C:326/1
:60F:C261121VND1000000,
:61:2611221122C50000,NTRFNONREF//FT26327001
:86:CHOK7M2QX NGUYEN VAN A
 chuyen tien
:61:2611221122D20000,00NTRFREF1//FT26327002
:86:?20Tra tien ha?21ng
:62F:C261122VND1030000,
-}
"""
CAMT = """<?xml version="1.0" encoding="UTF-8"?>
<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"><BkToCstmrStmt><Stmt>
<Acct><Id><Othr><Id>0071000888999</Id></Othr></Id></Acct>
<Bal><Tp><CdOrPrtry><Cd>OPBD</Cd></CdOrPrtry></Tp><Amt Ccy="VND">1000000</Amt><CdtDbtInd>CRDT</CdtDbtInd></Bal>
<Bal><Tp><CdOrPrtry><Cd>CLBD</Cd></CdOrPrtry></Tp><Amt Ccy="VND">1050000</Amt><CdtDbtInd>CRDT</CdtDbtInd></Bal>
<Ntry><Amt Ccy="VND">50000.00</Amt><CdtDbtInd>CRDT</CdtDbtInd><Sts><Cd>BOOK</Cd></Sts>
<BookgDt><DtTm>2026-11-22T10:15:00+07:00</DtTm></BookgDt><AcctSvcrRef>FT26327001</AcctSvcrRef>
<NtryDtls><TxDtls><RmtInf><Ustrd>CHOK7M2QX</Ustrd></RmtInf></TxDtls></NtryDtls></Ntry>
<Ntry><Amt Ccy="VND">70000</Amt><CdtDbtInd>CRDT</CdtDbtInd><Sts><Cd>PDNG</Cd></Sts>
<BookgDt><Dt>2026-11-22</Dt></BookgDt></Ntry>
</Stmt></BkToCstmrStmt></Document>
"""
VCB = """SAO KÊ TÀI KHOẢN
Số tài khoản: 0071000888999;;VND
;;
Ngày giao dịch;Số tham chiếu;Số tiền ghi nợ;Số tiền ghi có;Mô tả
22/11/2026;FT26327001;;50.000;CHOK7M2QX
22/11/2026;FT26327002;20,000;;Trả tiền hàng
Tổng cộng;;20.000;50.000;
"""


def movements(raw: bytes, account_no: str = "") -> list[tuple[str, int]]:
    return [(one.reference, one.amount_vnd) for one in read_statement(raw, account_no).lines]


def test_an_mt940_statement_reads():
    found = read_statement(MT940.encode())

    assert found.account_no == "0071000888999"
    assert [(one.reference, one.amount_vnd, one.memo) for one in found.lines] == [
        ("FT26327001", 50_000, "CHOK7M2QX NGUYEN VAN A chuyen tien"),
        ("FT26327002", -20_000, "Tra tien hang"),
    ]
    assert (found.opening_vnd, found.closing_vnd) == (1_000_000, 1_030_000)
    assert found.first_day == found.last_day == date(2026, 11, 22)


def test_an_mt940_statement_with_windows_line_ends_reads():
    assert len(movements(MT940.replace("\n", "\r\n").encode())) == 2


def test_a_camt_statement_reads_booked_entries_alone():
    found = read_statement(CAMT.encode())

    (line,) = found.lines
    assert (found.account_no, line.amount_vnd, line.memo) == ("0071000888999", 50_000, "CHOK7M2QX")
    assert line.occurred_at == datetime(2026, 11, 22, 3, 15, tzinfo=UTC)
    assert line.has_time


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_banks_csv_reads_however_a_spreadsheet_saved_it(encoding):
    found = read_statement(VCB.encode(encoding))

    assert found.format == "csv:vietcombank"
    assert found.account_no == "0071000888999"
    assert movements(VCB.encode(encoding)) == [("FT26327001", 50_000), ("FT26327002", -20_000)]


@pytest.mark.parametrize("form", formats(), ids=lambda form: form.name)
def test_every_known_csv_form_reads_its_own_lines(form):
    names = [name for name in (form.account, form.when, form.reference, form.debit, form.credit,
                               form.amount, form.memo) if name]  # fmt: skip
    at = datetime(2026, 11, 22, 10, 15)  # noqa: DTZ001 - as the bank prints it
    values = {
        form.account: "123456789",
        form.when: at.isoformat() if form.when_form == "iso" else at.strftime(form.when_form),
        form.reference: "FT1",
        form.debit: "",
        form.credit: "1,250,000",
        form.amount: "1250000",
        form.memo: "CHOK7M2QX",
    }
    raw = "\n".join([",".join(names), ",".join(f'"{values[name]}"' for name in names)])

    found = read_statement(raw.encode(), "" if form.account else "123456789")

    assert found.format == f"csv:{form.name}"
    assert [(one.reference, one.amount_vnd) for one in found.lines] == [("FT1", 1_250_000)]
    assert found.first_day == date(2026, 11, 22)


def test_lines_without_a_reference_get_one_that_stays_the_same():
    raw = VCB.replace("FT26327001", "").replace("FT26327002", "").encode()

    assert movements(raw) == movements(raw)
    assert movements(raw)[0][0] == "20261122/50000/1"


def first(text: str) -> BankLine:
    return read_statement(text.encode(), "0071000888999").lines[0]


@pytest.mark.parametrize(
    ("when", "local"),
    [
        ("22/11/2026 10:15:07", "2026-11-22T10:15:07"),
        ("22/11/2026 9:05", "2026-11-22T09:05:00"),
        ("2026-11-22", "2026-11-22T00:00:00"),
        ("22-11-2026", "2026-11-22T00:00:00"),
        ("2.11.2026", "2026-11-02T00:00:00"),
        ("22/11/2026 23:59:58", "2026-11-22T23:59:58"),
    ],
)
def test_a_day_is_read_however_a_bank_or_a_spreadsheet_writes_it(when, local):
    line = first(VCB.replace("22/11/2026;FT26327001", f"{when};FT26327001"))

    assert line.occurred_at.astimezone(VIETNAM).replace(tzinfo=None).isoformat() == local
    assert line.has_time == (":" in when)


@pytest.mark.parametrize(
    "header",
    [
        "Ngày giao dịch/ Transaction date;Số tham chiếu/ Reference;Số tiền ghi nợ/ Debit;"
        "Số tiền ghi có/ Credit;Mô tả/ Description",
        '"Ngày giao dịch\nDate";"Số tham chiếu\nRef.";"Số tiền ghi nợ (VND)";"Số tiền ghi có (VND)";Mô tả',
        "NGÀY GIAO DỊCH;SỐ THAM CHIẾU;SỐ TIỀN GHI NỢ;SỐ TIỀN GHI CÓ;MÔ TẢ",
    ],
)  # fmt: skip
def test_a_header_in_two_languages_is_known_by_the_first(header):
    text = VCB.replace("Ngày giao dịch;Số tham chiếu;Số tiền ghi nợ;Số tiền ghi có;Mô tả", header)

    assert first(text).reference == "FT26327001"


def test_a_quotation_mark_that_is_never_closed_hides_no_lines():
    text = VCB.replace(";CHOK7M2QX", ';"Lan') + '22/11/2026;FT26327003;;5.000;"x" y\n'

    with pytest.raises(errors.RecordCell, match="never closed"):
        read_statement(text.encode())


def test_a_long_statement_reads_in_about_the_time_of_its_lines():
    text = VCB + "".join(f"22/11/2026;FT{n};;50.000;Ban hang {n}\n" for n in range(20_000))

    started = time.process_time()
    found = read_statement(text.encode())

    assert len(found.lines) == 20_002
    assert time.process_time() - started < 4


@pytest.mark.parametrize(
    ("change", "by"),
    [
        ("//FT26327001", "//MBVCB.1234567890.123456"),
        ("NONREF//", "MBVCB.1234567890.123456//"),
        ("C50000,NTRF", "C50000.00NTRF"),
        ("C50000,NTRF", "C50000NTRF"),
        ("//FT26327001", "//FT26327001\nTHEIR OWN WORDS"),
        (":25:BFTVVNVX/0071000888999", ":25P:0071000888999\nBFTVVNVX"),
        (":25:BFTVVNVX/0071000888999", ":25:0071000888999VND"),
    ],
)
def test_an_mt940_statement_reads_with_the_liberties_banks_take(change, by):
    found = read_statement(MT940.replace(change, by).encode())

    assert found.account_no == "0071000888999"
    assert found.lines[0].amount_vnd == 50_000
    assert found.lines[0].memo == "CHOK7M2QX NGUYEN VAN A chuyen tien"


def test_the_banks_closing_words_are_no_memo_of_the_last_line():
    text = MT940.replace(":86:?20Tra tien ha?21ng\n", "").replace("-}", ":86:Phi thang 11\n-}")

    assert read_statement(text.encode()).lines[-1].memo == ""


def test_a_page_that_is_missing_between_two_is_noticed():
    later = MT940.replace("1000000,", "9000000,").replace("1030000,", "9030000,")

    with pytest.raises(errors.RecordSum, match="next opens"):
        read_statement((MT940 + later).encode())


def test_a_camt_batch_is_the_transfers_it_tells_of():
    two = (
        "<NtryDtls><TxDtls><Refs><AcctSvcrRef>FT1</AcctSvcrRef></Refs>"
        '<Amt Ccy="VND">20000</Amt></TxDtls>'
        '<TxDtls><Refs><AcctSvcrRef>FT2</AcctSvcrRef></Refs><AmtDtls><TxAmt><Amt Ccy="VND">30000'
        "</Amt></TxAmt></AmtDtls>"
    )
    text = CAMT.replace("<NtryDtls><TxDtls>", two, 1)

    assert movements(text.encode()) == [("FT1", 20_000), ("FT2", 30_000)]


def test_a_camt_batch_that_does_not_add_up_stays_one_entry():
    two = '<NtryDtls><TxDtls><Amt Ccy="VND">20000</Amt></TxDtls><TxDtls><Amt Ccy="VND">1</Amt>'
    text = CAMT.replace("<NtryDtls><TxDtls>", two, 1)

    assert movements(text.encode()) == [("FT26327001", 50_000)]


@pytest.mark.parametrize(
    "day",
    [
        "<BookgDt><Dt>2026-11-22+07:00</Dt></BookgDt>",
        "<BookgDt><Dt>2026-11-22Z</Dt></BookgDt>",
        "<ValDt><Dt>2026-11-22</Dt></ValDt>",
    ],
)
def test_a_camt_day_may_carry_a_zone_or_be_the_value_date(day):
    text = CAMT.replace("<BookgDt><DtTm>2026-11-22T10:15:00+07:00</DtTm></BookgDt>", day)

    assert first(text).day == date(2026, 11, 22)


def test_a_camt_statement_in_utf_16_reads():
    text = CAMT.replace("UTF-8", "UTF-16")

    assert movements(text.encode("utf-16")) == [("FT26327001", 50_000)]


def our(amount_vnd: int, memo: str, at: datetime) -> OurMovement:
    return OurMovement(
        id=ids.new(), owner_id=None, reference="", provider_id=f"sepay-{memo}",
        amount_vnd=amount_vnd, memo=memo, occurred_at=at,
    )  # fmt: skip


def test_ten_thousand_equal_credits_without_references_pair_quickly_and_by_their_text():
    noon = datetime(2026, 11, 22, 5, tzinfo=UTC)
    lines = "".join(f"22/11/2026;;;50.000;Ban {n}\n" for n in range(10_000))
    statement = read_statement((VCB[: VCB.index("22/11/2026")] + lines).encode())
    ours = [our(50_000, f"Ban {n}", noon) for n in reversed(range(10_000))]

    started = time.process_time()
    matched, differences = compare_lines(statement, ours)

    assert (matched, differences) == (10_000, [])
    assert time.process_time() - started < 4


def test_a_line_with_a_time_takes_ours_of_two_minutes_around_and_across_midnight():
    text = VCB.replace("22/11/2026;FT26327001", "22/11/2026 23:59:30;X1")
    text = text.replace("22/11/2026;FT26327002", "22/11/2026 12:00:00;X2")
    just_after = datetime(2026, 11, 22, 17, 1, tzinfo=UTC)
    too_late = datetime(2026, 11, 22, 5, 2, 1, tzinfo=UTC)

    matched, differences = compare_lines(
        read_statement(text.encode()), [our(50_000, "", just_after), our(-20_000, "", too_late)]
    )

    assert matched == 1
    assert sorted(one.class_ for one in differences) == [
        Class.MISSING_LOCAL,
        Class.MISSING_PROVIDER,
    ]


BOMB = """<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>
<Document><BkToCstmrStmt><Stmt>&b;</Stmt></BkToCstmrStmt></Document>"""
HOSTILE = {
    "mt940 cut": (MT940[: MT940.index(":62F:")], errors.RecordCut),
    "mt940 with a line too few": (
        MT940.replace(MT940[MT940.index(":61:2611221122D") : MT940.index(":62F:")], ""),
        errors.RecordSum,
    ),
    "mt940 in dollars": (MT940.replace("VND", "USD"), errors.RecordCurrency),
    "mt940 with half a đồng": (MT940.replace("50000,", "50000,50"), errors.RecordAmount),
    "mt940 with a strange line": (MT940.replace("C50000,N", "X50000,N"), errors.RecordCell),
    "camt in dollars": (CAMT.replace('Ccy="VND">50000.00', 'Ccy="USD">50000'), errors.RecordCurrency),
    "camt with half a đồng": (CAMT.replace("50000.00", "50000.50"), errors.RecordAmount),
    "camt of other balances": (CAMT.replace("1050000", "1050001"), errors.RecordSum),
    "camt cut": (CAMT[:-60], errors.RecordUnreadable),
    "camt with entities": (BOMB, errors.RecordUnreadable),
    "csv of nobody": ("a;b;c\n1;2;3\n", errors.FormatUnknown),
    "csv with letters": (VCB.replace("50.000;CHO", "5O.000;CHO"), errors.RecordAmount),
    "csv with half a đồng": (VCB.replace("50.000;CHO", "50.000,50;CHO"), errors.RecordAmount),
    "csv of another date form": (VCB.replace("22/11/2026;FT26327001", "11/22/2026;FT26327001"), errors.RecordCell),
    "csv cut": (VCB[: VCB.index("50.000;CHO")] , errors.RecordCut),
    "csv without lines": (VCB[: VCB.index("22/11/2026")], errors.RecordEmpty),
    "csv without an account": (VCB.replace("0071000888999", ""), errors.RecordColumns),
    "empty": ("\n", errors.RecordEmpty),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_statement_is_refused_with_what_to_do(name):
    text, kind = HOSTILE[name]

    with pytest.raises(kind) as raised:
        read_statement(text.encode())

    assert type(raised.value) is kind
    assert raised.value.what_to_do
