"""The vendor's exact int8 product, cuBLASLt through ctypes: the fastest honest way, hence the yardstick of time."""

import ctypes
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import Final

LIBRARIES: Final = ("libcublasLt.so.12", "libcublasLt.so.13", "libcublasLt.so.11", "libcublasLt.so")

# cublas_api.h, library_types.h and cublasLt.h; the values have not changed since CUDA 11.
COMPUTE_32I: Final = 72
R_8I, R_32I = 3, 10
DESCRIPTION_TRANSPOSE_A: Final = 3
TRANSPOSE: Final = 1
PREFERENCE_WORKSPACE_BYTES: Final = 1

# Kernels of Hopper ask for 32 MiB at most.
WORKSPACE_BYTES: Final = 32 << 20


class CublasError(Exception):
    """Say which call the vendor's library refused, with its status."""


class _Choice(ctypes.Structure):
    """Mirror cublasLtMatmulHeuristicResult_t."""

    _fields_ = (
        ("algorithm", ctypes.c_uint64 * 8),
        ("workspace_bytes", ctypes.c_size_t),
        ("state", ctypes.c_int),
        ("waves", ctypes.c_float),
        ("reserved", ctypes.c_int * 4),
    )


class VendorProduct:
    """C = A * B for one n: A by rows, B by columns, C by rows, all on the card that is current in this thread."""

    def __init__(self, *, n: int) -> None:
        self._library = _load()
        self._handle = self._create("cublasLtCreate")
        self._operation = self._create("cublasLtMatmulDescCreate", COMPUTE_32I, R_32I)
        transpose = ctypes.c_int32(TRANSPOSE)
        self._call(
            "cublasLtMatmulDescSetAttribute",
            self._operation,
            DESCRIPTION_TRANSPOSE_A,
            ctypes.byref(transpose),
            ctypes.c_size_t(4),
        )
        self._input, self._output = self._layout(R_8I, n), self._layout(R_32I, n)
        self._choice = self._choose()

    def multiply(self, *, a: int, b: int, c: int, workspace: int, stream: int) -> None:
        """Enqueue one product; all arguments are device addresses, and `stream` the handle of a stream.

        The library counts by columns, in which our rows of C are the columns of C transposed: it multiplies
        B transposed, as B lies in memory, with A transposed.
        """
        one, zero = ctypes.c_int32(1), ctypes.c_int32(0)
        target = ctypes.c_void_p(c)
        self._call(
            "cublasLtMatmul",
            self._handle,
            self._operation,
            ctypes.byref(one),
            ctypes.c_void_p(b),
            self._input,
            ctypes.c_void_p(a),
            self._input,
            ctypes.byref(zero),
            target,
            self._output,
            target,
            self._output,
            ctypes.byref(self._choice.algorithm),
            ctypes.c_void_p(workspace),
            ctypes.c_size_t(WORKSPACE_BYTES),
            ctypes.c_void_p(stream),
        )

    def close(self) -> None:
        """Free what the library holds for this product."""
        for name, value in (
            ("cublasLtMatrixLayoutDestroy", self._input),
            ("cublasLtMatrixLayoutDestroy", self._output),
            ("cublasLtMatmulDescDestroy", self._operation),
            ("cublasLtDestroy", self._handle),
        ):
            self._call(name, value)

    def version(self) -> int:
        """Return the library's version as it counts: 120901 is 12.9.1."""
        self._library.cublasLtGetVersion.restype = ctypes.c_size_t
        return int(self._library.cublasLtGetVersion())

    def _layout(self, data_type: int, n: int) -> ctypes.c_void_p:
        size = ctypes.c_uint64(n)
        return self._create("cublasLtMatrixLayoutCreate", data_type, size, size, ctypes.c_int64(n))

    def _choose(self) -> _Choice:
        preference = self._create("cublasLtMatmulPreferenceCreate")
        limit = ctypes.c_uint64(WORKSPACE_BYTES)
        self._call(
            "cublasLtMatmulPreferenceSetAttribute",
            preference,
            PREFERENCE_WORKSPACE_BYTES,
            ctypes.byref(limit),
            ctypes.c_size_t(8),
        )
        choice, found = _Choice(), ctypes.c_int()
        layouts = (self._input, self._input, self._output, self._output)
        self._call(
            "cublasLtMatmulAlgoGetHeuristic",
            self._handle,
            self._operation,
            *layouts,
            preference,
            1,
            ctypes.byref(choice),
            ctypes.byref(found),
        )
        self._call("cublasLtMatmulPreferenceDestroy", preference)
        if found.value != 1:
            raise CublasError("cuBLASLt knows no int8 product for this card")
        return choice

    def _create(self, name: str, *arguments: object) -> ctypes.c_void_p:
        made = ctypes.c_void_p()
        self._call(name, ctypes.byref(made), *arguments)
        return made

    def _call(self, name: str, *arguments: object) -> None:
        status = getattr(self._library, name)(*arguments)
        if status:
            raise CublasError(f"{name} answered {status}")


def _load() -> ctypes.CDLL:
    for name in _candidates():
        try:
            return ctypes.CDLL(name)
        except OSError:
            continue
    raise CublasError("libcublasLt is not installed; use an image with CUDA's libraries")


def _candidates() -> Iterator[str]:
    yield from LIBRARIES
    packages = Path(sysconfig.get_paths()["purelib"])
    yield from map(str, sorted(packages.glob("nvidia/*/lib/libcublasLt.so.*")))
