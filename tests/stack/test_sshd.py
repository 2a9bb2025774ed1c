"""The local machine's own door: it opens to its key, keeps its place, and moves where the place is taken."""

import io
import socket
from pathlib import Path

import paramiko
import pytest

from lium_site.stack import sshd
from lium_site.stack.packages import find
from lium_site.stack.paths import State
from lium_site.stack.renter import SshIdentity, make_identity, run_inside

# One worker: they all look for the same first place that is free.
pytestmark = [
    pytest.mark.skipif(find("sshd") is None, reason="sshd is not installed"),
    pytest.mark.xdist_group("test_sshd"),
]


def test_opens_to_its_key_with_our_environment(state: State) -> None:
    child, door = sshd.start(state, environment={"DOCKER_HOST": "unix:///some where.sock"})
    try:
        key = paramiko.Ed25519Key(file_obj=io.StringIO(door.private_key))
        status, text = run_inside(
            f"ssh {door.user}@{door.host} -p {door.port}",
            "echo $DOCKER_HOST; command -v sh; exit 3",
            identity=SshIdentity(key, ""),
            host_key=door.host_key,
        )
    finally:
        child.stop()

    assert (status, text.splitlines()[0]) == (3, "unix:///some where.sock")


def test_refuses_another_key(state: State) -> None:
    child, door = sshd.start(state, environment={})
    try:
        with pytest.raises(paramiko.AuthenticationException):
            run_inside(
                f"ssh {door.user}@{door.host} -p {door.port}",
                "true",
                identity=make_identity("stranger"),
                host_key=door.host_key,
            )
    finally:
        child.stop()


def test_keeps_keys_and_place(state: State) -> None:
    first, before = sshd.start(state, environment={})
    first.stop()
    second, after = sshd.start(state, environment={})
    second.stop()

    assert after == before


def test_moves_when_the_place_is_taken(state: State, tmp_path: Path) -> None:
    first, before = sshd.start(state, environment={})
    first.stop()
    with socket.create_server((before.host, before.port)):
        second, after = sshd.start(state, environment={})
        second.stop()

    assert (after.host, after.port) != (before.host, before.port)
