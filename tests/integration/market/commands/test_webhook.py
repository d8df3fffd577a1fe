"""`market webhook`: who is told, how that goes, tell again."""

import json

import pytest

from market import cli


@pytest.fixture
def run(database_url, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("MARKET_DATABASE_URL", database_url)

    def command(*arguments):
        code = cli.main(["webhook", *arguments, "--data", str(tmp_path)])
        said = capsys.readouterr()
        return code, said.out, said.err

    return command


def test_an_address_is_added_listed_rotated_parked_and_resumed(run):
    code, out, _ = run("add", "Sổ bán hàng", "--url", "https://shop.example/hook", "--json")
    made = json.loads(out)

    rotated = json.loads(run("rotate", made["id"], "--json")[1])
    run("park", made["id"])
    (parked,) = json.loads(run("list", "--json")[1])
    run("park", made["id"], "--resume")
    line = run("list")[1]

    assert code == 0
    assert made["secret"].startswith("whsec_")
    assert rotated["secret"] not in {"", made["secret"]}
    assert (parked["state"], parked["parked_why"]) == ("parked", "by hand")
    assert "https://shop.example/hook  active" in line


@pytest.mark.parametrize(
    "arguments",
    [
        ("add", "x", "--url", "http://shop.example/"),
        ("add", "x", "--url", "https://shop.example/", "--kind", "everything"),
        ("rotate", "7"),
        ("park", "01a207d2-a133-731b-9936-cce78775b57e"),
        ("replay", "01a207d2-a133-731b-9936-cce78775b57e", "--since", "2026-11-23"),
    ],
)
def test_what_cannot_be_is_said_in_one_sentence(run, arguments):
    code, out, err = run(*arguments)

    assert (code, out) == (cli.MISUSED, "")
    assert err.startswith("market: ")
    assert err.count("\n") == 1


def test_a_replay_of_nothing_says_so(run):
    made = json.loads(run("add", "x", "--url", "https://shop.example/", "--json")[1])

    code, out, _ = run("replay", made["id"], "--since", "2026-11-23T07:00+07:00")

    assert (code, out) == (1, "0 messages are told again.\n")
