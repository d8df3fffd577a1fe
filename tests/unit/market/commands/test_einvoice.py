"""`market einvoice`: answers in words and as JSON, exit codes, plain sentences for misuse."""

import json

import pytest

from einvoice import document, seal
from market import cli
from tests.unit.einvoice.conftest import NOW, food_stall_invoice, signer

__all__ = ["signer"]


@pytest.fixture
def told(capsys):
    """Run a command: its exit code, what it said, what it complained about."""

    def run(*arguments: str) -> tuple[int, str, str]:
        code = cli.main(["einvoice", *arguments])
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


@pytest.fixture
def stall(tmp_path):
    file = tmp_path / "hoa-don.xml"
    file.write_bytes(document.write(food_stall_invoice()))
    return file


def test_a_right_invoice_is_said_to_be(told, stall):
    code, said, _ = told("verify", str(stall))

    assert code == 0
    assert "2C26MAA số 123" in said
    assert "Kết luận: Không thấy chỗ sai." in said


def test_a_changed_invoice_is_told_what_and_what_to_do(told, stall):
    stall.write_bytes(stall.read_bytes().replace(b"<TgTTTBSo>110750", b"<TgTTTBSo>110751"))

    code, said, _ = told("verify", str(stall))

    assert code == 1
    assert "SAI    Tổng thanh toán ghi 110.751, tính được 110.750." in said
    assert "→" in said


def test_verify_as_json_has_codes_facts_and_signatures(told, stall, signer):
    stall.write_bytes(seal.sign(stall.read_bytes(), seal.SELLER, signer, NOW))

    code, said, _ = told("verify", str(stall), "--json")
    report = json.loads(said)

    assert (code, report["is_right"], report["kind"]) == (0, True, "invoice")
    assert report["facts"]["seller_tax_id"] == "038190000123"
    assert report["signatures"][0]["holds"] is True
    assert {"verdict", "code", "where", "text"} <= set(report["remarks"][0])


def test_a_trusted_issuer_is_read_from_pem(told, stall, signer, tmp_path):
    from cryptography.hazmat.primitives.serialization import Encoding

    stall.write_bytes(seal.sign(stall.read_bytes(), seal.SELLER, signer, NOW))
    pem = tmp_path / "ca.pem"
    pem.write_bytes(signer.certificate.public_bytes(Encoding.PEM))

    _, said, _ = told("verify", str(stall), "--trust", str(pem))
    assert "đã tin" in said
    pem.write_text("nothing")
    code, _, complained = told("verify", str(stall), "--trust", str(pem))
    assert (code, "not PEM" in complained) == (2, True)


def test_a_file_that_is_not_there_is_misuse(told, tmp_path):
    code, _, complained = told("verify", str(tmp_path / "none.xml"))

    assert code == 2
    assert complained.startswith("market: ")
    assert "No such file" in complained


def test_a_giant_is_refused_without_reading_it(told, tmp_path):
    file = tmp_path / "giant.xml"
    with file.open("wb") as stream:
        stream.truncate(50_000_000_000)

    code, said, _ = told("verify", str(file))

    assert code == 1
    assert "lớn hơn 2 MB" in said


@pytest.mark.parametrize(
    ("amount", "north"),
    [
        ("110750", "Một trăm mười nghìn bảy trăm năm mươi đồng"),
        ("1.234.567", "Một triệu hai trăm ba mươi tư nghìn năm trăm sáu mươi bảy đồng"),
        ("1,000,000", "Một triệu đồng"),
        ("-40000", "Âm bốn mươi nghìn đồng"),
        ("0", "Không đồng"),
        ("1" + "0" * 18, "Một tỷ tỷ đồng"),
    ],
)
def test_an_amount_is_said(told, amount, north):
    code, said, _ = told("words", amount, "--json")

    assert code == 0
    assert json.loads(said)["north"] == north


@pytest.mark.parametrize("amount", ["abc", "1.5", "1.23.456", "12.34", "", "1e9", "9" * 5_000])
def test_what_is_no_amount_is_misuse(told, amount):
    code, _, complained = told("words", amount)

    assert (code, complained.count("\n")) == (2, 1)


def test_both_spellings_are_said(told):
    _, said, _ = told("words", "1002")

    assert said == "Một nghìn không trăm linh hai đồng\nMột ngàn không trăm lẻ hai đồng\n"


def test_tax_of_goods_and_food_with_the_best_split(told):
    code, said, _ = told("tax", "--revenue", "goods=800000000", "--revenue", "food=700.000.000",
                         "--json")  # fmt: skip
    tax = json.loads(said)["methods"][0]

    assert code == 0
    assert (tax["vat_vnd"], tax["pit_vnd"], tax["is_liable"]) == (29_000_000, 2_500_000, True)


def test_both_methods_stand_side_by_side_where_costs_are_given(told):
    _, said, _ = told("tax", "--revenue", "goods=2000000000", "--costs", "1900000000")

    assert "theo tỷ lệ %" in said
    assert "theo thu nhập" in said
    assert said.endswith("Không thay cho kê khai thuế.\n")


def test_the_law_as_known_earlier_can_be_asked_for(told):
    _, said, _ = told("tax", "--revenue", "goods=900000000", "--known-on", "2026-03-01", "--json")

    assert json.loads(said)["methods"][0]["threshold_vnd"] == 500_000_000


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--revenue", "gold=1"], 2),
        (["--revenue", "goods"], 2),
        (["--revenue", "goods=x"], 2),
        (["--revenue", "goods=1", "--reduced", "food=1"], 2),
        (["--revenue", "goods=1", "--known-on", "yesterday"], 2),
        (["--revenue", "goods=1", "--year", "2025"], 1),
        (["--revenue", "goods=1", "--reduced", "goods=2"], 1),
        (["--revenue", "goods=2000000000", "--method", "profit"], 1),
        (["--revenue", "goods=2000000000", "--allowance", "goods=1000000001"], 1),
    ],
)
def test_what_cannot_be_computed_is_said_in_one_line(told, arguments, code):
    ended, _, complained = told("tax", *arguments)

    assert (ended, complained.count("\n")) == (code, 1)


def test_plain_words_become_a_step_by_step_answer(told):
    code, said, _ = told("correct", "sai", "số", "tiền", "--cash-register")

    assert code == 0
    assert said.startswith("Lập hóa đơn thay thế")
    assert told("correct", "trời đẹp")[0] == 2


def test_the_schema_is_xsd(told):
    from lxml import etree

    _, said, _ = told("schema", "HDon")

    assert etree.XMLSchema(etree.fromstring(said.encode()))


# ── Pages ───────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def key_file(tmp_path, signer):
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.serialization import pkcs12

    file, password = tmp_path / "ho.p12", tmp_path / "mat-khau.txt"
    file.write_bytes(
        pkcs12.serialize_key_and_certificates(
            b"ho", signer.key, signer.certificate, None,
            serialization.BestAvailableEncryption("mật khẩu".encode()),
        )
    )  # fmt: skip
    password.write_text("mật khẩu\n")
    return file, password


def test_a_page_carries_its_invoice_and_verify_finds_it_there(told, stall, tmp_path, signer):
    stall.write_bytes(seal.sign(stall.read_bytes(), seal.SELLER, signer, NOW))
    out = tmp_path / "hoa-don.pdf"

    made = told("page", str(stall), "--out", str(out))
    code, said, _ = told("verify", str(out), "--json")
    report = json.loads(said)

    assert made == (0, "", "")
    assert (code, report["kind"], report["signatures"][0]["holds"]) == (0, "invoice", True)
    assert {"page.xml", "page.seal"} <= {one["code"] for one in report["remarks"]}


def test_a_signed_page_is_told_to_be_whole_and_a_changed_one_to_be_changed(
    told, stall, tmp_path, key_file
):
    out = tmp_path / "hoa-don.pdf"
    file, password = key_file

    code, said, _ = told("page", str(stall), "--out", str(out), "--roll", "--json",
                         "--sign", str(file), "--password-file", str(password))  # fmt: skip
    assert (code, json.loads(said)["signed"]) == (0, True)
    code, said, _ = told("verify", str(out))
    assert (code, "Hộ Ví Dụ ký toàn bộ tệp PDF lúc" in said) == (0, True)
    out.write_bytes(out.read_bytes().replace(b"/Producer (einvoice)", b"/Producer (einv0ice)"))
    code, said, _ = told("verify", str(out))
    assert (code, "Tệp PDF đã bị sửa sau khi Hộ Ví Dụ ký." in said) == (1, True)


def test_a_page_is_made_from_a_page(told, stall, tmp_path):
    first, second = tmp_path / "a.pdf", tmp_path / "b.pdf"

    told("page", str(stall), "--out", str(first), "--link", "http://127.0.0.1/hd/X")
    told("page", str(first), "--out", str(second), "--link", "http://127.0.0.1/hd/X")

    assert first.read_bytes() == second.read_bytes()


def test_a_page_to_print_has_no_file_inside(told, stall, tmp_path):
    out = tmp_path / "in.pdf"

    told("page", str(stall), "--out", str(out), "--plain")
    code, said, _ = told("verify", str(out))

    assert (code, "phải có đúng một tệp XML" in said) == (1, True)


def test_misuse_of_page_is_a_sentence(told, stall, tmp_path, key_file):
    file, _ = key_file
    out = str(tmp_path / "x.pdf")
    wrong = tmp_path / "sai.txt"
    wrong.write_text("sai")

    both = told("page", str(stall), "--out", out, "--plain", "--sign", str(file))
    unasked = told("page", str(stall), "--out", out, "--sign", str(file))
    refused = told("page", str(stall), "--out", out, "--sign", str(file),
                   "--password-file", str(wrong))  # fmt: skip
    nowhere = told("page", str(stall), "--out", str(tmp_path / "none" / "x.pdf"))
    no_file = told("page", str(tmp_path / "none.xml"), "--out", out)

    assert [one[0] for one in (both, unasked, refused, nowhere, no_file)] == [2, 2, 1, 2, 2]
    assert all(one[2].startswith("market: ") and one[2].count("\n") == 1
               for one in (both, unasked, refused, nowhere, no_file))  # fmt: skip


def test_no_page_is_made_of_an_invoice_whose_seal_is_broken(told, stall, tmp_path, signer):
    sealed = seal.sign(stall.read_bytes(), seal.SELLER, signer, NOW)
    stall.write_bytes(sealed.replace(b">110750<", b">110751<"))
    out = tmp_path / "x.pdf"

    code, _, complained = told("page", str(stall), "--out", str(out))

    assert (code, out.exists()) == (1, False)
    assert "market: " in complained


@pytest.mark.parametrize(
    "content",
    [b"", b"\n", b"\x00" * 5_000, bytes(range(256)) * 40, b"PK\x03\x04zip", b"%PDF-1.7 cut",
     b"\xef\xbb\xbf<HDon/>", b"<html></html>", b"{}", b"<HDon>" + b"x" * 3_000_000,
     "<HDon/>".encode("utf-16")],
)  # fmt: skip
def test_verify_says_something_sensible_about_any_file(told, tmp_path, content):
    file = tmp_path / "la"
    file.write_bytes(content)

    code, said, complained = told("verify", str(file))

    assert (code, complained) == (1, "")
    assert "SAI" in said


def test_a_folder_is_no_file(told, tmp_path):
    for action in (("verify", str(tmp_path)), ("page", str(tmp_path), "--out", "x.pdf")):
        code, said, complained = told(*action)

        assert (code, said) == (2, "")
        assert "directory" in complained


def test_a_giant_is_refused_without_being_read_whole(told, tmp_path):
    giant = tmp_path / "to.xml"
    with giant.open("wb") as stream:
        stream.truncate(5_000_000_000)

    code, said, _ = told("verify", str(giant))

    assert code == 1
    assert "lớn hơn 2 MB" in said


def test_tax_says_what_each_change_of_the_law_made_of_the_year(capsys):
    """L109: 500 million; D141 of 29 April 2026: one billion, for the whole year."""
    assert cli.main(["einvoice", "tax", "--revenue", "goods=900000000", "--json"]) == 0

    known = json.loads(capsys.readouterr().out)["as_known"]
    assert [(one["known_on"], one["total_vnd"]) for one in known] == [
        ("2025-12-10", 11_000_000), ("2026-04-29", 0),
    ]  # fmt: skip


def test_tax_says_what_is_to_be_filed_and_until_when(told):
    """Decree 68/2026, Art. 9-10: over one billion in the third quarter, returns from that on."""
    quarters = "400000000,400000000,300000000,100000000"
    year = ("tax", "--revenue", "goods=1200000000", "--quarters", quarters)

    _, said, _ = told(*year)
    _, as_json, _ = told(*year, "--json")
    wrong, _, complaint = told("tax", "--revenue", "goods=1200000000", "--quarters", "1,2,3,4")

    found = [(one["form"], one["period"], one["due_on"]) for one in json.loads(as_json)["filings"]]
    assert found == [
        ("01/CNKD", "3/2026", "2026-10-31"), ("01/CNKD", "4/2026", "2027-01-31"),
    ]  # fmt: skip
    assert "Phải nộp 01/CNKD, kỳ 3/2026, chậm nhất 31/10/2026" in said
    assert wrong == 2
    assert "1.200.000.000" in complaint


def test_a_file_without_a_certificate_is_named_in_one_line(told, stall, tmp_path):
    wrong = tmp_path / "ca.pem"
    wrong.write_bytes(b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")

    code, said, complaint = told("verify", str(stall), "--trust", str(wrong))

    assert (code, said) == (2, "")
    assert complaint == f"market: {wrong} is not PEM with a certificate\n"


def test_what_has_no_number_is_not_introduced_as_an_invoice(told, tmp_path):
    bare = tmp_path / "x.xml"
    bare.write_text("<HDon><DLHDon/></HDon>")

    code, said, _ = told("verify", str(bare))

    assert code == 1
    assert said.startswith("SAI    Thiếu trường bắt buộc TTChung.")


def test_law_that_was_not_known_yet_is_said_to_be_that(told):
    code, _, complaint = told("tax", "--revenue", "goods=1", "--known-on", "2025-01-15")

    assert code == 1
    assert complaint.endswith("is in force on 2026-12-31 as the law was known on 2025-01-15.\n")


LETTERS = set("ảãạăằắẳẵặấầẩẫậẻẽẹềếểễệỉĩịỏõọốồổỗộờớởỡợủũụứừửữựỳỷỹỵ")


def test_everything_verify_says_can_be_said_in_english(told, stall, signer):
    stall.write_bytes(stall.read_bytes().replace(b"<TgTTTBSo>110750", b"<TgTTTBSo>110751"))
    stall.write_bytes(seal.sign(stall.read_bytes(), seal.SELLER, signer, NOW))

    code, said, _ = told("verify", str(stall), "--lang", "en")
    _, as_json, _ = told("verify", str(stall), "--lang", "en", "--json")

    assert code == 1
    assert "WRONG  The total payable says 110.751, computed 110.750." in said
    assert "Conclusion: " in said
    remarks = json.loads(as_json)["remarks"]
    assert {"Decree 254/2026/NĐ-CP Art. 10"} <= {one.get("source") for one in remarks}
    own = " ".join(
        line for line in said.splitlines() if line.startswith(("RIGHT", "DOUBT", "NOTE"))
    )
    assert "khớp" not in own


def test_tax_and_advice_are_said_in_english(told):
    _, tax, _ = told("tax", "--revenue", "food=1500000000", "--lang", "en")
    _, advice, _ = told("correct", "sai số tiền", "--lang", "en")

    assert "food and drink, services with goods: VAT 3% = 45.000.000 đ" in tax
    assert not LETTERS & set(tax + advice)


def test_tax_names_the_trades_and_writes_percentages_as_vietnam_does(told):
    _, said, _ = told("tax", "--revenue", "goods=1200000000")

    assert "phân phối hàng hóa: GTGT 1% = 12.000.000 đ, TNCN 0,5% sau khi trừ" in said


@pytest.mark.parametrize(
    ("arguments", "north"),
    [
        (("13.800,25 USD",), "Mười ba nghìn tám trăm đô la Mỹ và hai mươi lăm xu"),
        (("13,800.25", "--currency", "usd"), "Mười ba nghìn tám trăm đô la Mỹ và hai mươi lăm xu"),
        (("13.800 USD",), "Mười ba nghìn tám trăm đô la Mỹ"),
        (("0,05 EUR",), "Không ơ rô và năm xu"),
        (("--", "-2,5 USD"), "Âm hai đô la Mỹ và năm mươi xu"),
        (("120.000 JPY",), "Một trăm hai mươi nghìn yên Nhật"),
        (("110.750 đồng",), "Một trăm mười nghìn bảy trăm năm mươi đồng"),
        (("110.750 VND",), "Một trăm mười nghìn bảy trăm năm mươi đồng"),
        (("110.750đ",), "Một trăm mười nghìn bảy trăm năm mươi đồng"),
    ],
)
def test_amounts_of_other_currencies_are_said(told, arguments, north):
    """D254 Annex 8.c.2: 13.800,25 USD in Vietnamese words."""
    code, said, _ = told("words", *arguments)

    assert (code, said.splitlines()[0]) == (0, north)


@pytest.mark.parametrize(
    "arguments",
    [("1,2,3 USD",), ("5 XYZ",), ("5 USD", "--currency", "EUR"), ("1.234.56 USD",), ("USD",), ("5,5 đ",)],
)  # fmt: skip
def test_what_is_no_amount_of_a_currency_is_misuse(told, arguments):
    code, _, complained = told("words", *arguments)

    assert (code, complained.count("\n")) == (2, 1)
