"""Binary sizes, named by unit."""

from typing import Final

KIB_PER_MIB: Final = 1024
MIB_PER_GIB: Final = 1024
KIB_PER_GIB: Final = KIB_PER_MIB * MIB_PER_GIB


def gib_to_kib(gib: int) -> int:
    """Convert GiB to KiB."""
    return gib * KIB_PER_GIB


def mib_to_kib(mib: int) -> int:
    """Convert MiB to KiB."""
    return mib * KIB_PER_MIB
