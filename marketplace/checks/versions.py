"""Comparing versions as drivers and engines write them."""

import re


def version(text: str | None) -> tuple[int, ...]:
    """Give the leading numbers of a version; empty for none, which is older than any."""
    found = re.match(r"[0-9]{1,9}(?:\.[0-9]{1,9})*", text or "")
    return tuple(int(part) for part in found.group().split(".")[:3]) if found else ()
