"""`market qr`, `market bank` and `market say` as a person or a script starts them."""

import io
import json
import os
import pty
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest
from PIL import Image

from market import cli
from payments import memo, qr, qr_picture

ROOT = Path(__file__).parents[3]
OURS = qr.write_vietqr("970436", "9990001112223", 85_000, memo="CHOK7M2QX", merchant_name="CO LAN")
MARKET = [sys.executable, "-m", "market.cli"]


def market(*arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [*MARKET, *arguments], cwd=ROOT, input=stdin, capture_output=True, timeout=60, check=False
    )
    text = (done.stdout.decode(), done.stderr.decode())
    return subprocess.CompletedProcess(done.args, done.returncode, *text)


Here = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def here(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Here:
    """The same command in this process: for the many ways to be refused."""

    def run(*arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess[str]:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin), "utf-8"))
        try:
            code = cli.main(arguments)
        except SystemExit as left:
            code = int(left.code or 0)
        return subprocess.CompletedProcess(arguments, code, *capsys.readouterr())

    return run


def test_a_code_is_read_for_people() -> None:
    done = market("qr", "read", OURS)

    assert (done.returncode, done.stderr) == (0, "")
    assert "Vietcombank 970436" in done.stdout
    assert "85.000 đ" in done.stdout
    assert done.stdout.endswith("Compare the name that the app shows before paying.\n")


@pytest.mark.parametrize("way", ["text", "stdin", "text file", "photo", "photo on stdin"])
def test_a_code_is_read_for_scripts_wherever_it_stands(way: str, tmp_path: Path) -> None:
    (tmp_path / "code.txt").write_text("\ufeff" + OURS + "\r\n", "utf-8")
    (tmp_path / "photo").write_bytes(qr.qr_png(OURS))
    source, stdin = {
        "text": (OURS, b""),
        "stdin": ("-", OURS.encode() + b"\n"),
        "text file": (str(tmp_path / "code.txt"), b""),
        "photo": (str(tmp_path / "photo"), b""),
        "photo on stdin": ("-", qr.qr_png(OURS)),
    }[way]

    done = market("qr", "read", source, "--json", stdin=stdin)

    answer = json.loads(done.stdout)
    assert done.returncode == 0
    assert (answer["text"], answer["scheme"], answer["amount_vnd"]) == (OURS, "vietqr", 85_000)
    assert (answer["bank_name"], answer["memo"]) == ("Vietcombank", "CHOK7M2QX")


@pytest.mark.parametrize(
    ("source", "stdin", "exit_code", "sentence"),
    [
        (OURS[:-1] + "Z", b"", 1, "The last object is not a checksum. The end was cut off"),
        (OURS.replace("85000", "86000"), b"", 1, "changed or misread; scan it again, and do not"),
        ("https://cho.vn", b"", 1, "Codes for payments in Vietnam begin with 000201"),
        ("-", b"", 1, "There is no text. Give the text of a code"),
        ("-", b"\x00\xff\xfe", 2, "- is neither UTF-8 text nor a picture (PNG, JPEG, WebP)."),
        ("-", b"\x89PNG broken", 1, "This is no PNG, JPEG or WebP picture. Save it as"),
        ("nowhere.png", b"", 2, "There is no file nowhere.png."),
        ("no\x07bell", b"", 1, "There are control characters inside."),
    ],
)
def test_what_cannot_be_read_is_said_in_one_sentence_with_what_to_do(
    here: Here, source: str, stdin: bytes, exit_code: int, sentence: str
) -> None:
    done = here("qr", "read", source, stdin=stdin)

    assert (done.returncode, done.stdout) == (exit_code, "")
    assert sentence in done.stderr
    assert done.stderr.count("\n") == 1


def test_scripts_are_told_the_step_that_failed(here: Here) -> None:
    done = here("qr", "read", OURS.replace("85000", "86000"), "--json")

    error = json.loads(done.stdout)["error"]
    assert (done.returncode, error["code"], error["step"]) == (1, "qr_checksum_wrong", 4)


def test_a_foreign_code_is_shown_and_ends_with_1(here: Here) -> None:
    promptpay = (
        "00020101021229370016A0000006770101110113006681234567853037645406150.505802TH6304CAAD"
    )

    done = here("qr", "read", promptpay)

    assert done.returncode == 1
    assert "promptpay" in done.stdout
    assert done.stdout.endswith("Do not pay by this code.\n")


def test_two_payment_codes_in_one_picture_are_not_chosen_between(
    here: Here, tmp_path: Path
) -> None:
    both = tmp_path / "both.png"
    _side_by_side(both, OURS, qr.write_vietqr("970422", "0000000001"))

    done = here("qr", "read", str(both))

    assert done.returncode == 2
    assert "There are 2 payment codes" in done.stderr


def test_a_written_code_is_piped_into_the_reader() -> None:
    written = market(
        "qr", "write", "--bank", "vcb", "--account", "999.000.1112 223", "--amount", "85k",
        "--memo", "CHOK7M2QX", "--name", "Cô Lan",
    )  # fmt: skip

    read = market("qr", "read", "-", "--json", stdin=written.stdout.encode())

    answer = json.loads(read.stdout)
    assert (written.returncode, read.returncode) == (0, 0)
    assert (answer["account_no"], answer["merchant_name"]) == ("9990001112223", "Co Lan")
    assert written.stdout.count("\n") == 1


def test_a_code_is_drawn_into_files(tmp_path: Path) -> None:
    svg, png = tmp_path / "code.svg", tmp_path / "code.png"

    done = market(
        "qr", "write", "--bank", "970436", "--account", "123456", "--svg", str(svg),
        "--png", str(png),
    )  # fmt: skip

    text = done.stdout.strip()
    assert qr_picture.codes_in_picture(png.read_bytes()) == (text,)
    assert ElementTree.fromstring(svg.read_text("utf-8")).tag.endswith("svg")  # noqa: S314 - ours


def test_in_a_terminal_the_code_is_drawn_too() -> None:
    ours, theirs = pty.openpty()
    command = [*MARKET, "qr", "write", "--bank", "TCB", "--account", "123456"]
    process = subprocess.Popen(command, cwd=ROOT, stdout=theirs, stdin=subprocess.DEVNULL)
    os.close(theirs)
    shown = b""
    try:
        while part := os.read(ours, 65_536):
            shown += part
    except OSError:  # so a terminal ends on Linux
        pass
    os.close(ours)

    assert process.wait(timeout=60) == 0
    text = shown.decode()
    assert text.startswith("000201")
    assert len(re.findall("\x1b\\[38;5;16;48;5;231m", text)) > 15
    assert "Techcombank (970407)" in text


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        (["--bank", "BVB"], "BaoViet Bank (970438), BVBank (970454): give the BIN."),
        (["--bank", "nobank"], "No bank has the BIN “nobank”. Look it up with `market bank NAME`."),
        (["--bank", "970459"], "Transfers to CIMBBank go by the BIN 422589."),
        (["--account", "số 1"], "An account number has 1 to 19 letters and digits."),
        (["--amount", "600tr"], "is no amount"),
        (["--memo", "x" * 26], "62-08 has at most 25 characters. Shorten it"),
        (["--mcc", "12"], "A merchant category has four digits."),
    ],
)
def test_a_code_nobody_could_pay_is_refused_with_what_to_do(
    here: Here, changed: list[str], sentence: str
) -> None:
    done = here("qr", "write", "--bank", "VCB", "--account", "123456", *changed)

    assert (done.returncode, done.stdout) == (2, "")
    assert sentence in done.stderr


def test_a_file_that_cannot_be_written_is_named(here: Here, tmp_path: Path) -> None:
    done = here(
        "qr", "write", "--bank", "VCB", "--account", "123456", "--svg", str(tmp_path / "no" / "x")
    )

    assert done.returncode == 1
    assert "No such file or directory" in done.stderr


def test_a_bank_is_found_by_an_old_name_and_on_an_old_day(here: Here) -> None:
    today = here("bank", "Đông Á")
    then = here("bank", "donga", "--as-of", "2024-06-01", "--json")

    assert today.stdout.startswith("970406  VIKKI")
    assert json.loads(then.stdout)[0]["short_name"] == "DongA Bank"


@pytest.mark.parametrize(
    ("arguments", "exit_code", "sentence"),
    [
        (["zzz"], 1, "No bank fits “zzz”."),
        (["vcb", "--as-of", "2020-01-01"], 1, "The table of banks begins on 2023-12-31."),
        (["vcb", "--as-of", "yesterday"], 2, "is not a day like 2026-11-23"),
    ],
)
def test_no_bank_is_said_plainly(
    here: Here, arguments: list[str], exit_code: int, sentence: str
) -> None:
    done = here("bank", *arguments)

    assert done.returncode == exit_code
    assert sentence in done.stderr


def test_an_amount_is_spoken_in_each_region() -> None:
    done = market("say", "24105")

    assert done.stdout.splitlines() == [
        "24.105 đ",
        "miền Bắc:   hai mươi tư nghìn một trăm linh năm đồng",
        "miền Trung: hai mươi tư nghìn một trăm lẻ năm đồng",
        "miền Nam:   hai mươi bốn ngàn một trăm lẻ năm đồng",
        "loa:        Tiền vào. Đã nhận hai mươi tư nghìn một trăm linh năm đồng.",
    ]


def test_two_hundred_dong_are_spoken_with_a_warning(here: Here) -> None:
    answer = json.loads(here("say", "200", "--region", "south", "--json").stdout)

    assert answer["words"] == {"south": "hai trăm đồng"}
    assert answer["sentence"] == "Số tiền rất nhỏ. Đã nhận hai trăm đồng."
    assert answer["warning"] is True


def test_a_code_is_spelled(here: Here) -> None:
    code = memo.new_code(b"12345678")

    assert here("say", code.lower()).stdout.startswith(f"{code}: chợ, ")


@pytest.mark.parametrize(
    ("amount", "sentence"),
    [
        ("1.5", "It may mean two amounts"),
        ("-5", "Amounts are not negative."),
        ("-50.000 đ", "Amounts are not negative."),
        ("CHOK7M2QX", "its last character does not check"),
        ("1000000000000", "At most 999.999.999.999 đ"),
        ("năm chục", "Write 85000, 85.000, 85k or 1tr2."),
    ],
)
def test_what_is_no_amount_is_refused_with_what_to_write(
    here: Here, amount: str, sentence: str
) -> None:
    done = here("say", "--", amount)

    assert (done.returncode, done.stdout) == (2, "")
    assert sentence in done.stderr


@pytest.mark.parametrize("amount", ["0", "0 đ", "000"])
def test_nothing_can_be_said(here: Here, amount: str) -> None:
    assert json.loads(here("say", amount, "--json").stdout)["words"]["north"] == "không đồng"


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"GIF89a....", "a GIF"),
        (b"BM\x00\x00\x00\x00", "a BMP"),
        (b"\x00\x00\x00\x18ftypheic\x00\x00", "a HEIC or AVIF photo"),
        (b"\n<svg xmlns='http://www.w3.org/2000/svg'/>", "a drawing (SVG)"),
        (b"%PDF-1.7", "a PDF"),
        (b"\xff\xfe\x00\x01", "neither UTF-8 text nor a picture"),
    ],
)
def test_a_file_of_another_kind_is_named_with_what_to_do(
    here: Here, tmp_path: Path, content: bytes, kind: str
) -> None:
    file = tmp_path / "code"
    file.write_bytes(content)

    done = here("qr", "read", str(file), "--json")

    assert done.returncode == 2
    assert kind in done.stderr
    assert json.loads(done.stdout)["error"]["code"] == "unreadable"


def test_a_folder_is_no_code(here: Here, tmp_path: Path) -> None:
    done = here("qr", "read", str(tmp_path))

    assert (done.returncode, done.stdout) == (2, "")
    assert "is a folder" in done.stderr


@pytest.mark.parametrize(
    ("amount", "sentence"),
    [
        ("500000000", "at most 499.999.999"),
        ("0", "begin at 1"),
        ("1.5", "two amounts"),
        ("x", "85k"),
    ],
)
def test_an_amount_that_no_code_can_carry_is_refused_with_why(
    here: Here, amount: str, sentence: str
) -> None:
    done = here("qr", "write", "--bank", "VCB", "--account", "123456", "--amount", amount)

    assert (done.returncode, done.stdout) == (2, "")
    assert sentence in done.stderr


def _side_by_side(file: Path, *texts: str) -> None:
    codes = [Image.open(io.BytesIO(qr.qr_png(text, 6))).convert("L") for text in texts]
    sheet = Image.new("L", (sum(one.width for one in codes) + 100, 600), 255)
    for at, code in enumerate(codes):
        sheet.paste(code, (at * (codes[0].width + 50), 20))
    sheet.save(file)
