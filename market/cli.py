"""The commands. Everything heavy is imported by the command that needs it: `--help` is instant."""

import argparse
import dataclasses
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from market.commands import bank, delegation, einvoice, notice, qr, reconcile, say, vnpay, webhook
from market.settings import Settings, SettingsError, from_environment

SIMULATORS = ("bank", "vnpay", "stripe", "tax", "portal")
DONE, FAILED, MISUSED, INTERRUPTED = 0, 1, 2, 130
"""Exit codes: well; it ran and the answer is bad; wrong arguments or settings; Ctrl-C."""

Command = Callable[[argparse.Namespace, Settings], int]


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the exit code says how it went, a plain sentence on stderr says why."""
    given = sys.argv[1:] if argv is None else list(argv)
    if given[:1] == ["demo"] and not {"-h", "--help"} & set(given):
        return _guarded(lambda: _demo(given[1:]))
    options = _parser().parse_args(given)
    command: Command = options.command
    return _guarded(lambda: command(options, _settings(options)))


def _guarded(command: Callable[[], int]) -> int:
    from market import embedded, ports

    try:
        return command()
    except KeyboardInterrupt:
        return INTERRUPTED
    except SettingsError as error:
        return _complain(error, MISUSED)
    except (embedded.EmbeddedError, ports.NoPortFree) as error:
        return _complain(error, FAILED)
    except Exception as error:
        if type(error).__name__ in {"ServeError", "DatabaseTooOld"}:  # not imported for others
            return _complain(error, FAILED)
        raise


def _complain(error: Exception, code: int) -> int:
    sys.stderr.write(f"market: {error}\n")
    return code


def _settings(options: argparse.Namespace) -> Settings:
    settings = from_environment()
    changed = {
        name: getattr(options, name)
        for name in ("data", "host", "port")
        if getattr(options, name, None) is not None
    }
    return dataclasses.replace(settings, **changed)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="market",
        description="Chợ 4.0: the cashless market.",
        epilog="Settings come from the environment, MARKET_<NAME>; options win over them.",
    )
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    data = argparse.ArgumentParser(add_help=False)
    data.add_argument("--data", type=Path, help="where the embedded database and files are kept")
    address = argparse.ArgumentParser(add_help=False)
    address.add_argument("--host", help="address to listen on (127.0.0.1)")
    address.add_argument(
        "--port", type=_port, help="port to listen on (8000; taken: the next free)"
    )

    def add(
        name: str, command: Command, about: str, *parents: argparse.ArgumentParser
    ) -> argparse.ArgumentParser:
        one = commands.add_parser(name, help=about, description=about, parents=list(parents))
        one.set_defaults(command=command)
        return one

    add("demo", _demo_help, "a living market with simulated people and partners", data, address)
    serve = add("serve", _serve, "run database, web, worker and relay in one group", data, address)
    serve.add_argument(
        "--simulate", default="", metavar="NAMES",
        help=f"simulated partners to run beside: all, or some of {','.join(SIMULATORS)}",
    )  # fmt: skip
    web = add("web", _web, "run the web alone (the database must be there)", data, address)
    web.add_argument("--workers", type=int, default=1, help="web processes (1)")
    add("worker", _worker, "run a worker alone; any number may run", data)
    add("relay", _relay, "run a relay alone; one leads, others wait", data)
    simulate = add("simulate", _simulate, "run one simulated partner", data)
    simulate.add_argument("--port", type=_port, dest="own_port", help="its port (8011 to 8015)")
    simulate.add_argument("name", choices=SIMULATORS)
    database = add("db", _db, "look after the database", data)
    database.add_argument(
        "action",
        choices=("migrate", "check", "upkeep"),
        help="bring up to date, compare, or do now what the worker does from time to time",
    )
    database.add_argument(
        "--scratch", action="store_true", help="use a fresh database, then drop it"
    )
    database.add_argument(
        "--statements-anew", action="store_true", help="upkeep: make all statements once more"
    )
    database.add_argument("--json", action="store_true", help="answer as JSON")
    ledger = add("ledger", _ledger, "post a CSV file of transfers, safe to repeat", data)
    ledger.add_argument("action", choices=("post",), help="what to do")
    ledger.add_argument("file", type=Path, help="columns: see docs/ledger.md")
    ledger.add_argument("--answers", type=Path, help="write what became of each line to this CSV")
    ledger.add_argument("--json", action="store_true", help="answer as JSON")
    _add_integrators(commands, data)
    einvoice.add_parser(commands, data)
    delegation.add_parser(commands, data)
    qr.add_parser(commands, data)
    bank.add_parser(commands, data)
    say.add_parser(commands, data)
    vnpay.add_parser(commands, data)
    notice.add_parser(commands, data)
    reconcile.add_parser(commands, data)
    webhook.add_parser(commands, data)
    audit = add("audit", _audit, "prove that the ledger adds up", data)
    audit.add_argument("--json", action="store_true", help="answer as JSON")
    audit.add_argument("--quiet", action="store_true", help="no progress")
    audit.add_argument(
        "--heads", type=Path, metavar="FILE", help="heads of the hash chain kept earlier"
    )
    audit.add_argument(
        "--write-heads", type=Path, metavar="FILE", help="keep the heads, if everything agrees"
    )
    return parser


def _add_integrators(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]",
    data: argparse.ArgumentParser,
) -> None:
    about = "banks and acquirers that confirm to us, and their keys"
    group = commands.add_parser("integrator", help=about, description=about)
    actions = group.add_subparsers(title="actions", metavar="ACTION", required=True)

    def action(name: str, about: str) -> argparse.ArgumentParser:
        one = actions.add_parser(name, help=about, description=about, parents=[data])
        one.set_defaults(command=_integrator, action=name)
        return one

    new = action("add", "admit one; its key is printed this once")
    new.add_argument("name", help="who it is, for people")
    new.add_argument("--gateway", required=True, help="the name its confirmations stand under")
    new.add_argument(
        "--bank", action="append", default=[], metavar="BIN", dest="bank_bins",
        help="a bank whose accounts it reports for; again for more; none for an acquirer",
    )  # fmt: skip
    new.add_argument("--json", action="store_true", help="answer as JSON")
    action("list", "all there ever were").add_argument(
        "--json", action="store_true", help="answer as JSON"
    )
    action("revoke", "end a key").add_argument("id", help="as `list` shows it")


def _port(text: str) -> int:
    if not text.isdigit() or int(text) > 65_535:
        raise argparse.ArgumentTypeError(f"“{text}” is not a port from 0 to 65535")
    return int(text)


def _demo(arguments: Sequence[str]) -> int:
    from market.demo import main as demo

    return int(demo(arguments) or 0)


def _demo_help(options: argparse.Namespace, settings: Settings) -> int:
    raise AssertionError("main() hands every demo but its help to market.demo")


def _serve(options: argparse.Namespace, settings: Settings) -> int:
    from market import serve

    return serve.run(serve.Plan(settings, simulators=_chosen(options.simulate)))


def _chosen(names: str) -> tuple[str, ...]:
    if names == "all":
        return SIMULATORS
    chosen = tuple(name for name in names.split(",") if name)
    for name in chosen:
        if name not in SIMULATORS:
            raise SettingsError(f"There is no simulator “{name}”, only {', '.join(SIMULATORS)}.")
    return chosen


def _web(options: argparse.Namespace, settings: Settings) -> int:
    from market.commands import processes

    return processes.web(settings, options.workers)


def _worker(options: argparse.Namespace, settings: Settings) -> int:
    from market.commands import processes

    return processes.worker(settings)


def _relay(options: argparse.Namespace, settings: Settings) -> int:
    from market.commands import processes

    return processes.relay(settings)


def _simulate(options: argparse.Namespace, settings: Settings) -> int:
    from market.commands import processes

    return processes.simulator(settings, options.name, options.own_port)


def _db(options: argparse.Namespace, settings: Settings) -> int:
    from market.commands import database

    if options.action == "migrate":
        return database.migrate(settings)
    if options.action == "upkeep":
        from market.commands import upkeep

        return upkeep.run(settings, as_json=options.json, anew=options.statements_anew)
    return database.check(settings, scratch=options.scratch, as_json=options.json)


def _ledger(options: argparse.Namespace, settings: Settings) -> int:
    from market.commands import ledger

    return ledger.post(settings, options.file, options.answers, as_json=options.json)


def _integrator(options: argparse.Namespace, settings: Settings) -> int:
    from market.commands import integrators

    if options.action == "add":
        return integrators.add(
            settings, options.name, options.gateway, options.bank_bins, as_json=options.json
        )
    if options.action == "list":
        return integrators.listed(settings, as_json=options.json)
    return integrators.revoke(settings, options.id)


def _audit(options: argparse.Namespace, settings: Settings) -> int:
    from market.commands import database

    return database.audit(
        settings,
        as_json=options.json,
        quiet=options.quiet,
        heads=options.heads,
        write_heads=options.write_heads,
    )


if __name__ == "__main__":
    sys.exit(main())
