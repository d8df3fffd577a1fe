"""`market notice verify`: in words what is right and wrong, the secret never on the command line."""

import json
from datetime import timedelta

import pytest

from market import cli
from tests.contract.subjects import NOW, SECRET, SUBJECTS, Subject

AT = NOW.isoformat()


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Verifies a notice from a file; the exit code, the answer and what stood on stderr."""
    monkeypatch.setenv("MARKET_NOTICE_SECRET", SECRET)

    def verify(subject: Subject, notice, *more: str, at: str = AT):
        file = tmp_path / "notice"
        file.write_bytes(notice.body or notice.query.encode())
        headers = [
            part for pair in notice.headers.items() for part in ("--header", ": ".join(pair))
        ]
        kind = subject.name.partition("_")[0]
        code = cli.main(
            ["notice", "verify", "--gateway", kind, str(file), "--at", at, *headers, *more]
        )
        said = capsys.readouterr()
        return code, said.out, said.err

    return verify


@pytest.mark.parametrize("subject", SUBJECTS, ids=lambda one: one.name)
def test_a_genuine_notice_of_each_gateway_is_read_aloud(run, subject) -> None:
    code, said, _ = run(subject, subject.notice())

    assert code == 0
    assert said.startswith("Genuine: ")
    assert "85.000 đ came in" in said
    assert SECRET not in said


@pytest.mark.parametrize("subject", SUBJECTS, ids=lambda one: one.name)
def test_a_forged_one_is_refused_with_the_answer_the_hook_would_give(run, subject) -> None:
    code, said, _ = run(subject, subject.notice(secret="another"), "--json")

    answer = json.loads(said)
    assert code == 1
    assert (answer["genuine"], answer["code"]) == (False, "notice_forged")
    assert answer["answered"]["status"] in {200, 400, 401}  # VNPAY hears 200 with RspCode 97
    assert SECRET not in said


def test_what_a_notice_tells_is_told_as_json(run) -> None:
    code, said, _ = run(SUBJECTS[0], SUBJECTS[0].notice(), "--json")

    (told,) = json.loads(said)["tells"]
    assert code == 0
    assert (told["amount_vnd"], told["account_no"]) == (85_000, "9990001112223")
    assert told["occurred_at"] == "2026-11-23T03:17:22+00:00"


def test_a_stale_one_is_said_to_be_rightly_signed(run) -> None:
    late = (NOW + timedelta(minutes=10)).isoformat()

    code, said, _ = run(SUBJECTS[0], SUBJECTS[0].notice(), at=late)

    assert code == 1
    assert "notice_stale" in said
    assert "The signature is right" in said


def test_a_line_break_that_an_editor_added_is_found(run) -> None:
    genuine = SUBJECTS[0].notice()
    stretched = type(genuine)(genuine.body + b"\n", genuine.headers)

    code, said, _ = run(SUBJECTS[0], stretched)

    assert code == 1
    assert "without the white space at the end" in said


@pytest.mark.parametrize("subject", SUBJECTS, ids=lambda one: one.name)
def test_of_a_file_that_is_too_long_nobody_says_that_its_signature_is_right(run, subject) -> None:
    forged = subject.notice(secret="another", memo="x" * 300_000)

    code, said, _ = run(subject, forged)

    assert code == 1
    assert "not even its signature" in said
    assert "The signature is right" not in said


def test_missing_headers_are_named(run) -> None:
    genuine = SUBJECTS[0].notice()

    code, said, _ = run(SUBJECTS[0], type(genuine)(genuine.body))

    assert code == 1
    assert "X-SePay-Signature" in said


def test_the_former_secret_and_a_secret_in_a_file_are_taken(run, tmp_path) -> None:
    (tmp_path / "old").write_text(SECRET + "\n")
    (tmp_path / "new").write_text("another-secret\n")

    code, _, _ = run(
        SUBJECTS[0], SUBJECTS[0].notice(), "--secret", f"file:{tmp_path}/new",
        "--secret-old", f"file:{tmp_path}/old",
    )  # fmt: skip

    assert code == 0


@pytest.mark.parametrize(
    "more",
    [("--secret", SECRET), ("--secret", "env:NOT_SET_ANYWHERE"), ("--secret", "file:/nowhere"),
     ("--header", "no colon")],
)  # fmt: skip
def test_a_misused_command_ends_with_2_and_never_repeats_a_secret(run, more) -> None:
    code, said, wrong = run(SUBJECTS[0], SUBJECTS[0].notice(), *more)

    assert code == cli.MISUSED
    assert SECRET not in said + wrong
    assert wrong.startswith("market: ")


def test_a_file_that_is_not_there_is_named(capsys, monkeypatch) -> None:
    monkeypatch.setenv("MARKET_NOTICE_SECRET", SECRET)

    code = cli.main(["notice", "verify", "--gateway", "sepay", "/nowhere/at/all"])

    assert code == cli.MISUSED
    assert "/nowhere/at/all cannot be read" in capsys.readouterr().err
