"""The language of an answer: Vietnamese, or English with --lang en."""

import argparse
from collections.abc import Callable

LANGUAGES = ("vi", "en")
Translate = Callable[[str], str]


def add_language(parser: argparse.ArgumentParser) -> None:
    """`--lang vi|en` of a command."""
    parser.add_argument("--lang", choices=LANGUAGES, default="vi", help="of the answer (vi)")


def translator(language: str) -> Translate:
    """`_` for a command; the catalogue is read only where it is needed."""
    if language == "vi":
        return lambda text: text
    from market.web import i18n

    return i18n.translator(language)
