"""The countries of ISO 3166, by code, with the names that people use."""

import csv
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

SOURCE: Final = Path(__file__).parent / "data" / "countries.csv"


def _read() -> dict[str, str]:
    with SOURCE.open(newline="") as file:
        return {row["code"]: row["name"] for row in csv.DictReader(file)}


NAMES: Final[Mapping[str, str]] = MappingProxyType(_read())
