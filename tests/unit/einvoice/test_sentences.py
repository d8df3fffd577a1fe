"""Everything an inspection says has an English form, and the catalogue has nothing else."""

import ast
import re
import string
from collections.abc import Iterator
from pathlib import Path

import pytest

import einvoice
from einvoice import inspection, instruments, layout, sentences, triage
from einvoice.sentences import said_in, say

PACKAGE = Path(einvoice.__file__).parent
SPEAKING = [*sorted((PACKAGE / "inspection").glob("*.py")), PACKAGE / "page" / "judging.py",
            PACKAGE / "triage.py", PACKAGE / "kinds.py"]  # fmt: skip
LETTER = re.compile("[àáảãạăằắẳẵặâầấẩẫậèéẻẽẹêềếểễệìíỉĩịòóỏõọôồốổỗộơờớởỡợùúủũụưừứửữựỳýỷỹỵđ]", re.I)
CITED = re.compile(r"[A-Z]+[0-9]+ (Điều|Phụ lục)[^“]*|0[14](-1)?/[A-ZĐQTr-]+")
COMPARED = {
    # looked for in documents, never said
    *("bán hàng", "giá trị gia tăng", "giảm", "hoá", "hóa"),
    *inspection.parties.OUTDATED_CONSUMER,
    *("Thay thế", "Điều chỉnh"),  # said in lower case
}


def said(path: Path) -> Iterator[str]:
    """Vietnamese strings of a module, docstrings and citations left out."""
    tree = ast.parse(path.read_text("utf-8"))
    left_out = {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            parts = [one.value for one in node.values if isinstance(one, ast.Constant)]
            assert not any(LETTER.search(one) for one in parts), f"say() it: {path.name} {parts}"
            left_out |= {id(one) for one in node.values}
        is_text = isinstance(node, ast.Constant) and isinstance(node.value, str)
        if not is_text or id(node) in left_out or node.value in COMPARED:
            continue
        if LETTER.search(node.value) and not CITED.fullmatch(node.value):
            yield node.value


def test_every_sentence_has_its_english_and_none_is_left_over():
    found = {one for path in SPEAKING for one in said(path)} | {"{}: {}", "thay thế", "điều chỉnh"}

    assert found - set(sentences.catalogue("en")) == set()
    assert set(sentences.catalogue("en")) - found == set()


def test_a_translation_takes_what_the_sentence_gives():
    def fields(pattern: str) -> list[tuple[str | None, str | None]]:
        return [
            (name, spec)
            for _, name, spec, _ in string.Formatter().parse(pattern)
            if name is not None
        ]

    for pattern, english in sentences.catalogue("en").items():
        assert fields(pattern) == fields(english), pattern
        assert not LETTER.search(
            english.replace("đồng", "").replace(" đ ", " ").replace("Đ", "")
        ), english


def test_what_fills_a_sentence_is_said_in_its_language_too():
    text = say("Mã số thuế {} nên viết {}.", "người bán", "0107001729-001")

    assert text == "Mã số thuế người bán nên viết 0107001729-001."
    assert said_in(text, "en") == "The tax id of the seller should be written 0107001729-001."
    assert said_in(say("Mã QR nói khác hóa đơn về: {}.", ["số", "ký hiệu"]), "en").endswith(
        "number, symbol."
    )
    assert said_in("Hàng {} của bà Ba", "en") == "Hàng {} của bà Ba"


def test_what_a_document_says_is_no_pattern():
    text = say("Dòng “{}” không có thành tiền.", "{0.__class__} {}")

    assert said_in(text, "en") == "The line “{0.__class__} {}” has no amount."


@pytest.mark.parametrize("document", [b"", b"<HDon>", b"<a/>", b"<HDon><DLHDon/></HDon>",
                                      b"<TDiep><TTChung><MLTDiep>777</MLTDiep></TTChung><DLieu/></TDiep>"])  # fmt: skip
def test_a_report_in_english_has_no_vietnamese(document):
    report = inspection.inspect(document)

    told = [one for part in [report.plain("en")] for one in part["remarks"]]

    assert told
    for one in told:
        assert not LETTER.search(one["text"] + one.get("remedy", "")), one
    assert report.plain()["remarks"][0]["text"] != told[0]["text"]


def test_advice_is_given_in_english():
    case = triage.Case(faults=frozenset({triage.Fault.AMOUNT}), buyer=triage.BuyerKind.BUSINESS)

    said_en = triage.advise(case).sentences("en")

    assert said_en[0].startswith("Issue a replacement")
    assert " or " in said_en[0]
    assert said_en[-1] == "Basis: Circular 91/2026/TT-BTC Art. 10."


def test_a_source_is_spelled_in_english():
    assert (
        instruments.spelled("D254 Phụ lục mục 4.b", "en") == "Decree 254/2026/NĐ-CP Annex item 4.b"
    )
    assert instruments.spelled("L108 Điều 11", "en") == "Law 108/2025/QH15 Art. 11"


def test_every_problem_of_the_tables_is_a_sentence():
    assert set(inspection.structure._SENTENCES) == {
        *("missing", "expected", "twice", "unknown", "order", "text", "nested", "length"),
        *("number", "date", "choice", "form", "attribute"),
    }
    assert layout.tables()["TTin"]
