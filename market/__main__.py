"""`python3 -m market COMMAND`: set up what is missing, then run the command.

This file must parse on any Python 3, or it could not say that the Python is too old. Standard
library only, like `market.bootstrap`, which does the work.
"""

import sys

PYTHON_MIN = (3, 11)


def main():  # type: ignore[no-untyped-def]  # an old Python must be able to read this line
    """Run one command; returns the exit code."""
    if sys.version_info < PYTHON_MIN:
        found = ".".join(str(part) for part in sys.version_info[:2])
        return complain(  # type: ignore[no-untyped-call]  # as above
            "Python 3.11 or newer is needed, this is " + found + " (" + sys.executable + ").\n"
            "Install one and use its name, for example: python3.11 -m market demo"
        )
    if sys.platform == "win32":
        return complain("Windows itself is not supported. Run the same command inside WSL.")
    from market import bootstrap

    return bootstrap.main(sys.argv[1:])


def complain(sentence):  # type: ignore[no-untyped-def]  # as above
    """Say why nothing can be done."""
    sys.stderr.write("market: " + sentence + "\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())  # type: ignore[no-untyped-call]  # see above
