"""The vendor's exact int8 product, cuBLASLt through ctypes: the fastest honest way, hence the yardstick of time."""

import ctypes
from dataclasses import dataclass
from typing import Final

from validation.prover.libraries import load

NAMES: Final = ("libcublasLt.so.12", "libcublasLt.so.13", "libcublasLt.so.11", "libcublasLt.so")

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


@dataclass(frozen=True)
class _Plan:
    """What the library needs to know of one shape: `rows` of the product, n columns."""

    right: ctypes.c_void_p
    left: ctypes.c_void_p
    sums: ctypes.c_void_p
    choice: _Choice


class VendorProduct:
    """Exact int8 products on the card whose context is current in this thread.

    ``workspace`` is the address of WORKSPACE_BYTES on the card, lent for as long as products are made.

    :raises CublasError: if the library is not installed, and from any method if it refuses.
    """

    def __init__(self, *, workspace: int) -> None:
        library = load(NAMES)
        if library is None:
            raise CublasError("libcublasLt is not installed")
        self._library = library
        self._workspace = ctypes.c_void_p(workspace)
        self._handle = self._create("cublasLtCreate")
        self._operation = self._create("cublasLtMatmulDescCreate", COMPUTE_32I, R_32I)
        self._set("MatmulDesc", self._operation, DESCRIPTION_TRANSPOSE_A, ctypes.c_int32(TRANSPOSE))
        self._plans: dict[tuple[int, int], _Plan] = {}

    def multiply(self, *, left: int, right: int, sums: int, n: int, rows: int) -> None:
        """Enqueue one product on the default stream; all addresses are on the card.

        The library counts by columns, and our rows of the product are its columns: it multiplies the right operand
        transposed, as it lies in memory, with the left one transposed.
        """
        plan = self._plans.get((n, rows)) or self._plan(n, rows)
        one, zero, target = ctypes.c_int32(1), ctypes.c_int32(0), ctypes.c_void_p(sums)
        self._call(
            "cublasLtMatmul",
            *(self._handle, self._operation, ctypes.byref(one)),
            *(ctypes.c_void_p(right), plan.right),
            *(ctypes.c_void_p(left), plan.left),
            *(ctypes.byref(zero), target, plan.sums, target, plan.sums),
            *(ctypes.byref(plan.choice.algorithm), self._workspace),
            *(ctypes.c_size_t(WORKSPACE_BYTES), ctypes.c_void_p(0)),
        )

    def version(self) -> int:
        """Return the library's version as it counts: 120901 is 12.9.1."""
        self._library.cublasLtGetVersion.restype = ctypes.c_size_t
        return int(self._library.cublasLtGetVersion())

    def _plan(self, n: int, rows: int) -> _Plan:
        right, left = self._layout(R_8I, n, n), self._layout(R_8I, n, rows)
        sums = self._layout(R_32I, n, rows)
        plan = _Plan(right, left, sums, self._choose(right, left, sums))
        self._plans[n, rows] = plan
        return plan

    def _layout(self, data_type: int, n: int, columns: int) -> ctypes.c_void_p:
        sizes = (ctypes.c_uint64(n), ctypes.c_uint64(columns), ctypes.c_int64(n))
        return self._create("cublasLtMatrixLayoutCreate", data_type, *sizes)

    def _choose(
        self, right: ctypes.c_void_p, left: ctypes.c_void_p, sums: ctypes.c_void_p
    ) -> _Choice:
        preference = self._create("cublasLtMatmulPreferenceCreate")
        limit = ctypes.c_uint64(WORKSPACE_BYTES)
        self._set("MatmulPreference", preference, PREFERENCE_WORKSPACE_BYTES, limit)
        choice, found = _Choice(), ctypes.c_int()
        self._call(
            "cublasLtMatmulAlgoGetHeuristic",
            *(self._handle, self._operation, right, left, sums, sums, preference),
            *(1, ctypes.byref(choice), ctypes.byref(found)),
        )
        self._call("cublasLtMatmulPreferenceDestroy", preference)
        if found.value != 1:
            raise CublasError("cuBLASLt knows no int8 product for this card")
        return choice

    def _set(
        self,
        kind: str,
        target: ctypes.c_void_p,
        attribute: int,
        value: ctypes.c_int32 | ctypes.c_uint64,
    ) -> None:
        size = ctypes.c_size_t(ctypes.sizeof(value))
        self._call(f"cublasLt{kind}SetAttribute", target, attribute, ctypes.byref(value), size)

    def _create(self, name: str, *arguments: object) -> ctypes.c_void_p:
        made = ctypes.c_void_p()
        self._call(name, ctypes.byref(made), *arguments)
        return made

    def _call(self, name: str, *arguments: object) -> None:
        status = getattr(self._library, name)(*arguments)
        if status:
            raise CublasError(f"{name} answered {status}")
