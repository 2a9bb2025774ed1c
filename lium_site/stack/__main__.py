"""The command line of `./market`."""

import sys

from lium_site.stack import test
from lium_site.stack.guard import guarded


def main(arguments: list[str]) -> int:
    if arguments[0] == "test":
        return guarded(lambda: test.run(arguments[1:]), keep_terminal=True)
    return 2


sys.exit(main(sys.argv[1:]))
