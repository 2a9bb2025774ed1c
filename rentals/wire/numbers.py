"""Amounts leave as JSON numbers here; inside they are decimals, and strings in stored JSON."""

from collections.abc import Mapping
from typing import Any


def with_numbers(line: Mapping[str, Any], *names: str) -> dict[str, Any]:
    """Give a line of a quote or a receipt with the named amounts as numbers; null stays null."""
    return dict(line) | {name: None if line[name] is None else float(line[name]) for name in names}
