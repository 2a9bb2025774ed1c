"""A card whose kernels run on the CPU: the CUDA files as they are, built by g++ through the shim."""

import ctypes
import functools
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Final

import numpy as np
import pytest
from numpy.typing import NDArray

from validation.prover.device import Argument

KERNELS: Final = Path(__file__).resolve().parents[2] / "validation" / "kernels"
# Undefined behaviour ends the process: without the runtime library there is nothing to print it.
FLAGS: Final = (
    *("-std=c++17", "-O1", "-fPIC", "-shared", "-Wall", "-Wextra", "-Werror"),
    *("-Wno-unknown-pragmas", "-fno-strict-aliasing"),
    *("-fsanitize=undefined", "-fsanitize-undefined-trap-on-error"),
)
GUARD: Final = b"\xa5" * 4096
MEMORY_BYTES: Final = 256 << 20


class Dim3(ctypes.Structure):
    """Mirror the shim's grid and block."""

    _fields_ = (("x", ctypes.c_uint32), ("y", ctypes.c_uint32), ("z", ctypes.c_uint32))


def build(folder: Path, sources: Path = KERNELS) -> ctypes.CDLL:
    """Build the kernels of a folder for this machine."""
    return built(sources / "shim" / "host.cpp", folder)


def built(source: Path, folder: Path) -> ctypes.CDLL:
    """Build one C++ file to a library in a folder, and load it; without g++ the test is skipped, or fails in CI."""
    if shutil.which("g++") is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("g++ is not installed (package g++)")
    target = folder / f"{source.stem}.so"
    subprocess.run(["g++", *FLAGS, "-o", str(target), str(source)], check=True, timeout=120)
    return ctypes.CDLL(str(target))


@functools.cache
def library() -> ctypes.CDLL:
    """Return the kernels as they are in this checkout."""
    with tempfile.TemporaryDirectory(prefix="kernels-") as folder:
        return build(Path(folder))


class HostDevice:
    """Memory with guards on both sides of each piece, and launches that finish before they return.

    ``reverse`` runs a block's threads from last to first: a kernel that lacks a barrier answers differently.
    """

    def __init__(self, *, reverse: bool = False, kernels: ctypes.CDLL | None = None) -> None:
        self._library = kernels or library()
        self._reverse = reverse
        self._pieces: dict[int, NDArray[np.uint8]] = {}

    @property
    def held(self) -> int:
        """Return how many pieces are not given back."""
        return len(self._pieces)

    def allocate(self, size: int) -> int:
        piece = np.frombuffer(bytearray(GUARD + b"\xcd" * size + GUARD), np.uint8)
        address = piece.ctypes.data + len(GUARD)
        assert address % 16 == 0
        self._pieces[address] = piece
        return address

    def free(self, address: int) -> None:
        piece = self._pieces.pop(address)
        assert piece[: len(GUARD)].tobytes() == GUARD == piece[-len(GUARD) :].tobytes()

    def free_bytes(self) -> int:
        return MEMORY_BYTES

    def read(self, address: int, size: int) -> bytes:
        return ctypes.string_at(address, size)

    def write(self, address: int, data: bytes) -> None:
        ctypes.memmove(address, data, len(data))

    def copy(self, source: int, target: int, size: int) -> None:
        ctypes.memmove(target, source, size)

    def wait(self) -> None:
        """Nothing is under way here."""

    def launch(
        self, kernel: str, grid: tuple[int, int], block: tuple[int, int], *arguments: Argument
    ) -> None:
        shape = (Dim3(*grid, 1), Dim3(*block, 1), ctypes.c_int(self._reverse))
        met = getattr(self._library, f"host_{kernel}")(*shape, *map(_passed, arguments))
        assert met == 0, f"the threads of a block of {kernel} do not all meet at a barrier"


class HostProduct:
    """The vendor's place, taken by NumPy."""

    def multiply(self, *, left: int, right: int, sums: int, n: int, rows: int) -> None:
        a = np.frombuffer(ctypes.string_at(left, rows * n), np.int8).reshape(rows, n)
        b = np.frombuffer(ctypes.string_at(right, n * n), np.int8).reshape(n, n)
        exact = (a.astype(np.int64) @ b.astype(np.int64).T).astype(np.int32)
        ctypes.memmove(sums, exact.tobytes(), exact.nbytes)


def _passed(argument: Argument) -> object:
    if isinstance(argument, np.ndarray):
        return argument.ctypes.data_as(ctypes.c_void_p)
    return {4: ctypes.c_uint32, 8: ctypes.c_uint64}[argument.nbytes](int(argument))
