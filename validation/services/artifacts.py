"""The prover as one file, built once a process."""

from functools import cache

from validation.prover import build


@cache
def prover() -> bytes:
    """Give the bytes of prove.pyz; the same source gives the same bytes."""
    return build.build()
