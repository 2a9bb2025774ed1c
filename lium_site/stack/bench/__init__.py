"""`./market bench NAME`: our figure beside a reference of the same run.

A bench is a module here with `run(arguments) -> dict`; it prints its rows for people and returns the outcome.
"""

import importlib
import json
import pkgutil
from collections.abc import Sequence

from lium_site.stack.console import StackError

OUTCOME = ("bench", "ours", "reference", "ratio", "unit", "n", "spread")


def names() -> list[str]:
    """Return the benches that exist."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__))


def run(name: str, arguments: Sequence[str]) -> int:
    """Run a bench and print its outcome as the last line.

    :raises StackError: if there is no such bench.
    """
    if name not in names():
        raise StackError(
            f"there is no bench {name!r}. There are: {', '.join(names()) or 'none yet'}"
        )
    outcome = importlib.import_module(f"{__name__}.{name}").run(list(arguments))
    # A bench that could not measure says why.
    reason = {"reason": outcome["reason"]} if "reason" in outcome else {}
    print(json.dumps({key: outcome[key] for key in OUTCOME} | reason), flush=True)
    return 0
