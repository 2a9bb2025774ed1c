"""The kernels as functions with bounds: what a device must offer, and the grid that each kernel runs on.

A real card is in `gpu`; the tests' device runs the same kernels on the CPU.
"""

from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from validation.proof.chacha import BLOCK_BYTES
from validation.proof.digests import LANES, UInt64
from validation.proof.hashing import HASH_BYTES
from validation.proof.parameters import ELEMENT_BYTES, TILE
from validation.proof.prf import Kind

SUM_BYTES: Final = 4
VECTOR_BYTES: Final = 16

GENERATE_THREADS: Final = 256
PACK_THREADS: Final = 256
TREE_THREADS: Final = 128
TILES_A_BLOCK: Final = 4
GEMM_SIDE: Final = 16

Argument = np.generic | NDArray[np.unsignedinteger]


class Device(Protocol):
    """A card's memory and launches, in the order in which they are called; addresses are integers.

    An array among a launch's arguments is passed by value.
    """

    def allocate(self, size: int) -> int: ...
    def free(self, address: int) -> None: ...
    def free_bytes(self) -> int: ...
    def read(self, address: int, size: int) -> bytes: ...
    def write(self, address: int, data: bytes) -> None: ...
    def copy(self, source: int, target: int, size: int) -> None: ...
    def wait(self) -> None: ...
    def launch(
        self, kernel: str, grid: tuple[int, int], block: tuple[int, int], *arguments: Argument
    ) -> None: ...


class ExactProduct(Protocol):
    """The vendor's product of int8 operands: int32 sums, `rows` of them with n columns."""

    def multiply(self, *, left: int, right: int, sums: int, n: int, rows: int) -> None: ...


@dataclass(frozen=True)
class Kernels:
    """Each kernel with the grid that covers its work."""

    device: Device

    def generate(
        self, out: int, key: bytes, kind: Kind, *, index: int, start: int, size: int
    ) -> None:
        """Write `size` bytes of a stream from offset `start`; both are multiples of 64."""
        first, count = start // BLOCK_BYTES, size // BLOCK_BYTES
        self.device.launch(
            "generate",
            (blocks_for(count, GENERATE_THREADS), 1),
            (GENERATE_THREADS, 1),
            np.uint64(out),
            np.frombuffer(key, np.uint32),
            *(np.uint32(value) for value in (kind, index, first, count)),
        )

    def multiply(self, left: int, right: int, kept: int, *, n: int, rows: int) -> None:
        """Keep the low 16 bits of rows x right, by our own product; 64 divides n and rows."""
        addresses = (np.uint64(address) for address in (left, right, kept))
        grid, block = (n // TILE, rows // TILE), (GEMM_SIDE, GEMM_SIDE)
        self.device.launch("gemm_low16", grid, block, *addresses, np.uint32(n))

    def pack(self, sums: int, kept: int, *, elements: int) -> None:
        """Keep the low 16 bits of int32 sums; 8 divides their number."""
        count = elements * ELEMENT_BYTES // VECTOR_BYTES
        grid, block = (blocks_for(count, PACK_THREADS), 1), (PACK_THREADS, 1)
        self.device.launch(
            "pack_low16", grid, block, np.uint64(sums), np.uint64(kept), np.uint64(count)
        )

    def digest(self, products: int, key: int, out: int, *, n: int, first: int, count: int) -> None:
        """Digest tiles `first` to `first + count` of the products, 32 bytes each; `key` is 68 words on the device."""
        self.device.launch(
            "digest_tiles",
            (blocks_for(count, TILES_A_BLOCK), 1),
            (LANES, TILES_A_BLOCK),
            np.uint64(products),
            np.uint32(n),
            *(np.uint64(value) for value in (first, count, key, out)),
        )

    def tree_level(self, children: int, parents: int, *, count: int) -> None:
        """Hash pairs of nodes to `count` nodes above them."""
        grid, block = (blocks_for(count, TREE_THREADS), 1), (TREE_THREADS, 1)
        self.device.launch(
            "tree_level", grid, block, np.uint64(children), np.uint64(parents), np.uint64(count)
        )


def key_bytes(words: UInt64) -> bytes:
    """Return a digest's starting states as they lie on the device."""
    return words.astype("<u8").tobytes()


def level_offset(height: int, *, leaves: int) -> int:
    """Return where a level begins, in bytes, if levels lie one after another; 2^height divides the leaves."""
    return HASH_BYTES * 2 * (leaves - (leaves >> height))


def blocks_for(count: int, threads: int) -> int:
    """Return how many blocks cover `count` items, one to a thread."""
    return -(-count // threads)
