"""Typed readers of the environment: an unknown value stops the start, a secret may come from NAME_FILE."""

import json
import os
from decimal import Decimal, InvalidOperation
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any

from django.core.exceptions import ImproperlyConfigured

TRUE = {"1", "true", "yes", "on"}
FALSE = {"0", "false", "no", "off", ""}


def text(name: str, default: str | None = None) -> str:
    """Read a text, from NAME or from the file that NAME_FILE names.

    :raises ImproperlyConfigured: it is not set and has no default.
    """
    if name in os.environ:
        return os.environ[name]
    if path := os.environ.get(f"{name}_FILE"):
        return Path(path).read_text().strip()
    if default is None:
        raise ImproperlyConfigured(
            f"{name} is not set. `./market up` sets it; see docs/settings.md."
        )
    return default


def boolean(name: str, default: bool) -> bool:
    """Read yes or no; anything else refuses to start."""
    value = text(name, "yes" if default else "no").lower()
    if value not in TRUE | FALSE:
        raise ImproperlyConfigured(f"{name}={value!r} is neither yes nor no.")
    return value in TRUE


def integer(name: str, default: int) -> int:
    """Read a whole number."""
    value = text(name, str(default))
    try:
        return int(value)
    except ValueError as error:
        raise ImproperlyConfigured(f"{name}={value!r} is not a whole number.") from error


def decimal(name: str, default: str) -> Decimal:
    """Read an exact number."""
    value = text(name, default)
    try:
        return Decimal(value)
    except InvalidOperation as error:
        raise ImproperlyConfigured(f"{name}={value!r} is not a number.") from error


def words(name: str, default: str = "") -> list[str]:
    """Read a comma-separated list."""
    return [word.strip() for word in text(name, default).split(",") if word.strip()]


def integers(name: str, default: str = "") -> tuple[int, ...]:
    """Read a comma-separated list of whole numbers."""
    try:
        return tuple(int(word) for word in words(name, default))
    except ValueError as error:
        raise ImproperlyConfigured(f"{name}: {error}.") from error


def networks(name: str, default: str) -> tuple[IPv4Network | IPv6Network, ...]:
    """Read a comma-separated list of networks, such as 10.0.0.0/8."""
    try:
        return tuple(ip_network(word) for word in words(name, default))
    except ValueError as error:
        raise ImproperlyConfigured(f"{name}: {error}.") from error


def one_of(name: str, choices: set[str], default: str) -> str:
    """Read one of the known words."""
    value = text(name, default)
    if value not in choices:
        raise ImproperlyConfigured(f"{name}={value!r}: choose one of {', '.join(sorted(choices))}.")
    return value


def objects(name: str) -> list[dict[str, Any]]:
    """Read a JSON list of objects."""
    try:
        found = json.loads(text(name, "[]"))
    except ValueError as error:
        raise ImproperlyConfigured(f"{name} is not JSON: {error}.") from error
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise ImproperlyConfigured(f"{name} is not a JSON list of objects.")
    return found
