"""A card made of NumPy: it does everything that a real one does, at small sizes, and is always labelled as simulated."""

import numpy as np

from validation.proof import digests, matrices, products, seeds, sweeps
from validation.proof.drawing import draw
from validation.proof.merkle import Tree
from validation.proof.openings import Opening
from validation.proof.parameters import Parameters
from validation.proof.products import UInt16


class SimulatedCard:
    """An honest card; its methods are called in this order: fill, sweep, open."""

    def __init__(self, uuid: str) -> None:
        self.uuid = uuid

    def fill(self, seed: bytes, parameters: Parameters) -> bytes:
        """Make and keep all products; return the root that commits to them."""
        self.seed, self.parameters = seed, parameters
        self.tiles = self.make_tiles()
        self.tree = self.tree_of(seeds.digest_key(seed))
        self.root = seeds.card_root(seed, self.tree.top)
        return self.root

    def sweep(self, nonce: bytes) -> list[bytes]:
        """Read everything back as often as asked; return each sweep's top."""
        self.sweep_trees: list[Tree] = []
        link = sweeps.first_link(self.seed, self.root, nonce)
        for number in range(1, self.parameters.sweeps + 1):
            self.sweep_trees.append(self.sweep_once(number, sweeps.sweep_key(link)))
            link = sweeps.next_link(number, link, self.sweep_trees[-1].top)
        return [tree.top for tree in self.sweep_trees]

    def open(self, coin: bytes) -> list[Opening]:
        """Give the paths of the tiles that the coin draws."""
        return [
            Opening(
                self.tree.path(position.tile),
                self.sweep_trees[position.sweep - 1].path(position.tile),
            )
            for position in draw(coin, self.parameters)
        ]

    def make_tiles(self) -> UInt16:
        """Multiply; return all tiles, uint16 of shape (tiles, 64, 64)."""
        n, key = self.parameters.n, seeds.matrix_key(self.seed)
        right = matrices.right_columns(key, n=n, first=0, count=n)
        lefts = (
            matrices.left_rows(key, n=n, product=product, first=0, count=n)
            for product in range(self.parameters.products)
        )
        return np.concatenate([products.all_tiles(left, right) for left in lefts])

    def sweep_once(self, number: int, key: bytes) -> Tree:
        """Digest everything that is kept, for sweep `number` (from 1)."""
        return self.tree_of(key)

    def tree_of(self, key: bytes) -> Tree:
        """Digest all tiles under a key and build the tree over them."""
        leaves = digests.digest_tiles(self.tiles, digests.expand_key(key))
        return Tree(leaves.tobytes(), self.parameters)
