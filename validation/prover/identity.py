"""Who a card says it is: its UUID by the driver's own interface, and by the kernel module's files."""

import ctypes
from pathlib import Path
from typing import Final
from uuid import UUID

from validation.prover.errors import ProverError
from validation.prover.libraries import load

DRIVER_NAMES: Final = ("libcuda.so.1", "libcuda.so")
PROC: Final = Path("/proc/driver/nvidia")
UUID_LABEL: Final = "GPU UUID:"


def uuid_of(index: int) -> str:
    """Return the UUID of a card, as nvidia-smi writes it, from the CUDA driver.

    :raises ProverError: if the driver does not tell.
    """
    driver, handle, raw = load(DRIVER_NAMES), ctypes.c_int(), ctypes.create_string_buffer(16)
    told = (
        driver is not None
        and driver.cuDeviceGet(ctypes.byref(handle), index) == 0
        and driver.cuDeviceGetUuid_v2(raw, handle) == 0
    )
    if not told:
        raise ProverError(
            f"card {index} has no UUID",
            why="the CUDA driver does not tell it",
            remedy="Install driver 470 or newer",
        )
    return f"GPU-{UUID(bytes=raw.raw)}"


def uuid_by_kernel(pci_bus_id: str) -> str | None:
    """Return the UUID of the card at this address by the kernel module's files, or None where they are not visible."""
    try:
        text = (PROC / "gpus" / pci_bus_id.lower() / "information").read_text()
    except OSError:
        return None
    found = (
        line.removeprefix(UUID_LABEL).strip()
        for line in text.splitlines()
        if line.startswith(UUID_LABEL)
    )
    return next(found, None)


def driver_version() -> str | None:
    """Return the kernel module's version, or None where it is not visible."""
    try:
        words = (PROC / "version").read_text().splitlines()[0].split()
    except (OSError, IndexError):
        return None
    return next((word for word in words if word[0].isdigit() and "." in word), None)
