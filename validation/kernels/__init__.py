"""CUDA C++ for a miner's card; each kernel has a NumPy twin in `validation.proof` that gives the same bytes."""

from importlib.resources import files
from typing import Final

# Each kernel and the file that holds it; each file is compiled alone.
KERNELS: Final = {
    "generate": "generate.cu",
    "gemm_low16": "gemm.cu",
    "pack_low16": "pack.cu",
    "digest_tiles": "digest.cu",
    "tree_level": "tree.cu",
}
HEADERS: Final = ("types.cuh", "chacha.cuh", "sha256.cuh")


def source(name: str) -> str:
    """Return the text of a source or header file, also from inside a zip file."""
    return files(__name__).joinpath(name).read_text(encoding="utf-8")
