"""Each step of the arithmetic against a plain reference, at sizes that a person could follow."""

import hashlib
import struct

import numpy as np
import pytest

from validation.proof import chacha, digests, freivalds, matrices, prf, products
from validation.proof.drawing import draw
from validation.proof.hashing import tagged_hash
from validation.proof.merkle import FILLING, Tree, climb, node
from validation.proof.parameters import (
    InvalidParameters,
    Parameters,
    product_bytes,
    products_that_fill,
)

KEY = bytes(range(32))
MASK = (1 << 64) - 1


def test_chacha_gives_the_block_of_rfc_8439():
    found = chacha.blocks(KEY, bytes.fromhex("000000090000004a00000000"), first=1, count=1)
    assert found.tobytes().hex() == (
        "10f1e7e4d13b5915500fdd1fa32071c4c7d1f4c733c068030422aa9ac3d46c4e"
        "d2826446079faa0914c2d705d98b02a2b5129cd1de164eb9cbd083e8a2503c4e"
    )


@pytest.mark.parametrize(("start", "size"), [(0, 1), (64, 63), (6_400, 1_000)])
def test_numpy_and_the_library_make_the_same_stream(monkeypatch, start, size):
    fast = prf.stream(KEY, prf.Kind.LEFT, index=5, start=start, size=size)
    monkeypatch.setattr(prf, "Cipher", None)
    assert np.array_equal(prf.stream(KEY, prf.Kind.LEFT, index=5, start=start, size=size), fast)


def test_a_stream_starts_at_a_block():
    with pytest.raises(ValueError, match="starts at a block"):
        prf.stream(KEY, prf.Kind.LEFT, start=1, size=1)


def test_streams_of_different_kinds_and_indexes_differ():
    made = {
        prf.stream(KEY, kind, index=index, size=64).tobytes()
        for kind in prf.Kind
        for index in range(3)
    }
    assert len(made) == 3 * len(prf.Kind)


def test_parts_of_a_hash_cannot_move_into_each_other():
    assert tagged_hash("a", b"bc", b"d") != tagged_hash("a", b"b", b"cd")
    assert tagged_hash("a", b"b") != tagged_hash("ab")
    expected = hashlib.sha256(b"lium-proof/1/a\0" + struct.pack("<I", 2) + b"bc").digest()
    assert tagged_hash("a", b"bc") == expected


def test_lines_of_the_operands_need_no_others():
    whole = matrices.left_rows(KEY, n=128, product=3, first=0, count=128)
    assert np.array_equal(
        matrices.left_rows(KEY, n=128, product=3, first=64, count=2), whole[64:66]
    )
    assert whole.min() == -128
    assert whole.max() == 127


@pytest.mark.parametrize("n", [64, 256, 4_096])
@pytest.mark.parametrize("value", [None, -128, 127])
def test_products_are_exact_at_their_extremes(n, value):
    random = np.random.default_rng(n)
    rows, columns = random.integers(-128, 128, (2, 64, n), np.int8)
    if value is not None:
        rows[:], columns[:] = -128, value
    exact = rows.astype(np.int64) @ columns.T.astype(np.int64)
    assert np.array_equal(products.multiply(rows, columns), exact.astype(np.uint16))


def test_a_tile_is_the_part_of_its_product():
    sizes = Parameters(n=256, products=2)
    left = matrices.left_rows(KEY, n=256, product=1, first=0, count=256).astype(np.int64)
    right = matrices.right_columns(KEY, n=256, first=0, count=256).astype(np.int64)
    whole = (left @ right.T).astype(np.uint16)
    index = sizes.tiles_a_product + 2 * sizes.tiles_a_side + 3
    assert products.place(sizes, index) == (1, 2, 3)
    assert np.array_equal(products.tile(KEY, sizes, index), whole[128:192, 192:256])
    every = products.all_tiles(left.astype(np.int8), right.astype(np.int8))
    assert np.array_equal(every[11], whole[128:192, 192:256])


def test_the_digest_is_that_of_its_definition():
    tile = np.random.default_rng(1).integers(0, 1 << 16, (1, 64, 64)).astype(np.uint16)
    key = digests.expand_key(KEY)
    found = digests.digest_tiles(tile, key)
    assert found.tobytes() == _digest(tile.astype("<u2").tobytes(), [int(word) for word in key])


def _digest(tile: bytes, key: list[int]) -> bytes:
    """The definition of docs/proof-of-gpu.md, word by word."""
    words = struct.unpack("<2048I", tile)
    lanes = key[:64]
    for stretch in range(8):
        for lane in range(64):
            for word in words[stretch * 256 + lane * 4 :][:4]:
                lanes[lane] = _absorb(lanes[lane], word)
    first = key[64:]
    for output in range(4):
        for lane in lanes[16 * output : 16 * output + 16]:
            first[output] = _absorb(first[output], lane)
    second = list(first)
    for output in range(4):
        for step in (1, 2, 3):
            second[output] = _absorb(second[output], first[(output + step) % 4])
    return struct.pack("<4Q", *second)


def _absorb(state: int, word: int) -> int:
    mixed = (state ^ word) * 0x9E3779B97F4A7C15 & MASK
    return mixed ^ mixed >> 32


def test_every_bit_of_a_tile_and_every_key_word_moves_every_output():
    tile = np.random.default_rng(2).integers(0, 1 << 16, (64, 64)).astype(np.uint16)
    key = digests.expand_key(KEY)
    before = digests.digest_tiles(tile[None], key).view("<u8")[0]
    for bit in range(0, 65_536, 997):
        changed = tile.copy()
        changed[divmod(bit // 16, 64)] ^= np.uint16(1 << bit % 16)
        assert (digests.digest_tiles(changed[None], key).view("<u8")[0] != before).all()
    for word in range(digests.KEY_WORDS):
        other = key.copy()
        other[word] ^= np.uint64(1)
        assert (digests.digest_tiles(tile[None], other).view("<u8")[0] != before).all()


@pytest.mark.parametrize("products_held", [1, 2, 3, 5, 8])
def test_every_path_climbs_to_the_top(products_held):
    sizes = Parameters(n=128, products=products_held)
    leaves = [hashlib.sha256(bytes([index])).digest() for index in range(sizes.tiles)]
    tree = Tree(b"".join(leaves), sizes)
    for index, leaf in enumerate(leaves):
        path = tree.path(index)
        assert len(path) == sizes.path_length
        assert climb(leaf, index, path) == tree.top


def test_the_upper_tree_is_filled_up_with_zeros():
    sizes = Parameters(n=64, products=3)
    a, b, c = (bytes([index]) * 32 for index in range(3))
    assert Tree(a + b + c, sizes).top == node(node(a, b), node(c, FILLING))


def test_positions_are_spread_over_all_tiles_and_sweeps():
    sizes = Parameters(n=128, products=3, sweeps=5, openings=256)
    drawn = draw(KEY, sizes)
    assert {position.tile for position in drawn} == set(range(12))
    assert {position.sweep for position in drawn} == {1, 2, 3, 4, 5}
    assert drawn != draw(bytes(32), sizes)


def test_freivalds_finds_one_wrong_bit():
    left = matrices.left_rows(KEY, n=256, product=0, first=0, count=256)
    right = matrices.right_columns(KEY, n=256, first=0, count=256)
    product = (left.astype(np.int64) @ right.T.astype(np.int64)).astype(np.uint16)
    vectors = np.random.default_rng(3).integers(0, 1 << 16, (256, freivalds.VECTORS), np.uint16)
    assert freivalds.is_product(product, left, right, vectors=vectors)
    for bit in (0, 15):
        wrong = product.copy()
        wrong[200, 3] ^= np.uint16(1 << bit)
        assert not freivalds.is_product(wrong, left, right, vectors=vectors)


@pytest.mark.parametrize(
    "wrong",
    [
        {"n": 0},
        {"n": 32},
        {"n": 96},
        {"n": 65_536},
        {"products": 0},
        {"products": 1_025},
        {"sweeps": 65},
        {"openings": 257},
    ],
)
def test_sizes_beyond_the_protocol_are_refused(wrong):
    with pytest.raises(InvalidParameters, match="it must be"):
        Parameters(**{"n": 64, "products": 1} | wrong)


def test_an_h100_holds_what_its_memory_holds():
    held = products_that_fill(80 << 30, n=16_384)
    assert held == 154
    assert held * product_bytes(16_384) == 77 << 30
    assert products_that_fill(1 << 30, n=16_384) == 1
