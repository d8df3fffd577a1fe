"""Amounts and codes as they are spoken: `market say AMOUNT`."""

import argparse
import re
from typing import get_args

from market.commands.answers import DONE, MISUSED, dots, refuse, say, say_json
from market.settings import Settings

REGIONS = {"north": "miền Bắc", "central": "miền Trung", "south": "miền Nam"}

ZERO = re.compile(r"0+ ?(đ|₫|đồng|vnd)?", re.IGNORECASE)
LIKE_A_CODE = re.compile(r"CHO[A-Z0-9]{6}", re.IGNORECASE)
HINTS = {
    "amount_ambiguous": "It may mean two amounts; write 1.500 or 1,5tr.",
    "amount_not_positive": "Amounts are not negative.",
    "amount_too_large": "At most 999.999.999.999 đ can be spoken.",
}


def add_parser(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]", data: argparse.ArgumentParser
) -> None:
    """`market say`."""
    about = "how an amount, or a memo code, is spoken in Vietnamese"
    parser = commands.add_parser("say", help=about, description=about)
    parser.add_argument("amount", metavar="AMOUNT", help="85000, 85.000, 85k, 1tr2, …; or a code")
    parser.add_argument("--region", choices=tuple(REGIONS), help="one region's words only")
    parser.add_argument("--json", action="store_true", help="answer as JSON")
    parser.set_defaults(command=run)


def run(options: argparse.Namespace, settings: Settings) -> int:
    """The words of each region, and the sentence a till says; 2 if it is no amount."""
    from payments import is_code, speech
    from payments.amounts import AmountError

    if is_code(options.amount.upper()):
        return _code(options.amount.upper(), as_json=options.json)
    try:
        amount_vnd = _amount(options.amount)
    except AmountError as wrong:
        message = f"“{wrong.text[:40]}” is no amount of đồng."
        hint = HINTS.get(wrong.code, "Write 85000, 85.000, 85k or 1tr2.")
        if LIKE_A_CODE.fullmatch(wrong.text):
            message = f"“{wrong.text}” is no code: its last character does not check."
            hint = "One character was misread or mistyped."
        return refuse(message, hint, code=wrong.code, as_json=options.json, exit_code=MISUSED)
    regions = [one for one in get_args(speech.Region) if options.region in (None, one)]
    words = {region: speech.spoken_vnd(amount_vnd, region) for region in regions}
    till = speech.announcement("stand", amount_vnd, region=regions[0])
    if options.json:
        answer = {"amount_vnd": amount_vnd, "words": words, "sentence": till.text}
        say_json({**answer, "warning": till.warning, "clips": list(till.clips)})
        return DONE
    say(dots(amount_vnd))
    for region, text in words.items():
        say(f"{REGIONS[region] + ':':<12}{text}")
    say(f"{'loa:':<12}{till.text}")
    return DONE


def _amount(text: str) -> int:
    """Nothing is an amount that can be said, though none that can be asked for."""
    from payments import speech

    return 0 if ZERO.fullmatch(text.strip()) else speech.parse_vnd(text, speech.AMOUNT_VND_MAX)


def _code(code: str, *, as_json: bool) -> int:
    from payments import speech

    words = speech.spoken_code(code)
    if as_json:
        say_json({"code": code, "words": words})
    else:
        say(f"{code}: {words}")
    return DONE
