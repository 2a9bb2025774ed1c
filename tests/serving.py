"""The whole site on a real socket, served from a thread of the test process. Loaded as a pytest plugin."""

import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
import uvicorn


@dataclass(frozen=True)
class Served:
    """Where the site answers."""

    port: int

    @property
    def netloc(self) -> str:
        return f"127.0.0.1:{self.port}"


@pytest.fixture(scope="session")
def served() -> Iterator[Served]:
    """Serve the site; its threads see what the tests have committed (`transaction=True`)."""
    from lium_site.asgi import application

    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    config = uvicorn.Config(application, log_config=None, lifespan="off", ws_ping_interval=None)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
    thread.start()
    end = time.monotonic() + 20
    while not server.started:
        assert time.monotonic() < end, "the site did not start"
        time.sleep(0.02)
    yield Served(listening.getsockname()[1])
    server.should_exit = server.force_exit = True
    thread.join(20)
