"""The living market: everything set up, weeks of trade behind it, shoppers walking in."""

from collections.abc import Sequence


def main(arguments: Sequence[str]) -> int:
    """Run `market demo` until Ctrl-C. Returns the exit code."""
    from market.demo import command  # heavy: only when it is really run

    return command.run(arguments)
