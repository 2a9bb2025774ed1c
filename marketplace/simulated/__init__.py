"""GPUs for machines that have none: a stand-in for nvidia-smi that says so in all it prints.

A node with these GPUs is marked as simulated wherever it is shown, and a market on a real chain
refuses it.
"""

from marketplace.simulated.gpus import (
    NVIDIA_SMI,
    SIMULATED_DRIVER,
    SIMULATED_MODELS,
    SIMULATED_UUID_PREFIX,
    gpus_tsv,
    install,
    is_simulated,
    uuids,
)

__all__ = [
    "NVIDIA_SMI",
    "SIMULATED_DRIVER",
    "SIMULATED_MODELS",
    "SIMULATED_UUID_PREFIX",
    "gpus_tsv",
    "install",
    "is_simulated",
    "uuids",
]
