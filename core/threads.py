"""Threads of the event loop for work that asks the database: few, so that sockets leave connections to the pages."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

from django.db import close_old_connections

T = TypeVar("T")
THREADS: Final = 4

_threads = ThreadPoolExecutor(THREADS, thread_name_prefix="live")


async def in_thread(work: Callable[[], T]) -> T:
    """Run blocking work off the loop; its thread gives its connection back before the answer is here."""
    return await asyncio.get_running_loop().run_in_executor(_threads, _tidily, work)


def _tidily(work: Callable[[], T]) -> T:
    close_old_connections()
    try:
        return work()
    except StopIteration as error:
        # A future cannot carry it: who waits would wait for ever.
        raise RuntimeError("The work ended in StopIteration.") from error
    finally:
        close_old_connections()
