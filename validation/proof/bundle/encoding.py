"""Canonical JSON: ASCII, sorted keys, no spaces, no fractions. One value has exactly one encoding.

A hostile file is refused before it costs memory: by its size, and by the number of values that it could hold.
"""

import json
from typing import Any, Final, NoReturn

from validation.proof.bundle.errors import Malformed

# 16 cards of 256 openings, the largest that the protocol allows, take 15.5 MB and some 240,000 values (a test counts).
MOST_BYTES: Final = 16 << 20
MOST_VALUES: Final = 300_000


def encode(value: Any) -> bytes:
    """Encode what JSON can hold."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def decode(data: bytes) -> Any:
    """Decode, and refuse whatever is not byte for byte the canonical encoding of its value.

    :raises Malformed: it is too large, no JSON, or not canonical.
    """
    if len(data) > MOST_BYTES:
        raise Malformed(f"it has {len(data):,} bytes; a bundle has {MOST_BYTES:,} at most")
    demand_few_values(data)
    try:
        value = json.loads(data, parse_float=_no_fraction, parse_constant=_no_fraction)
        canonical = encode(value) == data
    except RecursionError:
        raise Malformed("its lists are nested too deeply") from None
    except ValueError as error:
        raise Malformed(f"it is not JSON as a bundle uses it: {error}") from None
    if not canonical:
        raise Malformed("it is not canonical: keys unsorted or twice, spaces, or another spelling")
    return value


def demand_few_values(data: bytes) -> None:
    """Refuse JSON that would grow twentyfold in memory, before it is parsed.

    :raises Malformed: it holds more values than the largest bundle.
    """
    values = sum(map(data.count, (b",", b"[", b"{")))
    if values > MOST_VALUES:
        raise Malformed(f"it holds some {values:,} values; a bundle holds {MOST_VALUES:,} at most")


def _no_fraction(text: str) -> NoReturn:
    raise ValueError(f"a bundle has whole numbers only, not {text[:20]}")
