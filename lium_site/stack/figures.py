"""What the benches share: the span of their figures, and counts on their command lines."""

import argparse
from collections.abc import Sequence


def span(values: Sequence[float]) -> list[float]:
    """Give the smallest and the largest, to three places."""
    return [round(min(values), 3), round(max(values), 3)]


def at_least_one(text: str) -> int:
    """Read a count of an option.

    :raises argparse.ArgumentTypeError: it is below one.
    """
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number
