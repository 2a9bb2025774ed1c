"""What the stack says to the person at the terminal."""

import sys


class StackError(Exception):
    """Carry one sentence that says what is wrong, why, and what to do; shown without a traceback."""


def say(text: str) -> None:
    """Print one line of progress; standard output is left to results."""
    try:
        print(f"market: {text}", file=sys.stderr, flush=True)
    except OSError:
        # The terminal was closed under us: stopping in order matters more than the line.
        return
