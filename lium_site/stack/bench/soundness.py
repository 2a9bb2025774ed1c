"""How often a card that left out a share of its tiles is not caught: counted over coins, against (1 - share)^openings."""

import argparse
from collections.abc import Sequence
from typing import Any, Final

from validation.proof.drawing import draw
from validation.proof.hashing import tagged_hash
from validation.proof.parameters import FULL_N, Parameters

SIZES: Final = Parameters(n=FULL_N, products=154)
# In ten-thousandths of all tiles.
SHARES: Final = (100, 300, 500, 1000, 2500)
# The one whose figure is the outcome: not so rare that none of the coins would show it.
NAMED: Final = 300


def run(arguments: Sequence[str]) -> dict[str, Any]:
    """Count; give the share of coins that caught nothing, and the share predicted."""
    parser = argparse.ArgumentParser(prog="./market bench soundness")
    parser.add_argument("--coins", type=int, default=20_000)
    options = parser.parse_args(arguments)
    passed = dict.fromkeys(SHARES, 0)
    for number in range(options.coins):
        lowest = _lowest(tagged_hash("bench-coin", number.to_bytes(8)))
        for share in SHARES:
            passed[share] += lowest >= share
    for share in SHARES:
        found, expected = passed[share] / options.coins, predicted(share)
        print(f"  {share / 100:5.1f} % left out: {found:10.6f} pass, {expected:10.6f} predicted")
    ours = passed[NAMED] / options.coins
    return {
        "bench": "soundness",
        "ours": round(ours, 5),
        "reference": round(predicted(NAMED), 5),
        "ratio": round(ours / predicted(NAMED), 3),
        "unit": f"share not caught, {NAMED / 100:.0f} % left out",
        "n": options.coins,
        "spread": {},
    }


def predicted(share: int) -> float:
    """Return the probability that no opening lands in the share."""
    return float((1 - share / 10_000) ** SIZES.openings)


def _lowest(coin: bytes) -> float:
    """Return the place of the lowest drawn tile in ten-thousandths: whoever leaves out less than that is not caught."""
    return min(position.tile for position in draw(coin, SIZES)) * 10_000 / SIZES.tiles
