"""What a card's work takes, beside the bare vendor product and a bare copy of memory: for people, by the card's own clock."""

import time
from collections.abc import Callable, Mapping
from typing import Final

import numpy as np

from validation.proof import seeds
from validation.proof.freivalds import VECTORS, is_product
from validation.proof.matrices import left_rows, right_columns
from validation.proof.parameters import FULL_N, Parameters, product_bytes, products_that_fill
from validation.proof.prf import Kind
from validation.prover.card import ROWS_AT_ONCE, ResidentCard
from validation.prover.device import SUM_BYTES

KEY: Final = bytes(range(32))
# Six seconds of an H100: long enough for clocks to settle, and no more to wait for.
MOST_PRODUCTS: Final = 64
SWEEPS: Final = 5

Figures = Mapping[str, int | None]


def sizes_for(memory_bytes: int) -> Parameters:
    """Return the sizes that a card of this memory is measured with."""
    products = min(MOST_PRODUCTS, products_that_fill(memory_bytes, n=FULL_N))
    return Parameters(n=FULL_N, products=products, sweeps=SWEEPS)


def measure(card: ResidentCard, sizes: Parameters) -> Figures:
    """Take one round; return microseconds for all products, and for one sweep and one copy of all that is kept.

    ``vendor_us`` is None where the vendor's library is not used. A copy reads and writes its bytes. ``exact`` says whether a
    whole product that was kept is right.
    """
    card.fill(KEY, sizes)
    exact = is_exact(card)
    card.sweep(KEY)
    figures = {name: card.facts[name] for name in ("fill_us", "commit_us")}
    copied = _copy_us(card, sizes.resident_bytes)
    card.release()
    return {
        **figures,
        "sweep_us": card.facts["sweeps_us"] // sizes.sweeps,
        "copy_us": copied,
        **_parts(card, sizes),
        "products": sizes.products,
        "kept_bytes": sizes.resident_bytes,
        "exact": exact,
    }


def is_exact(card: ResidentCard) -> bool:
    """Say whether the last product that the card keeps is the product of its operands, by Freivalds' test on the CPU."""
    n, last = card.parameters.n, card.parameters.products - 1
    kept = card.device.read(card.products + last * product_bytes(n), product_bytes(n))
    key = seeds.matrix_key(card.seed)
    return is_product(
        np.frombuffer(kept, "<u2").reshape(n, n),
        left_rows(key, n=n, product=last, first=0, count=n),
        right_columns(key, n=n, first=0, count=n),
        vectors=np.random.default_rng().integers(0, 1 << 16, (n, VECTORS), np.uint16),
    )


def _parts(card: ResidentCard, sizes: Parameters) -> Figures:
    """Time what a fill consists of, each part alone and as often as the fill does it."""
    n, rows = sizes.n, min(sizes.n, ROWS_AT_ONCE)
    device, kernels, vendor = card.device, card.kernels, card.vendor
    times = sizes.products * n // rows
    addresses = [
        device.allocate(size)
        for size in (n * n, n * rows, SUM_BYTES * n * rows, product_bytes(n) * rows // n)
    ]
    right, left, sums, kept = addresses
    kernels.generate(right, KEY, Kind.RIGHT, index=0, start=0, size=n * n)

    def generate() -> None:
        kernels.generate(left, KEY, Kind.LEFT, index=0, start=0, size=n * rows)

    generated = _timed(card, times, generate)
    packed = _timed(card, times, lambda: kernels.pack(sums, kept, elements=n * rows))
    multiplied = None
    if vendor is not None:
        multiplied = _timed(
            card,
            times,
            lambda: vendor.multiply(left=left, right=right, sums=sums, n=n, rows=rows),
        )
    for address in addresses:
        device.free(address)
    return {"generate_us": generated, "pack_us": packed, "vendor_us": multiplied}


def _copy_us(card: ResidentCard, size: int) -> int:
    """Copy one half of what is kept over the other, twice: as many bytes as there are."""
    half = size // 2
    return _timed(card, 2, lambda: card.device.copy(card.products, card.products + half, half))


def _timed(card: ResidentCard, times: int, step: Callable[[], None]) -> int:
    step()
    card.device.wait()
    started = time.perf_counter_ns()
    for _ in range(times):
        step()
    card.device.wait()
    return (time.perf_counter_ns() - started) // 1000
