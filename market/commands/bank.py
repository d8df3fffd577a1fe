"""Banks by BIN, code or name: `market bank FIND`."""

import argparse
from datetime import date
from typing import TYPE_CHECKING, Any

from market.commands.answers import DONE, FAILED, refuse, say, say_json
from market.settings import Settings

if TYPE_CHECKING:
    from payments.banks import Bank

SHOWN_MAX = 20
_TRANSFERS = {"both": "sends and receives", "receive": "receives only", "unknown": "not known"}


def add_parser(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]", data: argparse.ArgumentParser
) -> None:
    """`market bank`."""
    about = "find a bank by its BIN, code or name"
    parser = commands.add_parser("bank", help=about, description=about)
    parser.add_argument("find", metavar="FIND", help="970436, VCB, “công thương”, OceanBank, …")
    parser.add_argument(
        "--as-of", type=_day, metavar="DATE", help="as the table was on that day, YYYY-MM-DD"
    )
    parser.add_argument("--json", action="store_true", help="answer as JSON")
    parser.set_defaults(command=run)


def run(options: argparse.Namespace, settings: Settings) -> int:
    """The banks that fit, best first; 1 if there is none."""
    from payments import banks

    found = banks.find(options.find, SHOWN_MAX, options.as_of)
    if not found:
        return refuse(*_why_none(options), as_json=options.json, exit_code=FAILED)
    if options.json:
        say_json([plain(one) for one in found])
        return DONE
    for one in found:
        codes = "/".join((one.code, *one.other_codes))
        say(f"{one.bin}  {codes:<22} {one.short_name} – {one.name}")
        say(f"        {_TRANSFERS[one.transfers]}; SWIFT {one.swift or 'none'}; {_since(one)}")
        if one.use_instead:
            say(f"        Transfers use {one.use_instead} instead.")
        if one.note:
            say(f"        {one.note}")
    return DONE


def plain(one: "Bank") -> dict[str, Any]:
    """A bank as JSON has it."""
    return {
        "bin": one.bin,
        "code": one.code,
        "other_codes": list(one.other_codes),
        "short_name": one.short_name,
        "former_names": list(one.former_names),
        "name": one.name,
        "swift": one.swift,
        "transfers": one.transfers.value,
        "granted_by_sbv": one.granted_by_sbv,
        "use_instead": one.use_instead,
        "valid_from": one.valid_from.isoformat(),
        "valid_to": one.valid_to.isoformat() if one.valid_to else None,
        "source": one.source,
        "note": one.note,
    }


def _why_none(options: argparse.Namespace) -> tuple[str, str]:
    from payments import banks

    if options.as_of and not banks.banks(options.as_of):
        first = min(one.valid_from for one in banks.banks())
        return f"The table of banks begins on {first}.", "Ask for a later day."
    when = f" on {options.as_of}" if options.as_of else ""
    return f"No bank fits “{options.find}”{when}.", "Try the BIN, or part of the name."


def _since(one: "Bank") -> str:
    until = f" until {one.valid_to}" if one.valid_to else ""
    return f"in the table since {one.valid_from}{until}"


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"“{text}” is not a day like 2026-11-23") from None
