"""How large a proof is: what is computed, how often it is read back and how much of it is opened."""

import struct
from dataclasses import dataclass
from typing import Final

VERSION: Final = 1
TILE: Final = 64
ELEMENT_BYTES: Final = 2

SMALLEST_N: Final = 64
LARGEST_N: Final = 32_768
MOST_PRODUCTS: Final = 1_024
MOST_SWEEPS: Final = 64
MOST_OPENINGS: Final = 256

# What a real card must do: less would leave the product cheap enough to be recomputed instead of kept.
FULL_N: Final = 16_384
FULL_SWEEPS: Final = 20
FULL_OPENINGS: Final = 64

# For the operands (n bytes a row, twice), one product before it is packed, and what driver and libraries take.
RESERVED_BYTES: Final = 3 << 30


class InvalidParameters(ValueError):
    """The parameters are outside the protocol's limits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameters:
    """One card's share of a proof; checked when made, before anything is allocated.

    ``n`` is the side of every square matrix, ``products`` how many are held, ``sweeps`` how often all of them are
    read back, ``openings`` how many tiles the verifier recomputes.
    """

    n: int
    products: int
    sweeps: int = FULL_SWEEPS
    openings: int = FULL_OPENINGS

    def __post_init__(self) -> None:
        if not SMALLEST_N <= self.n <= LARGEST_N or self.n & (self.n - 1):
            raise InvalidParameters(
                f"n is {self.n}; it must be a power of two from {SMALLEST_N} to {LARGEST_N}"
            )
        for name, value, most in (
            ("products", self.products, MOST_PRODUCTS),
            ("sweeps", self.sweeps, MOST_SWEEPS),
            ("openings", self.openings, MOST_OPENINGS),
        ):
            if not 1 <= value <= most:
                raise InvalidParameters(f"{name} is {value}; it must be from 1 to {most}")

    @property
    def tiles_a_side(self) -> int:
        """Return the tiles along one side of a product."""
        return self.n // TILE

    @property
    def tiles_a_product(self) -> int:
        """Return the tiles of one product: a power of two."""
        return self.tiles_a_side**2

    @property
    def tiles(self) -> int:
        """Return the tiles of all products."""
        return self.products * self.tiles_a_product

    @property
    def path_length(self) -> int:
        """Return the siblings between a tile and the top of its tree."""
        return (self.tiles_a_product.bit_length() - 1) + (self.products - 1).bit_length()

    @property
    def resident_bytes(self) -> int:
        """Return the bytes that must stay in the card's memory."""
        return self.products * product_bytes(self.n)

    @property
    def is_full_strength(self) -> bool:
        """Say whether a real card may be judged by a proof of this size."""
        return self.n >= FULL_N and self.sweeps >= FULL_SWEEPS and self.openings >= FULL_OPENINGS

    def encoded(self) -> bytes:
        """Return the parameters as they enter the card's seed: six u32, 24 bytes."""
        return struct.pack("<6I", VERSION, self.n, self.products, TILE, self.sweeps, self.openings)


def product_bytes(n: int) -> int:
    """Return the bytes of one product as it is kept: n x n of uint16."""
    return ELEMENT_BYTES * n * n


def products_that_fill(memory_bytes: int, *, n: int, reserved_bytes: int = RESERVED_BYTES) -> int:
    """Return how many products a card of this memory must hold, at least one."""
    return min(MOST_PRODUCTS, max(1, (memory_bytes - reserved_bytes) // product_bytes(n)))
