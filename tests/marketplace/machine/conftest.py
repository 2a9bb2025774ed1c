from collections.abc import Iterator

import pytest

from marketplace.machine import Machine, connect
from tests.machines import Sshd, loopback_sshd


@pytest.fixture(scope="module")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    with loopback_sshd(tmp_path_factory.mktemp("sshd")) as running:
        yield running


@pytest.fixture(scope="module")
def machine(sshd: Sshd) -> Iterator[Machine]:
    with connect(sshd.address) as opened:
        yield opened
