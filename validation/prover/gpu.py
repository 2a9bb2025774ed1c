"""The real card: PyCUDA holds its context and memory; this module alone imports it."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

import pycuda.driver as cuda  # type: ignore[import-not-found,unused-ignore]

from validation import kernels
from validation.proof.parameters import FULL_N, Parameters
from validation.prover.card import ROWS_AT_ONCE, ResidentCard
from validation.prover.cublaslt import WORKSPACE_BYTES, CublasError, VendorProduct
from validation.prover.device import SUM_BYTES, Argument, ExactProduct
from validation.prover.errors import ProverError
from validation.prover.identity import driver_version, uuid_by_kernel, uuid_of
from validation.prover.nvrtc import Compiler, NvrtcError
from validation.prover.simulated import SimulatedCard
from validation.prover.team import Card

SELF_TEST: Final = Parameters(n=256, products=3, sweeps=1, openings=1)
SELF_TEST_SEED: Final = bytes(range(32))


class CudaDevice:
    """One GPU's context, memory and kernels; made and used in one thread. Work is in the order of the default stream."""

    def __init__(self, index: int, compiler: Compiler) -> None:
        self.handle = cuda.Device(index)
        self._context = self.handle.retain_primary_context()
        self._context.push()
        target = compiler.target_for(self.handle.compute_capability())
        self._functions = {
            kernel: cuda.module_from_buffer(compiler.compiled(file, target=target)).get_function(
                kernel
            )
            for kernel, file in kernels.KERNELS.items()
        }
        self._allocations: dict[int, Any] = {}

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
        }


def cards() -> tuple[list[Callable[[], Card]], Mapping[str, str]]:
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
    makers: list[Callable[[], Card]] = [
        partial(_card, index, compiler) for index in range(cuda.Device.count())
    ]
    if not makers:
        raise ProverError(
            "this machine has no GPU",
            why="the driver lists none",
            remedy="Start the container with --gpus all",
        )
    return makers, {"nvrtc": compiler.version, "cuda": ".".join(map(str, cuda.get_version()))}


def _card(index: int, compiler: Compiler) -> Card:
    device = CudaDevice(index, compiler)
    uuid = uuid_of(index)
    for vendor in (_vendor(device), None):
        card = GpuCard(uuid, device, vendor)
        if _is_exact(card):
            return card
    raise ProverError(
        f"{uuid} computes something else than the CPU",
        why="a small proof on it has another root than the same proof in NumPy",
        remedy="Update the driver; if that does not help, the card is faulty",
    )


def _vendor(device: CudaDevice) -> ExactProduct | None:
    """Load the vendor's product and run it once at full size, so that no proof waits for its code to be loaded."""
    try:
        vendor = VendorProduct(workspace=device.allocate(WORKSPACE_BYTES))
        shape = (FULL_N * FULL_N, FULL_N * ROWS_AT_ONCE, SUM_BYTES * FULL_N * ROWS_AT_ONCE)
        right, left, sums = map(device.allocate, shape)
        try:
            vendor.multiply(left=left, right=right, sums=sums, n=FULL_N, rows=ROWS_AT_ONCE)
            device.wait()
        finally:
            for address in (right, left, sums):
                device.free(address)
    except CublasError:
        return None
    return vendor


def _is_exact(card: GpuCard) -> bool:
    """Say whether a small proof has the root that NumPy gives it; whatever the vendor's library breaks shows here."""
    try:
        root = card.fill(SELF_TEST_SEED, SELF_TEST)
    except CublasError:
        return False
    finally:
        card.release()
    return root == SimulatedCard(card.uuid).fill(SELF_TEST_SEED, SELF_TEST)
