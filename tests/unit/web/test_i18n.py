"""Vietnamese is the source; English says everything it says. Figures are written one way."""

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace

import pytest
from jinja2 import Environment

from market.web import i18n

TEMPLATES = Path(i18n.__file__).parent / "templates"


def rendered(source: str, **context: object) -> str:
    environment = Environment(autoescape=True)
    i18n.install(environment)
    return environment.from_string(source).render(**context)


def test_every_sentence_is_said_in_english():
    assert list(i18n.lacking()) == []


def test_a_sentence_without_translation_is_named(monkeypatch: pytest.MonkeyPatch):
    found = i18n.extract()
    found.add("Câu này chưa ai dịch.")
    monkeypatch.setattr(i18n, "extract", lambda: found)

    lacks = list(i18n.lacking())

    assert [lack.text for lack in lacks] == ["Câu này chưa ai dịch."]


def test_the_catalogue_holds_no_place_of_this_machine():
    text = (i18n.LOCALES / "en.po").read_text("utf-8")

    assert "/work" not in text
    assert "/home/" not in text


def test_a_template_speaks_the_language_of_the_cookie():
    request = SimpleNamespace(cookies={i18n.COOKIE: "en"}, scope={})

    assert rendered("{{ _('Tiền mặt') }}", request=request) == "Cash"
    assert rendered("{{ _('Tiền mặt') }}") == "Tiền mặt"


def test_a_signed_in_person_is_spoken_to_in_their_language():
    request = SimpleNamespace(cookies={}, scope={"user": SimpleNamespace(locale="en")})

    assert i18n.locale_of(request) == "en"


def test_the_browsers_choice_wins_over_the_persons():
    user = SimpleNamespace(locale="en")
    request = SimpleNamespace(cookies={i18n.COOKIE: "vi"}, scope={"user": user})

    assert i18n.locale_of(request) == "vi"


def test_an_unknown_language_is_vietnamese():
    request = SimpleNamespace(cookies={i18n.COOKIE: "xx"}, scope={"user": None})

    assert i18n.locale_of(request) == "vi"


def test_scripts_get_their_sentences_as_data_and_never_as_markup():
    known = i18n.strings("en", "till")

    assert json.loads(known)["ĐỦ TIỀN"]
    assert "<" not in known
    assert json.loads(i18n.strings("vi", "till")) == {}


@pytest.mark.parametrize(
    ("source", "written"),
    [
        ("{{ 50000 | vnd }}", "50.000\u00a0₫"),
        ("{{ 0 | vnd }}", "0\u00a0₫"),
        ("{{ 1250000 | grouped }}", "1.250.000"),
        ("{{ share | percent }}", "62,5\u00a0%"),
        ("{{ none | percent }}", "-"),
        ("{{ evening | day }} {{ evening | clock }}", "24/11/2026 00:05"),
        ("{{ today | day }}", "23/11/2026"),
        ("{{ '2026-11-23T07:05:00+00:00' | clock }}", "14:05"),
        ("{{ none | day }}{{ none | clock }}", ""),
        ("{{ weight | quantity }}", "0,35"),
    ],
)
def test_figures_are_written_as_people_here_write_them(source: str, written: str):
    context = {
        "share": Decimal("0.625"),
        "none": None,
        "evening": datetime(2026, 11, 23, 17, 5, tzinfo=UTC),
        "today": date(2026, 11, 23),
        "weight": Decimal("0.350"),
    }

    assert rendered(source, **context) == written


def test_half_a_tenth_of_a_percent_rounds_up():
    assert i18n.percent(Decimal("0.12345")) == "12,3\u00a0%"
    assert i18n.percent(Decimal("0.12350")) == "12,4\u00a0%"


def test_long_amounts_are_written_smaller():
    sizes = [i18n.amount_size(n) for n in (999_999, 1_000_000, 99_999_999, 100_000_000)]

    assert sizes == ["", "long", "long", "longer"]


@pytest.mark.parametrize("path", sorted(TEMPLATES.rglob("*.html")), ids=lambda path: path.name)
def test_a_template_carries_no_style_and_no_script_of_its_own(path: Path):
    text = path.read_text("utf-8")

    assert " style=" not in text
    assert " onclick=" not in text
    assert "<style" not in text
    assert "<script>" not in text
