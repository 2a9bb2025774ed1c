"""NVIDIA's libraries, from the system or from the wheels that pip installs."""

import ctypes
import sysconfig
from collections.abc import Sequence
from pathlib import Path


def load(names: Sequence[str]) -> ctypes.CDLL | None:
    """Load the first library that is there by one of these names, or None."""
    for name in (*names, *_in_wheels(names[-1])):
        try:
            return ctypes.CDLL(name)
        except OSError:
            continue
    return None


def _in_wheels(name: str) -> list[str]:
    packages = Path(sysconfig.get_path("purelib"))
    # A wheel that replaces another keeps what it replaces under another suffix: the plain name comes first.
    return sorted(map(str, packages.glob(f"nvidia/*/lib/{name}.*")), key=len)
