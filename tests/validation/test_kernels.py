"""The kernels give the bytes of their NumPy twins, on the CPU through the shim, and compile for every kind of card."""

import mmap
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.validation.host_device import KERNELS, HostDevice, build
from validation import kernels
from validation.proof import digests, matrices, merkle, prf, products
from validation.proof.parameters import Parameters
from validation.prover.device import Kernels, key_bytes
from validation.prover.nvrtc import Compiler, NvrtcError

KEY = bytes(range(32))
# Linux's MAP_NORESERVE: address space only, memory where it is touched.
NO_RESERVE = 0x4000


@pytest.fixture(params=[False, True], ids=["first to last", "last to first"])
def device(request: pytest.FixtureRequest) -> Iterator[HostDevice]:
    device = HostDevice(reverse=request.param)
    yield device
    for address in list(device._pieces):
        device.free(address)


@pytest.fixture
def put(device: HostDevice) -> Callable[[NDArray], int]:
    """Return what copies an array to the device and gives its address."""

    def put(array: NDArray) -> int:
        address = device.allocate(array.nbytes)
        device.write(address, np.ascontiguousarray(array).tobytes())
        return address

    return put


@pytest.fixture(scope="module")
def compiler() -> Compiler:
    return Compiler()


class TestGenerate:
    @pytest.mark.parametrize(("start", "size"), [(0, 64), (64 * 7, 64 * 300), (64 * 255, 64 * 513)])
    def test_is_the_stream(self, device: HostDevice, start: int, size: int) -> None:
        out = device.allocate(size)

        Kernels(device).generate(out, KEY, prf.Kind.LEFT, index=9, start=start, size=size)

        twin = prf.stream(KEY, prf.Kind.LEFT, index=9, start=start, size=size)
        assert device.read(out, size) == twin.tobytes()

    def test_reaches_the_last_block_of_the_largest_matrix(self, device: HostDevice) -> None:
        out, start = device.allocate(64), 32_768 * 32_768 - 64

        Kernels(device).generate(out, KEY, prf.Kind.RIGHT, index=0, start=start, size=64)

        assert (
            device.read(out, 64) == prf.stream(KEY, prf.Kind.RIGHT, start=start, size=64).tobytes()
        )


class TestProduct:
    @pytest.mark.parametrize(("n", "rows"), [(64, 64), (256, 64), (128, 128)])
    def test_ours_is_exact(
        self, device: HostDevice, put: Callable[[NDArray], int], n: int, rows: int
    ) -> None:
        left = matrices.left_rows(KEY, n=n, product=1, first=0, count=rows)
        right = matrices.right_columns(KEY, n=n, first=0, count=n)
        kept = device.allocate(2 * rows * n)

        Kernels(device).multiply(put(left), put(right), kept, n=n, rows=rows)

        assert device.read(kept, 2 * rows * n) == _low16(left, right)

    def test_ours_is_exact_at_both_ends_of_int8(
        self, device: HostDevice, put: Callable[[NDArray], int]
    ) -> None:
        ends = np.array([[-128, 127], [127, -128]], np.int8).repeat(64, 0).repeat(64, 1)
        kept = device.allocate(2 * 128 * 128)

        Kernels(device).multiply(put(ends), put(ends), kept, n=128, rows=128)

        assert device.read(kept, 2 * 128 * 128) == _low16(ends, ends)

    def test_packing_keeps_the_low_halves(
        self, device: HostDevice, put: Callable[[NDArray], int]
    ) -> None:
        sums = np.random.default_rng(1).integers(-(2**31), 2**31, 8 * 259, np.int32)
        sums[:4] = (-1, -(2**31), 2**31 - 1, 0x1_0000)
        kept = device.allocate(2 * sums.size)

        Kernels(device).pack(put(sums), kept, elements=sums.size)

        assert device.read(kept, 2 * sums.size) == sums.astype(np.uint16).tobytes()


class TestDigest:
    @pytest.mark.parametrize(("first", "count"), [(0, 27), (5, 4), (7, 13), (26, 1)])
    def test_is_that_of_each_tile(
        self, device: HostDevice, put: Callable[[NDArray], int], first: int, count: int
    ) -> None:
        n, words = 192, digests.expand_key(KEY)
        whole = np.random.default_rng(2).integers(0, 1 << 16, (3, n, n), np.uint16)
        out = device.allocate(32 * count)

        Kernels(device).digest(put(whole), put(words), out, n=n, first=first, count=count)

        twin = digests.digest_tiles(_tiles(whole)[first : first + count], words)
        assert device.read(out, 32 * count) == twin.tobytes()

    def test_finds_a_tile_behind_the_first_64_gib(self) -> None:
        device, sizes = HostDevice(), Parameters(n=32_768, products=40)
        words, tile = digests.expand_key(KEY), sizes.tiles - 3
        product, row, column = products.place(sizes, tile)
        with mmap.mmap(
            -1, sizes.resident_bytes, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | NO_RESERVE
        ) as space:
            memory = np.frombuffer(space, np.uint16).reshape(sizes.products, sizes.n, sizes.n)
            content = np.arange(64 * 64, dtype=np.uint16).reshape(64, 64)
            memory[product, row * 64 : row * 64 + 64, column * 64 : column * 64 + 64] = content
            key, out = device.allocate(words.nbytes), device.allocate(32 * 3)
            device.write(key, key_bytes(words))

            Kernels(device).digest(memory.ctypes.data, key, out, n=sizes.n, first=tile, count=3)

            tiles = np.stack([content, np.zeros_like(content), np.zeros_like(content)])
            assert device.read(out, 96) == digests.digest_tiles(tiles, words).tobytes()
            del memory


class TestTree:
    @pytest.mark.parametrize("count", [1, 127, 130])
    def test_is_that_of_each_pair(
        self, device: HostDevice, put: Callable[[NDArray], int], count: int
    ) -> None:
        children = prf.stream(KEY, prf.Kind.DRAWING, size=64 * count)
        parents = device.allocate(32 * count)

        Kernels(device).tree_level(put(children), parents, count=count)

        pairs = (children[64 * at : 64 * at + 64].tobytes() for at in range(count))
        twin = b"".join(merkle.node(pair[:32], pair[32:]) for pair in pairs)
        assert device.read(parents, 32 * count) == twin


class TestShim:
    """What would go wrong on a card goes wrong here too."""

    @pytest.mark.parametrize(("file", "barrier"), [("digest.cu", 0), ("gemm.cu", 1)])
    def test_sees_a_missing_barrier(self, tmp_path: Path, file: str, barrier: int) -> None:
        sources = shutil.copytree(KERNELS, tmp_path / "kernels")
        text = (sources / file).read_text()
        at = [found.span() for found in re.finditer(r"__syncthreads\(\);", text)][barrier]
        (sources / file).write_text(text[: at[0]] + text[at[1] :])
        broken = build(tmp_path, sources)

        answers = {
            _answer(HostDevice(reverse=reverse, kernels=broken)) for reverse in (False, True)
        }

        assert answers != {_answer(HostDevice())}

    def test_sees_threads_that_leave_before_a_barrier(self, tmp_path: Path) -> None:
        sources = shutil.copytree(KERNELS, tmp_path / "kernels")
        text = (sources / "digest.cu").read_text()
        (sources / "digest.cu").write_text(
            text.replace("    if (within) {", "    if (!within) return;\n    if (within) {", 1)
        )

        with pytest.raises(AssertionError, match="do not all meet"):
            _answer(HostDevice(kernels=build(tmp_path, sources)))

    def test_sees_a_write_outside(self) -> None:
        device = HostDevice()
        out = device.allocate(64)

        Kernels(device).generate(out, KEY, prf.Kind.LEFT, index=0, start=0, size=128)

        with pytest.raises(AssertionError):
            device.free(out)


class TestCompile:
    @pytest.mark.parametrize("target", ["sm_75", "sm_80", "sm_90"])
    @pytest.mark.parametrize("kernel", kernels.KERNELS)
    def test_every_kernel_for_every_kind_of_card(
        self, compiler: Compiler, kernel: str, target: str
    ) -> None:
        code = compiler.compiled(kernels.KERNELS[kernel], target=target)

        assert code.startswith(b"\x7fELF")
        assert kernel.encode() in code

    def test_a_newer_card_gets_ptx(self, compiler: Compiler) -> None:
        target = compiler.target_for((99, 0))

        assert target.startswith("compute_")
        assert b".entry pack_low16" in compiler.compiled("pack.cu", target=target)

    def test_a_card_that_is_too_old_is_named(self, compiler: Compiler) -> None:
        with pytest.raises(NvrtcError, match="sm_30"):
            compiler.target_for((3, 0))


def _low16(left: NDArray[np.int8], right: NDArray[np.int8]) -> bytes:
    return (left.astype(np.int64) @ right.astype(np.int64).T).astype(np.uint16).tobytes()


def _tiles(whole: NDArray[np.uint16]) -> NDArray[np.uint16]:
    """Cut products of shape (K, n, n) into tiles in their order."""
    side = whole.shape[1] // 64
    return whole.reshape(-1, side, 64, side, 64).swapaxes(2, 3).reshape(-1, 64, 64)


def _answer(device: HostDevice) -> bytes:
    """Run the kernels that share memory within a block; return what they wrote."""
    n, rows = 128, 64
    left, right, kept, key, out = map(device.allocate, (rows * n, n * n, 2 * rows * n, 544, 3 * 32))
    for address, size, kind in ((left, rows * n, prf.Kind.LEFT), (right, n * n, prf.Kind.RIGHT)):
        device.write(address, prf.stream(KEY, kind, size=size).tobytes())
    device.write(key, key_bytes(digests.expand_key(KEY)))
    Kernels(device).multiply(left, right, kept, n=n, rows=rows)
    # Two tiles for a block of four: half of its threads have nothing to do.
    Kernels(device).digest(right, key, out, n=64, first=0, count=2)
    return device.read(kept, 2 * rows * n) + device.read(out, 64)
