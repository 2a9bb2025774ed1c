import socket
from collections.abc import Iterator

import pytest

from marketplace.machine import Machine, connect
from tests.machines import Sshd, loopback_sshd


@pytest.fixture(scope="module")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with loopback_sshd(tmp_path_factory.mktemp("sshd"), port=port) as running:
        yield running


@pytest.fixture(scope="module")
def machine(sshd: Sshd) -> Iterator[Machine]:
    with connect(sshd.address) as opened:
        yield opened
