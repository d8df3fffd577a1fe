"""Commands for who issues invoices for others: `market delegation register|agree|file|list|end`."""

import argparse
from collections.abc import Awaitable, Callable
from datetime import date
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

from market.settings import Settings, SettingsError

if TYPE_CHECKING:  # `--help` imports nothing heavy
    from sqlmodel.ext.asyncio.session import AsyncSession

    from einvoice import Delegation

Answer = TypeVar("Answer")


def add_parser(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]",
    data: argparse.ArgumentParser,
) -> None:
    """`market delegation …`."""
    about = (
        "a hall's operator issues e-invoices for its stalls: contracts and the authority's answer"
    )
    group = commands.add_parser("delegation", help=about, description=about)
    actions = group.add_subparsers(title="actions", metavar="ACTION", required=True)

    def action(name: str, run: Callable[..., int], about: str) -> argparse.ArgumentParser:
        one = actions.add_parser(name, help=about, description=about, parents=[data])
        one.set_defaults(command=run)
        one.add_argument("--json", action="store_true", help="answer as JSON")
        return one

    register = action("register", _register, "register the operator itself for e-invoices")
    register.add_argument("operator", help="the operator's id")
    register.add_argument("--address", required=True, help="as on its business licence")
    agree = action("agree", _agree, "keep a signed contract with one vendor")
    agree.add_argument("operator", help="the operator's id")
    agree.add_argument("vendor", help="the vendor's id")
    agree.add_argument("--address", required=True, help="the operator's, as on the contract")
    agree.add_argument("--number", required=True, help="of the contract")
    for name, about in (
        ("signed", "day it was signed"),
        ("from", "first day"),
        ("to", "last day"),
    ):
        agree.add_argument(f"--{name}", required=True, dest=f"{name}_", help=f"{about}: YYYY-MM-DD")
    file = action("file", _file, "send the list of what the authority has not accepted yet")
    file.add_argument("operator", help="the operator's id")
    listed = action("list", _list, "contracts of an operator or a vendor, and where they stand")
    listed.add_argument("owner", help="the operator's or vendor's id")
    end = action("end", _end, "end a contract before its time")
    end.add_argument("contract", help="as `list` shows it")


def _register(options: argparse.Namespace, settings: Settings) -> int:
    from market import clock
    from market.flows import delegation

    operator = _uuid(options.operator)
    _run(
        settings,
        lambda db: delegation.register_operator(
            db, settings, operator, options.address, now=clock.now()
        ),
    )
    return _answer(options, {"state": "sent"}, "The registration is on its way to the authority.")


def _agree(options: argparse.Namespace, settings: Settings) -> int:
    from market import clock, ids
    from market.flows import delegation

    agreement = delegation.Agreement(
        contract_id=ids.new(),
        vendor_id=_uuid(options.vendor),
        number=options.number,
        signed_on=_day(options.signed_),
        valid_from=_day(options.from_),
        valid_to=_day(options.to_),
    )
    operator = _uuid(options.operator)
    made = _run(
        settings,
        lambda db: delegation.agree(db, operator, options.address, agreement, now=clock.now()),
    )
    return _answer(options, _plain(made), f"Kept: {_line(made)}. Send it: market delegation file.")


def _file(options: argparse.Namespace, settings: Settings) -> int:
    from market import clock
    from market.flows import delegation

    operator = _uuid(options.operator)
    sent = _run(settings, lambda db: delegation.file_list(db, settings, operator, now=clock.now()))
    return _answer(
        options, {"count": len(sent)}, f"{len(sent)} contracts are on their way to the authority."
    )


def _list(options: argparse.Namespace, settings: Settings) -> int:
    import einvoice

    owner = _uuid(options.owner)
    found = _run(settings, lambda db: einvoice.delegations_of(db, owner))
    lines = [_line(one) for one in found] or ["There are none yet: market delegation agree …"]
    return _answer(options, [_plain(one) for one in found], *lines)


def _end(options: argparse.Namespace, settings: Settings) -> int:
    import einvoice
    from market import clock

    contract = _uuid(options.contract)
    _run(settings, lambda db: einvoice.end_delegation(db, contract, now=clock.now()))
    return _answer(options, {"state": "ended"}, "Nothing is issued under it from now on.")


def _run(settings: Settings, work: "Callable[[AsyncSession], Awaitable[Answer]]") -> Answer:
    """One transaction; what the rules refuse is a misused command."""
    import asyncio

    from einvoice import EInvoiceError
    from market.commands.database import opened
    from market.db import Database
    from market.errors import MarketError

    async def run(url: str) -> Answer:
        database = Database(url, pool_size=1)
        try:
            async with database.as_system() as db:
                return await work(db)
        finally:
            await database.close()

    with opened(settings) as url:
        try:
            return asyncio.run(run(url))
        except (MarketError, EInvoiceError) as error:
            raise SettingsError(str(error)) from error


def _answer(options: argparse.Namespace, plain: Any, *lines: str) -> int:
    import json
    import sys

    said = json.dumps(plain, ensure_ascii=False) if options.json else "\n".join(lines)
    sys.stdout.write(said + "\n")
    return 0


def _plain(one: "Delegation") -> dict[str, Any]:
    contract = one.contract
    return {
        "id": str(one.id),
        "seller": {"tax_id": contract.seller.tax_id, "name": contract.seller.name},
        "delegate": {"tax_id": contract.delegate.tax_id, "name": contract.delegate.name},
        "number": contract.number,
        "series": f"{contract.template} … {contract.letters}",
        "valid_from": contract.valid_from.isoformat(),
        "valid_to": contract.valid_to.isoformat(),
        "state": one.state,
        "reasons": [{"code": r.code, "text": r.text, "remedy": r.remedy} for r in one.reasons],
    }


def _line(one: "Delegation") -> str:
    contract = one.contract
    why = f" ({one.reasons[0].text})" if one.reasons else ""
    return (
        f"{one.id}  {contract.number}  {contract.seller.name} by {contract.delegate.name}"
        f"  {contract.valid_from} to {contract.valid_to}  {one.state}{why}"
    )


def _uuid(given: str) -> UUID:
    try:
        return UUID(given)
    except ValueError:
        raise SettingsError(f"“{given}” is not an id.") from None


def _day(given: str) -> date:
    try:
        return date.fromisoformat(given)
    except ValueError:
        raise SettingsError(f"“{given}” is not a day such as 2026-11-23.") from None
