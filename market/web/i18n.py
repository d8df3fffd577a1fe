"""Vietnamese is the source, English its translation: catalogues, and how figures are written.

Strings stand in templates, Python and JavaScript as Vietnamese msgids; `locales/en.po` translates
them. `python -m market.web.i18n extract` brings the catalogue up to date, `check` says what lacks.
"""

import json
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import ROUND_HALF_UP, Decimal
from functools import cache
from pathlib import Path
from typing import Any

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po
from jinja2 import Environment, pass_context
from jinja2.runtime import Context
from markupsafe import Markup

from market.web import assets

PACKAGE = Path(__file__).resolve().parent.parent
LOCALES = Path(__file__).parent / "locales"
SOURCE, TRANSLATED = "vi", ("en",)
COOKIE = "cho_locale"

VIETNAM = timezone(timedelta(hours=7))
NO_BREAK = "\u00a0"

KEYWORDS: dict[str, Any] = {
    "_": None,
    "gettext": None,
    "ngettext": (1, 2),
    "N_": None,
    "t": None,
    "tells": (3,),  # market.web.errors: class, status, sentence
}
SOURCES = (
    ("web/templates/**.html", "jinja2"),
    ("web/static/vendor/**", "ignore"),
    ("web/static/js/**.js", "javascript"),
    ("simulators/**", "ignore"),
    ("demo/roles.py", "python"),
    ("demo/**", "ignore"),
    ("migrations/**", "ignore"),
    ("**.py", "python"),
)

Translate = Callable[[str], str]


def N_(text: str) -> str:  # noqa: N802 - the customary name of the marker
    """Mark a sentence for the catalogue where it is written; translate it where it is shown."""
    return text


# ── Catalogues ──────────────────────────────────────────────────────────────────────────────────


@cache
def catalogue(locale: str) -> Catalog:
    """What is known of a language; empty for the source language."""
    path = LOCALES / f"{locale}.po"
    if locale not in TRANSLATED or not path.exists():
        return Catalog(locale=SOURCE)
    with path.open("rb") as file:
        return read_po(file, locale=locale)


def gettext(locale: str, text: str) -> str:
    """The sentence in `locale`; the Vietnamese where no translation is known."""
    return next(iter(_said(catalogue(locale).get(text))), "") or text


def _said(message: Message | None) -> list[str]:
    """The translations of a message: one, or one per plural form."""
    if message is None or message.string is None:
        return []
    return [message.string] if isinstance(message.string, str) else list(message.string)


def ngettext(locale: str, one: str, many: str, count: int) -> str:
    """The singular or plural in `locale`; Vietnamese has one form, the second is used."""
    said = _said(catalogue(locale).get(one))
    if len(said) < 2 or not all(said):
        return many
    return said[0 if count == 1 else 1]


def translator(locale: str) -> Translate:
    """`_` for Python code that knows whom it speaks to."""
    return lambda text: gettext(locale, text)


def known(locale: str | None) -> str:
    """`locale` if there is such a language here, else Vietnamese."""
    return locale if locale in TRANSLATED else SOURCE


def locale_of(request: Any) -> str:
    """The cookie of this browser, else the signed-in person's language, else Vietnamese."""
    if request is None:
        return SOURCE
    chosen = request.cookies.get(COOKIE)
    if chosen is None:
        chosen = getattr(request.scope.get("user"), "locale", None)
    return known(chosen)


@cache
def strings(locale: str, folder: str = "") -> str:
    """JSON of the sentences the browser's own scripts need; empty in the source language."""
    found = {
        message.id: message.string
        for message in catalogue(locale)
        if isinstance(message.id, str)
        and message.string
        and any(f"static/js/{folder}" in path for path, _ in message.locations)
    }
    return json.dumps(found, ensure_ascii=False, sort_keys=True).replace("<", "\\u003c")


# ── Figures ─────────────────────────────────────────────────────────────────────────────────────


def grouped(number: int) -> str:
    """`1250000` → `1.250.000`."""
    return f"{number:,}".replace(",", ".")


def vnd(amount_vnd: int) -> str:
    """`50000` → `50.000 ₫`, with a no-break space."""
    return f"{grouped(amount_vnd)}{NO_BREAK}₫"


def amount_size(amount_vnd: int) -> str:
    """The class that keeps an amount on one line of a phone: longer amounts are smaller."""
    if amount_vnd >= 100_000_000:
        return "longer"
    return "long" if amount_vnd >= 1_000_000 else ""


def _local(instant: datetime) -> datetime:
    return (instant if instant.tzinfo else instant.replace(tzinfo=UTC)).astimezone(VIETNAM)


def day(when: date | datetime | str | None) -> str:
    """`23/11/2026`, in Vietnam; empty for None. ISO texts are understood."""
    if isinstance(when, str):
        when = datetime.fromisoformat(when)
    if when is None:
        return ""
    return f"{_local(when) if isinstance(when, datetime) else when:%d/%m/%Y}"


def clock(when: datetime | str | None) -> str:
    """`14:05`, in Vietnam; empty for None."""
    if isinstance(when, str):
        when = datetime.fromisoformat(when)
    return "" if when is None else f"{_local(when):%H:%M}"


def percent(share: Decimal | float | None, places: int = 1) -> str:
    """A share of one: `0.625` → `62,5 %`, half up; `-` where there is none."""
    if share is None:
        return "-"
    step = Decimal(1).scaleb(-places)
    rounded = (Decimal(str(share)) * 100).quantize(step, ROUND_HALF_UP)
    return f"{rounded}{NO_BREAK}%".replace(".", ",")


def quantity(amount: Decimal | str | int) -> str:
    """`0.350` → `0,35`."""
    text = format(Decimal(amount).normalize(), "f")
    return text.replace(".", ",")


# ── Templates ───────────────────────────────────────────────────────────────────────────────────


def install(environment: Environment) -> None:
    """Give templates `_`, `{% trans %}`, `locale()`, `strings()`, `static()` and the filters."""

    @pass_context
    def locale(context: Context) -> str:
        given = context.get("locale_given")
        return known(given) if given else locale_of(context.get("request"))

    @pass_context
    def _gettext(context: Context, text: str) -> str:
        return gettext(locale(context), text)

    @pass_context
    def _ngettext(context: Context, one: str, many: str, count: int) -> str:
        return ngettext(locale(context), one, many, count)

    @pass_context
    def _strings(context: Context, folder: str = "") -> Markup:
        return Markup(strings(locale(context), folder))  # noqa: S704 - JSON, "<" escaped

    environment.add_extension("jinja2.ext.i18n")
    environment.policies["ext.i18n.trimmed"] = True
    environment.install_gettext_callables(  # type: ignore[attr-defined]  # added by the extension
        _gettext, _ngettext, newstyle=True
    )
    environment.globals.update(locale=locale, strings=_strings, static=assets.url)
    environment.filters.update(
        vnd=vnd, grouped=grouped, day=day, clock=clock, percent=percent, quantity=quantity
    )
    environment.filters["amount_size"] = amount_size


# ── Keeping the catalogue whole ─────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Lack:
    """One sentence a language does not say, or says with other places to fill."""

    locale: str
    text: str
    reason: str


def extract() -> Catalog:
    """Every sentence in templates, Python and JavaScript."""
    found = Catalog(locale=SOURCE, charset="utf-8")
    method_map = [(pattern, method) for pattern, method in SOURCES]
    options = {"web/templates/**.html": {"trimmed": "true", "newstyle_gettext": "true"}}
    for path, line, text, comments, context in extract_from_dir(
        PACKAGE, method_map=method_map, options_map=options, keywords=KEYWORDS
    ):
        found.add(text, None, [(path, line)], auto_comments=comments, context=context)
    return found


def update(locale: str) -> None:
    """Write the catalogue anew: translations kept, new sentences empty, old ones gone."""
    before, now = catalogue(locale), extract()
    after = Catalog(locale=locale, project="cho-market", charset="utf-8", fuzzy=False)
    after.header_comment = "# English for the screens; the Vietnamese msgids are the source."
    after.creation_date = after.revision_date = datetime(2026, 11, 1, tzinfo=UTC)
    for message in now:
        if message.id:
            old = before.get(_key(message))
            after.add(message.id, old.string if old else None, _places(message))
    LOCALES.mkdir(exist_ok=True)
    with (LOCALES / f"{locale}.po").open("wb") as file:
        write_po(file, after, width=100, sort_output=True, include_lineno=False)
    catalogue.cache_clear()
    strings.cache_clear()


def _key(message: Message) -> str:
    return message.id if isinstance(message.id, str) else message.id[0]


def _places(message: Message) -> list[tuple[str, int]]:
    return [(path, 0) for path in sorted({path for path, _ in message.locations})]


def lacking() -> Iterator[Lack]:
    """What keeps each translation from being whole."""
    for message in extract():
        if not message.id:
            continue
        text = _key(message)
        for locale in TRANSLATED:
            said = _said(catalogue(locale).get(text))
            if not said or not all(said):
                yield Lack(locale, text, "not translated")
            elif any(_fields(one) - _fields(text) for one in said):
                yield Lack(locale, text, "names a place to fill that the source does not have")


def _fields(text: str) -> set[str]:
    return set(re.findall(r"%\((\w+)\)s", text)) | set(re.findall(r"\{(\w+)\}", text))


def main(arguments: list[str]) -> int:
    """`extract` or `check`; 0 when every language is whole."""
    if arguments not in (["extract"], ["check"]):
        sys.stderr.write("python -m market.web.i18n extract|check\n")
        return 2
    if arguments == ["extract"]:
        for locale in TRANSLATED:
            update(locale)
    lacks = list(lacking())
    for lack in lacks:
        sys.stderr.write(f"{lack.locale}: {lack.reason}: {lack.text}\n")
    sys.stderr.write(f"{len(lacks)} sentences lack a translation.\n" if lacks else "")
    return 1 if lacks and arguments == ["check"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
