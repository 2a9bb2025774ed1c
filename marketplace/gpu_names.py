"""How people write GPU names, and the one form under which they are compared."""

import re
from typing import Final

VENDORS: Final = re.compile(r"^(NVIDIA|TESLA|GEFORCE)\s+", re.IGNORECASE)
SEPARATORS: Final = re.compile(r"[\s_-]+")
# The published client's own aliases, and what people type for cards whose name hides the form factor.
ALSO: Final = {
    "RTXPRO6000": ("PRO6000", "RTX6000PRO", "6000PRO"),
    "RTX6000": ("6000ADA", "A6000ADA", "RTX6000ADA"),
    "NVIDIAH10080GBHBM3": ("H100SXM", "H100SXM5"),
    "NVIDIAA100SXM480GB": ("A10080GB", "A100SXM"),
    "NVIDIAB300SXM6": ("B300SXM",),
}


def normalize(text: str) -> str:
    """Give the form in which names compare: upper case, without spaces, hyphens and underscores."""
    return SEPARATORS.sub("", text).upper()


def spellings(name: str, short_name: str) -> list[str]:
    """List every normalized spelling that finds a GPU model, sorted.

    The full name and its endings without the vendor, the name cut after each word (``A100 80GB``), the
    short name, its bare model number (``4090``), and known aliases.
    """
    found = {normalize(short_name), _model_number(short_name)}
    found.update(ALSO.get(normalize(short_name), ()), ALSO.get(normalize(name), ()))
    rest = name
    while VENDORS.match(rest):
        found.add(normalize(rest))
        rest = VENDORS.sub("", rest)
    found.update(_beginnings(rest))
    return sorted(found - {""})


def _beginnings(name: str) -> set[str]:
    words = SEPARATORS.split(name)
    joined = ("".join(words[:length]).upper() for length in range(1, len(words) + 1))
    return {text for text in joined if any(mark.isdigit() for mark in text)}


def _model_number(short_name: str) -> str:
    match = re.search(r"(\d+)[A-Z]*$", normalize(short_name))
    return match[1] if match else ""
