"""Bank statements in the forms banks write them."""

from datetime import UTC, date, datetime

import pytest

from payments.reconciliation import errors
from payments.reconciliation.bank_csv import formats
from payments.reconciliation.bank_statement import read_statement

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
