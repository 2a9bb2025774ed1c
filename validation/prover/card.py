"""A card that keeps all products in its memory and makes every tree from them anew.

Nothing of a tree stays on the card but its products' roots: a path is had by digesting the one product again, under a
millisecond's work. So the memory that is needed besides the products does not grow with them.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from validation.proof import digests, seeds, sweeps
from validation.proof.drawing import draw
from validation.proof.hashing import HASH_BYTES
from validation.proof.merkle import Tree
from validation.proof.openings import Opening
from validation.proof.parameters import ELEMENT_BYTES, SMALLEST_N, Parameters, product_bytes
from validation.proof.prf import Kind
from validation.prover.device import (
    SUM_BYTES,
    Device,
    ExactProduct,
    Kernels,
    key_bytes,
    level_offset,
)
from validation.prover.errors import ProverError

# Of the left operand: enough for the vendor's product to run at full speed, and 0.3 GiB of scratch at n = 16,384.
ROWS_AT_ONCE: Final = 4_096
# Digests held at a time, 128 MiB with the levels above them.
LEAVES_AT_ONCE: Final = 1 << 21


class ResidentCard:
    """One card of the machine; its methods are called in this order: fill, sweep, open."""

    def __init__(self, uuid: str, device: Device, vendor: ExactProduct | None) -> None:
        self.uuid = uuid
        self.device, self.vendor = device, vendor
        self.kernels = Kernels(device)
        self._held: list[int] = []
        self.facts: dict[str, int] = {}

    def fill(self, seed: bytes, parameters: Parameters) -> bytes:
        """Make and keep all products; return the root that commits to them."""
        self.release()
        self.seed, self.parameters = seed, parameters
        self._ensure_room(parameters)
        self.products = self._hold(parameters.resident_bytes)
        with self._timed("fill_us"):
            self._multiply_all(seeds.matrix_key(seed))
        self._nodes = self._hold(
            2 * HASH_BYTES * self._products_at_once() * parameters.tiles_a_product
        )
        self._key = self._hold(8 * digests.KEY_WORDS)
        with self._timed("commit_us"):
            self._roots = self._tree_of_roots(seeds.digest_key(seed))
        self.root = seeds.card_root(seed, self._roots.top)
        return self.root

    def sweep(self, nonce: bytes) -> list[bytes]:
        """Read everything back as often as asked; return each sweep's top."""
        self._sweep_keys: list[bytes] = []
        self._sweep_roots: list[Tree] = []
        link = sweeps.first_link(self.seed, self.root, nonce)
        with self._timed("sweeps_us"):
            for number in range(1, self.parameters.sweeps + 1):
                self._sweep_keys.append(sweeps.sweep_key(link))
                self._sweep_roots.append(self._tree_of_roots(self._sweep_keys[-1]))
                link = sweeps.next_link(number, link, self._sweep_roots[-1].top)
        return [roots.top for roots in self._sweep_roots]

    def open(self, coin: bytes) -> list[Opening]:
        """Give the paths of the tiles that the coin draws."""
        digest_key = seeds.digest_key(self.seed)
        with self._timed("open_us"):
            return [
                Opening(
                    self._path(digest_key, self._roots, at.tile),
                    self._path(
                        self._sweep_keys[at.sweep - 1], self._sweep_roots[at.sweep - 1], at.tile
                    ),
                )
                for at in draw(coin, self.parameters)
            ]

    def release(self) -> None:
        """Give back all memory of the card."""
        while self._held:
            self.device.free(self._held.pop())

    def _multiply_all(self, key: bytes) -> None:
        n, rows = self.parameters.n, min(self.parameters.n, ROWS_AT_ONCE)
        with self._scratch(n * n) as right, self._scratch(n * rows) as left:
            self.kernels.generate(right, key, Kind.RIGHT, index=0, start=0, size=n * n)
            with self._scratch(SUM_BYTES * n * rows if self.vendor else 0) as sums:
                for product in range(self.parameters.products):
                    for first in range(0, n, rows):
                        start, size = first * n, rows * n
                        self.kernels.generate(
                            left, key, Kind.LEFT, index=product, start=start, size=size
                        )
                        kept = self.products + product * product_bytes(n) + ELEMENT_BYTES * start
                        self._multiply(left, right, sums, kept, rows)
                self.device.wait()

    def _multiply(self, left: int, right: int, sums: int, kept: int, rows: int) -> None:
        n = self.parameters.n
        if self.vendor is None:
            self.kernels.multiply(left, right, kept, n=n, rows=rows)
            return
        self.vendor.multiply(left=left, right=right, sums=sums, n=n, rows=rows)
        self.kernels.pack(sums, kept, elements=n * rows)

    def _tree_of_roots(self, key: bytes) -> Tree:
        """Digest everything that is kept under a key; return the tree over the products' roots."""
        self._use_key(key)
        step, products = self._products_at_once(), self.parameters.products
        groups = (
            self._product_roots(first, min(step, products - first))
            for first in range(0, products, step)
        )
        # It is the tree of a card whose products are one tile each.
        one_tile_each = Parameters(n=SMALLEST_N, products=products)
        return Tree(b"".join(groups), one_tile_each)

    def _product_roots(self, first: int, count: int) -> bytes:
        height = self._build(first, count)
        leaves = count * self.parameters.tiles_a_product
        return self.device.read(
            self._nodes + level_offset(height, leaves=leaves), count * HASH_BYTES
        )

    def _path(self, key: bytes, roots: Tree, tile: int) -> tuple[bytes, ...]:
        self._use_key(key)
        leaves = self.parameters.tiles_a_product
        product, within = divmod(tile, leaves)
        siblings = (
            self.device.read(
                self._nodes
                + level_offset(height, leaves=leaves)
                + HASH_BYTES * ((within >> height) ^ 1),
                HASH_BYTES,
            )
            for height in range(self._build(product, 1))
        )
        return (*siblings, *roots.path(product))

    def _build(self, first: int, count: int) -> int:
        """Build the trees of some products side by side, level upon level; return the height of their roots."""
        each = self.parameters.tiles_a_product
        leaves, height = count * each, each.bit_length() - 1
        self.kernels.digest(
            self.products,
            self._key,
            self._nodes,
            n=self.parameters.n,
            first=first * each,
            count=leaves,
        )
        for level in range(height):
            self.kernels.tree_level(
                self._nodes + level_offset(level, leaves=leaves),
                self._nodes + level_offset(level + 1, leaves=leaves),
                count=leaves >> (level + 1),
            )
        return height

    def _use_key(self, key: bytes) -> None:
        self.device.write(self._key, key_bytes(digests.expand_key(key)))

    def _products_at_once(self) -> int:
        return min(
            self.parameters.products, max(1, LEAVES_AT_ONCE // self.parameters.tiles_a_product)
        )

    def _ensure_room(self, parameters: Parameters) -> None:
        free = self.device.free_bytes()
        if parameters.resident_bytes > free:
            raise ProverError(
                f"{self.uuid} cannot hold {parameters.products} products",
                why=f"they need {parameters.resident_bytes:,} bytes and {free:,} are free",
                remedy="End what else uses the card, or claim the memory that it has",
            )

    def _hold(self, size: int) -> int:
        self._held.append(self.device.allocate(size))
        return self._held[-1]

    @contextmanager
    def _scratch(self, size: int) -> Iterator[int]:
        address = self.device.allocate(size) if size else 0
        try:
            yield address
        finally:
            if size:
                self.device.free(address)

    @contextmanager
    def _timed(self, name: str) -> Iterator[None]:
        started = time.perf_counter_ns()
        yield
        self.facts[name] = (time.perf_counter_ns() - started) // 1000
