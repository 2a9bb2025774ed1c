"""CUDA C++ for a miner's card; each kernel has a NumPy twin in `validation.proof` that gives the same bytes."""

from importlib.resources import files
from typing import Final

# Compiled one by one; the headers are what they include.
SOURCES: Final = ("generate.cu", "digest.cu", "tree.cu", "gemm.cu")
HEADERS: Final = ("types.cuh", "chacha.cuh", "sha256.cuh")


def source(name: str) -> str:
    """Return the text of a source or header file, also from inside a zip file."""
    return files(__name__).joinpath(name).read_text(encoding="utf-8")
