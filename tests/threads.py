"""Running something beside Playwright, whose loop and greenlets stay in the thread that drove a browser."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Result = TypeVar("Result")


def apart(function: Callable[[], Result]) -> Result:
    """Call a function in a thread of its own, and give what it gives."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(function).result()
