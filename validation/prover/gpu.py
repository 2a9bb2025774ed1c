"""The real card: PyCUDA holds its context and memory; this module alone imports it."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any, Final

import numpy as np
import pycuda.driver as cuda  # type: ignore[import-not-found,unused-ignore]

from validation.kernels import KERNELS
from validation.proof.openings import Opening
from validation.proof.parameters import FULL_N, Parameters
from validation.prover.card import ROWS_AT_ONCE, ResidentCard
from validation.prover.cublaslt import WORKSPACE_BYTES, CublasError, VendorProduct
from validation.prover.device import SUM_BYTES, Argument, ExactProduct, Kernels
from validation.prover.errors import ProverError
from validation.prover.identity import driver_version, uuid_by_kernel, uuid_of
from validation.prover.measure import measure, sizes_for
from validation.prover.nvrtc import Compiler, NvrtcError
from validation.prover.simulated import SimulatedCard

SELF_TEST: Final = Parameters(n=256, products=3, sweeps=1, openings=1)
SELF_TEST_SEED: Final = bytes(range(32))
UPLOAD_BYTES: Final = 64 << 20
LAUNCHES: Final = 100


class CudaDevice:
    """One GPU's context, memory and kernels; used in one thread, inside `current`. Work is done in the order of calls."""

    def __init__(self, index: int, compiler: Compiler) -> None:
        self.handle = cuda.Device(index)
        self._context = self.handle.retain_primary_context()
        target = compiler.target_for(self.handle.compute_capability())
        with self.current():
            self._functions = {
                kernel: cuda.module_from_buffer(
                    compiler.compiled(file, target=target)
                ).get_function(kernel)
                for kernel, file in KERNELS.items()
            }
        self._allocations: dict[int, Any] = {}

    @contextmanager
    def current(self) -> Iterator[None]:
        """Make this the thread's card; PyCUDA ends a process whose thread leaves one behind."""
        self._context.push()
        try:
            yield
        finally:
            cuda.Context.pop()

    def allocate(self, size: int) -> int:
        """Return the address of new memory.

        :raises ProverError: if there is not so much.
        """
        try:
            allocation = cuda.mem_alloc(size)
        except cuda.MemoryError as refused:
            raise ProverError(
                f"{size:,} bytes cannot be had on the card",
                why=f"{self.free_bytes():,} are free ({refused})",
                remedy="End what else uses the card, or claim the memory that it has",
            ) from refused
        self._allocations[int(allocation)] = allocation
        return int(allocation)

    def free(self, address: int) -> None:
        """Give memory back."""
        self._allocations.pop(address).free()

    def free_bytes(self) -> int:
        """Return how much memory is free."""
        return int(cuda.mem_get_info()[0])

    def read(self, address: int, size: int) -> bytes:
        """Copy memory to the host, after all work before it."""
        target = bytearray(size)
        cuda.memcpy_dtoh(target, address)
        return bytes(target)

    def write(self, address: int, data: bytes) -> None:
        """Copy bytes to the card."""
        cuda.memcpy_htod(address, data)

    def copy(self, source: int, target: int, size: int) -> None:
        """Copy memory within the card."""
        cuda.memcpy_dtod(target, source, size)

    def wait(self) -> None:
        """Wait until all work is done."""
        self._context.synchronize()

    def launch(
        self, kernel: str, grid: tuple[int, int], block: tuple[int, int], *arguments: Argument
    ) -> None:
        """Enqueue a kernel."""
        self._functions[kernel](*arguments, grid=grid, block=(*block, 1))


class GpuCard(ResidentCard):
    """A real card, with what it claims to be."""

    device: CudaDevice
    # How far away the card seems to be.
    reach: Mapping[str, int]

    def fill(self, seed: bytes, parameters: Parameters) -> bytes:
        """Make and keep all products; return the root that commits to them."""
        with self.device.current():
            return super().fill(seed, parameters)

    def sweep(self, nonce: bytes) -> list[bytes]:
        """Read everything back as often as asked; return each sweep's top."""
        with self.device.current():
            return super().sweep(nonce)

    def open(self, coin: bytes) -> list[Opening]:
        """Give the paths of the tiles that the coin draws."""
        with self.device.current():
            return super().open(coin)

    def release(self) -> None:
        """Give back all memory of the card."""
        with self.device.current():
            super().release()

    def description(self) -> dict[str, Any]:
        """Return what this card and its driver claim; nothing of it is evidence."""
        handle = self.device.handle
        major, minor = handle.compute_capability()
        return {
            "kind": "gpu",
            "name": handle.name(),
            "memory_bytes": int(handle.total_memory()),
            "compute_capability": f"{major}.{minor}",
            "driver": driver_version(),
            "pci_bus_id": handle.pci_bus_id(),
            "uuid_by_kernel": uuid_by_kernel(handle.pci_bus_id()),
            "product": "own" if self.vendor is None else "cublaslt",
            **self.reach,
        }


def cards() -> "tuple[list[Callable[[], GpuCard]], Mapping[str, str]]":
    """Return what makes each card of this machine, and the versions of what they use.

    :raises ProverError: if there is no GPU, or the kernels do not compile.
    """
    try:
        cuda.init()
        compiler = Compiler()
    except (cuda.Error, NvrtcError) as failure:
        raise ProverError(
            "this machine's GPUs cannot be used",
            why=str(failure),
            remedy="Run the prover in an image with CUDA 12, with all GPUs visible",
        ) from failure
    makers: list[Callable[[], GpuCard]] = [
        partial(_card, index, compiler) for index in range(cuda.Device.count())
    ]
    if not makers:
        raise ProverError(
            "this machine has no GPU",
            why="the driver lists none",
            remedy="Start the container with --gpus all",
        )
    return makers, {"nvrtc": compiler.version, "cuda": ".".join(map(str, cuda.get_version()))}


def measured(rounds: int) -> Iterator[Mapping[str, Any]]:
    """Yield what the first card is, then each round's figures; only with the machine at rest do they mean anything.

    :raises ProverError: as `cards` does.
    """
    makers, versions = cards()
    card = makers[0]()
    description = card.description()
    yield {"type": "card", "count": len(makers), **description, "versions": versions}
    sizes = sizes_for(description["memory_bytes"])
    for _ in range(rounds):
        with card.device.current():
            figures = measure(card, sizes)
        yield {"type": "round", **figures}


def _card(index: int, compiler: Compiler) -> "GpuCard":
    device = CudaDevice(index, compiler)
    uuid = uuid_of(index)
    with device.current():
        fastest, reach = _vendor(device), _reach(device)
    for vendor in (fastest, None):
        card = GpuCard(uuid, device, vendor)
        card.reach = reach
        if _is_exact(card):
            return card
    raise ProverError(
        f"{uuid} computes something else than the CPU",
        why="a small proof on it has another root than the same proof in NumPy",
        remedy="Update the driver; if that does not help, the card is faulty",
    )


def _vendor(device: CudaDevice) -> ExactProduct | None:
    """Load the vendor's product and run it once at full size, so that no proof waits for its code to be loaded."""
    sizes = (FULL_N * FULL_N, FULL_N * ROWS_AT_ONCE, SUM_BYTES * FULL_N * ROWS_AT_ONCE)
    workspace, *scratch = (device.allocate(size) for size in (WORKSPACE_BYTES, *sizes))
    right, left, sums = scratch
    try:
        vendor = VendorProduct(workspace=workspace)
        vendor.multiply(left=left, right=right, sums=sums, n=FULL_N, rows=ROWS_AT_ONCE)
        device.wait()
    except CublasError:
        device.free(workspace)
        return None
    finally:
        for address in scratch:
            device.free(address)
    return vendor


def _reach(device: CudaDevice) -> dict[str, int]:
    """Time a small kernel and an upload: a card behind a network shows in both, as side evidence."""
    target, kernels = device.allocate(UPLOAD_BYTES), Kernels(device)
    source = cuda.pagelocked_empty(UPLOAD_BYTES, np.uint8)
    source.fill(0)
    cuda.memcpy_htod(target, source)
    started = time.perf_counter_ns()
    cuda.memcpy_htod(target, source)
    uploaded = time.perf_counter_ns()
    for _ in range(LAUNCHES):
        kernels.tree_level(target, target + UPLOAD_BYTES // 2, count=1)
        device.wait()
    launched = time.perf_counter_ns()
    device.free(target)
    return {
        "upload_mb_s": UPLOAD_BYTES * 1000 // max(1, uploaded - started),
        "launch_ns": (launched - uploaded) // LAUNCHES,
    }


def _is_exact(card: GpuCard) -> bool:
    """Say whether a small proof has the root that NumPy gives it; whatever the vendor's library breaks shows here."""
    try:
        root = card.fill(SELF_TEST_SEED, SELF_TEST)
    except CublasError:
        return False
    finally:
        card.release()
    return root == SimulatedCard(card.uuid).fill(SELF_TEST_SEED, SELF_TEST)
