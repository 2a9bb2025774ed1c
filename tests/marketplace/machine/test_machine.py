import io
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import paramiko
import pytest

from marketplace.machine import (
    AccessDenied,
    CommandFailed,
    CommandTimeout,
    HostKeyChanged,
    Machine,
    MachineAddress,
    MachineUnreachable,
    OutcomeUnknown,
    connect,
    fingerprint,
    generate_keypair,
)
from marketplace.machine.machine import WRITE_FILE
from marketplace.machine.stream import Stream
from tests.machines import Sshd

HOSTILE = ["; id", "$(id)", "`id`", "a b", "'", '"', "-n", "\n", "*", "ü\\0", ""]
# Ends the session's own server process, and with it the connection; a login shell may stand between the two.
UP_TO_SSHD = (
    'p=$$; until ps -o comm= -p "$p" | grep -q ^sshd; do p=$(ps -o ppid= -p "$p" | tr -d " "); done'
)
CUT = ["sh", "-c", f'{UP_TO_SSHD}; kill -9 "$p"']


class Ended(paramiko.Channel):
    """A channel whose command closed its output, and whose exit status is told a moment later."""

    def __init__(self, *, status: int, after: float) -> None:
        super().__init__(1)
        self._told = threading.Timer(after, self._tell, [status])
        self.in_buffer.close()

    @contextmanager
    def telling(self) -> Iterator[None]:
        self._told.start()
        yield
        self._told.join()

    def _tell(self, status: int) -> None:
        self.exit_status = status
        self.status_event.set()


class Withholding(paramiko.ServerInterface):
    """A server that lets anybody in, and never says whether it runs their command."""

    def __init__(self) -> None:
        self.over = threading.Event()

    def get_allowed_auths(self, username: str) -> str:
        return "publickey"

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        return paramiko.AUTH_SUCCESSFUL  # type: ignore[attr-defined,no-any-return]

    def check_channel_request(self, kind: str, chanid: int) -> int:
        return paramiko.OPEN_SUCCEEDED  # type: ignore[attr-defined,no-any-return]

    def check_channel_exec_request(self, channel: paramiko.Channel, command: bytes) -> bool:
        return not self.over.wait(30)


@pytest.fixture
def withholding(sshd: Sshd) -> Iterator[MachineAddress]:
    private, public = generate_keypair()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        address = replace(
            sshd.address, port=listening.getsockname()[1], host_key_sha256=fingerprint(public)
        )
        answers = Withholding()
        serving = threading.Thread(target=serve, args=(listening, private, answers))
        serving.start()
        yield address
        answers.over.set()
        serving.join()


def serve(listening: socket.socket, host_key: str, answers: Withholding) -> None:
    """Serve one connection until the answers are over."""
    transport = paramiko.Transport(listening.accept()[0])
    transport.add_server_key(paramiko.Ed25519Key.from_private_key(io.StringIO(host_key)))
    transport.start_server(server=answers)
    answers.over.wait()
    transport.close()


class TestConnect:
    def test_refuses_another_host_key(self, sshd: Sshd) -> None:
        other = fingerprint(generate_keypair()[1])
        address = replace(sshd.address, host_key_sha256=other)

        with pytest.raises(HostKeyChanged) as caught, connect(address):
            pass

        assert caught.value.expected == other
        assert caught.value.presented == sshd.address.host_key_sha256

    def test_names_a_refused_key(self, sshd: Sshd) -> None:
        address = replace(sshd.address, private_key=generate_keypair()[0])

        with pytest.raises(AccessDenied, match="authorized_keys"), connect(address):
            pass

    def test_names_a_closed_port(self, sshd: Sshd) -> None:
        with (
            pytest.raises(MachineUnreachable, match="refused"),
            connect(replace(sshd.address, port=1), timeout=2),
        ):
            pass

    def test_never_shows_the_private_key(self, sshd: Sshd) -> None:
        assert "PRIVATE" not in repr(sshd.address)


class TestRun:
    def test_passes_arguments_unchanged(self, machine: Machine) -> None:
        result = machine.run(["printf", "%s\\n", *HOSTILE], timeout=10)

        assert result.exit_status == 0
        assert result.stdout.decode() == "".join(f"{value}\n" for value in HOSTILE)

    def test_keeps_both_streams_and_the_status(self, machine: Machine) -> None:
        result = machine.run(["sh", "-c", "echo out; echo err >&2; exit 7"], timeout=10)

        assert (result.exit_status, result.stdout, result.stderr) == (7, b"out\n", b"err\n")

    def test_feeds_standard_input(self, machine: Machine) -> None:
        data = bytes(range(256)) * 20_000

        result = machine.run(["wc", "-c"], timeout=30, stdin=data)

        assert int(result.stdout) == len(data)

    def test_bounds_what_it_keeps_and_drains_the_rest(self, machine: Machine) -> None:
        argv = ["sh", "-c", "head -c 5000000 /dev/zero; head -c 5000000 /dev/zero >&2; exit 3"]

        result = machine.run(argv, timeout=30, max_output=1000)

        assert (len(result.stdout), len(result.stderr)) == (1000, 1000)
        assert result.truncated
        assert result.exit_status == 3

    def test_gives_up_at_the_deadline(self, machine: Machine) -> None:
        started = time.monotonic()

        with pytest.raises(CommandTimeout, match="may have taken effect"):
            machine.run(["sleep", "30"], timeout=0.5)

        assert time.monotonic() - started < 5

    def test_gives_up_on_a_server_that_never_says_whether_it_runs_the_command(
        self, withholding: MachineAddress
    ) -> None:
        began = time.monotonic()
        with (
            connect(withholding) as machine,
            pytest.raises(CommandTimeout),
        ):
            machine.run(["true"], timeout=0.5)

        assert time.monotonic() - began < 5

    def test_gives_up_on_output_without_end(self, machine: Machine) -> None:
        with pytest.raises(CommandTimeout):
            machine.run(["cat", "/dev/zero"], timeout=0.5)

    def test_survives_a_reader_that_leaves_early(self, machine: Machine) -> None:
        result = machine.run(["sh", "-c", "exec 0<&-; exit 4"], timeout=20, stdin=b"x" * 10_000_000)

        assert result.exit_status == 4

    def test_calls_a_lost_link_unknown_not_failed(self, sshd: Sshd) -> None:
        with connect(sshd.address) as opened:
            result = opened.run(CUT, timeout=20)

            assert result.exit_status is None
            with pytest.raises(MachineUnreachable):
                opened.run(["true"], timeout=5)

    def test_check_tells_failed_from_unknown(self, sshd: Sshd, machine: Machine) -> None:
        with pytest.raises(CommandFailed, match=r"status 2.*no such thing"):
            machine.check(["sh", "-c", "echo no such thing >&2; exit 2"], timeout=10)
        with connect(sshd.address) as opened, pytest.raises(OutcomeUnknown):
            opened.check(CUT, timeout=20)

    def test_runs_more_commands_at_once_than_sshd_allows_channels(self, machine: Machine) -> None:
        results: list[int | None] = []

        def work() -> None:
            results.append(machine.run(["sleep", "0.1"], timeout=30).exit_status)

        threads = [threading.Thread(target=work) for _ in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert results == [0] * 20


class TestStream:
    def test_yields_output_and_ends_with_the_command(self, machine: Machine) -> None:
        with machine.stream(["sh", "-c", "echo one; echo two >&2"], idle_timeout=10) as stream:
            text = b"".join(stream)
            status = stream.exit_status

        assert sorted(text.split()) == [b"one", b"two"]
        assert status == 0

    def test_waits_for_the_word_of_how_the_command_ended(self) -> None:
        channel = Ended(status=3, after=0.2)

        with channel.telling():
            stream = Stream(channel, where="here", command="exit 3")
            assert list(stream) == []
            assert stream.exit_status == 3

    def test_leaving_stops_the_command_on_the_machine(
        self, machine: Machine, tmp_path: Path
    ) -> None:
        pid = tmp_path / "pid"
        script = f"echo $$ >{pid}; echo here; exec sleep 1000"

        with machine.stream(["sh", "-c", script], idle_timeout=10) as stream:
            assert next(iter(stream)) == b"here\n"

        assert _gone(int(pid.read_text()))

    def test_leaves_no_watchdog_behind(self, machine: Machine, tmp_path: Path) -> None:
        mark = f"watch-{tmp_path.name}"
        with machine.stream(["sh", "-c", f": {mark}"], idle_timeout=10) as stream:
            list(stream)

        time.sleep(0.2)
        # The bracket keeps the search from finding itself.
        found = machine.run(["pgrep", "-f", f"[w]atch-{tmp_path.name}"], timeout=10)
        assert found.stdout == b""

    def test_names_silence(self, machine: Machine) -> None:
        with (
            machine.stream(["sleep", "30"], idle_timeout=0.3) as stream,
            pytest.raises(CommandTimeout, match="Silence"),
        ):
            list(stream)


class TestFiles:
    def test_writes_and_reads_back(self, machine: Machine, tmp_path: Path) -> None:
        path = str(tmp_path / "a name with 'quotes' and $signs")
        data = bytes(range(256)) * 100

        machine.put(path, data, mode=0o640)

        assert machine.get(path, max_bytes=len(data)) == data
        assert Path(path).stat().st_mode & 0o777 == 0o640
        assert len(list(tmp_path.iterdir())) == 1

    def test_keeps_the_old_file_when_the_disk_is_full(
        self, machine: Machine, tmp_path: Path
    ) -> None:
        path = tmp_path / "file"
        path.write_bytes(b"old")

        with pytest.raises(CommandFailed):
            machine.check(
                ["sh", "-c", 'ulimit -f 1; exec "$@"', "sh", *_put_argv(str(path), 1 << 20)],
                timeout=10,
                stdin=b"x" * (1 << 20),
            )

        assert path.read_bytes() == b"old"

    def test_refuses_a_relative_path(self, machine: Machine) -> None:
        with pytest.raises(ValueError, match="absolute"):
            machine.put("-rf", b"")

    def test_refuses_to_read_more_than_asked(self, machine: Machine, tmp_path: Path) -> None:
        path = tmp_path / "large"
        path.write_bytes(b"x" * 2000)

        with pytest.raises(ValueError, match="larger"):
            machine.get(str(path), max_bytes=1000)


def _put_argv(path: str, size: int) -> list[str]:
    return ["sh", "-c", WRITE_FILE, "sh", path, str(size), "600"]


def _gone(pid: int) -> bool:
    for _ in range(100):
        if not Path(f"/proc/{pid}").exists():
            return True
        time.sleep(0.05)
    return False
