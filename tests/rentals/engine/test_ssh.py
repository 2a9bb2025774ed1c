"""What a renter does over SSH, with the system's own client."""

import socket
import subprocess
import time
from pathlib import Path

import pytest

from marketplace.machine import scan_host_key
from rentals.engine import container_name
from tests.rentals.engine.pods import PodMaker, RunningPod

pytestmark = [pytest.mark.engine, pytest.mark.xdist_group("engine"), pytest.mark.timeout(300)]

HOSTILE = {"QUOTES": 'it\'s "$HOME" `id`', "LINES": "one\ntwo\n", "FLAG": "--rm -v /:/host"}


@pytest.fixture(scope="module")
def pod(lasting_pods: PodMaker) -> RunningPod:
    return lasting_pods.start(env={**HOSTILE, "PATH": "/usr/local/bin:/usr/bin:/bin:/opt/mine"})


def test_runs_what_the_client_runs(pod: RunningPod) -> None:
    wanted = "bash nohup setsid timeout mktemp tail flock rsync nvidia-smi tar zstd python3 apt-get"

    assert len(pod.output(f"command -v {wanted}").splitlines()) == len(wanted.split())
    done = pod.ssh("timeout --verbose 0.2 sleep 5")
    assert done.returncode == 124


def test_sees_the_containers_environment(pod: RunningPod) -> None:
    for name, value in HOSTILE.items():
        assert pod.ssh(f'printf %s "${name}"').stdout == value
    assert "/opt/mine" in pod.output("echo $PATH")
    assert pod.output("echo $SHELL $HOME $USER") == "/bin/bash /root root"


def test_never_lets_values_reach_a_shell(pods: PodMaker, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    pod = pods.start(
        env={"A": f"'; touch {mark}; '"}, startup_command=f'echo "$A" >/root/a; touch {mark}'
    )

    assert pod.output("cat /root/a") == f"'; touch {mark}; '"
    assert not mark.exists()


def test_has_a_terminal(pod: RunningPod) -> None:
    done = pod.ssh("tty; echo $TERM", options=("-tt",), env={"TERM": "xterm-256color"})

    assert done.stdout.split() == ["/dev/pts/0", "xterm-256color"]


def test_gives_an_interactive_shell_the_environment_too(pod: RunningPod) -> None:
    done = pod.ssh(options=("-tt",), input="echo path=$PATH\nexit\n")

    assert "/opt/mine" in done.stdout


def test_presents_the_host_key_that_was_made_for_it(pod: RunningPod) -> None:
    announced = pod.known_hosts.read_text().split(maxsplit=1)[1].strip()

    assert scan_host_key(pod.host, pod.port, timeout=10) == announced


def test_carries_twelve_sessions_on_one_connection(pod: RunningPod, tmp_path: Path) -> None:
    control = ("-S", str(tmp_path / "control"))
    argv = ["ssh", *pod.options(), "-M", *control, "-fN", "-p", str(pod.port), pod.target]
    # In the background it keeps what it inherited.
    subprocess.run(argv, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    command = ["ssh", *control, "-p", str(pod.port), pod.target, "sleep 1; hostname"]

    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(12)]
    printed = [process.communicate(timeout=60)[0].strip() for process in running]
    subprocess.run(["ssh", *control, "-O", "exit", pod.target], capture_output=True)

    assert printed == [f"pod-{pod.spec.pod_id.hex[:12]}"] * 12


@pytest.mark.parametrize("old_protocol", [False, True])
def test_copies_files_with_scp(pod: RunningPod, tmp_path: Path, *, old_protocol: bool) -> None:
    source, back = tmp_path / "source", tmp_path / "back"
    source.write_bytes(bytes(range(256)) * 4096)
    scp = ["scp", *pod.options(), *(["-O"] if old_protocol else []), "-P", str(pod.port)]

    subprocess.run([*scp, source, f"{pod.target}:/root/file"], check=True, timeout=60)
    subprocess.run([*scp, f"{pod.target}:/root/file", back], check=True, timeout=60)

    assert back.read_bytes() == source.read_bytes()


def test_speaks_sftp(pod: RunningPod) -> None:
    argv = ["sftp", *pod.options(), "-P", str(pod.port), "-b", "-", pod.target]

    done = subprocess.run(
        argv, input="mkdir /root/new\nls -l /root\n", capture_output=True, text=True, timeout=60
    )

    assert done.returncode == 0
    assert "new" in done.stdout


def test_forwards_ports(pod: RunningPod) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    argv = ["ssh", *pod.options(), "-N", "-L", f"127.0.0.1:{port}:127.0.0.1:22"]
    tunnel = subprocess.Popen([*argv, "-p", str(pod.port), pod.target])

    try:
        assert _first_line(port).startswith(b"SSH-2.0-")
    finally:
        tunnel.terminate()
        tunnel.wait(10)


def test_lets_the_renter_add_keys_inside(pod: RunningPod, tmp_path: Path) -> None:
    other = tmp_path / "other"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", other], check=True)
    public = other.with_suffix(".pub").read_text()

    pod.output(f"mkdir -p /root/.ssh; echo '{public.strip()}' >>/root/.ssh/authorized_keys")
    argv = ["ssh", *pod.options(), "-i", str(other), "-p", str(pod.port), pod.target, "echo in"]
    argv[argv.index(str(pod.key))] = str(other)

    assert subprocess.run(argv, capture_output=True, timeout=60).stdout == b"in\n"


def test_refuses_other_keys_and_passwords(pod: RunningPod, tmp_path: Path) -> None:
    other = tmp_path / "other"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", other], check=True)
    argv = ["ssh", *pod.options(), "-p", str(pod.port), pod.target, "true"]
    argv[argv.index(str(pod.key))] = str(other)

    assert subprocess.run(argv, capture_output=True, timeout=60).returncode == 255


@pytest.mark.parametrize("before", ["true", "rm -r /run/sshd; touch /run/sshd"])
def test_survives_the_end_of_its_ssh_server(before: str, pod: RunningPod) -> None:
    pod.ssh(f"{before}; pkill -f sshd_config")

    end = time.monotonic() + 20
    while pod.ssh("true").returncode:
        assert time.monotonic() < end
        time.sleep(0.2)


@pytest.fixture(scope="module")
def foreign(lasting_pods: PodMaker, busybox_image: str) -> RunningPod:
    return lasting_pods.start(image=busybox_image)


class TestForeignImages:
    def test_works_without_libc_passwd_and_bash(self, foreign: RunningPod) -> None:
        assert foreign.output("echo $FROM_IMAGE $SHELL; id -u") == "yes /bin/sh\n0"
        assert "GPU 1" in foreign.output("nvidia-smi -L")

    def test_starts_the_images_own_command(
        self, lasting_pods: PodMaker, foreign: RunningPod
    ) -> None:
        printed = lasting_pods.node.docker("logs", container_name(foreign.spec.pod_id))

        assert "from the image" in printed

    def test_copies_with_rsync_where_the_image_has_none(
        self, lasting_pods: PodMaker, foreign: RunningPod, tmp_path: Path
    ) -> None:
        (tmp_path / "tree").mkdir()
        (tmp_path / "tree" / "file").write_text("content")

        _rsync(lasting_pods, foreign, tmp_path / "tree")

        assert foreign.output("cat /root/tree/file") == "content"

    def test_works_in_an_image_without_a_single_file(
        self, pods: PodMaker, empty_image: str
    ) -> None:
        pod = pods.start(image=empty_image)

        assert pod.output("echo $SHELL") == "/.lium/bin/sh"


def _rsync(pods: PodMaker, pod: RunningPod, source: Path) -> None:
    """Copy with the rsync of the runtime: this computer may have none."""
    runtime = pods.node.directory + "/runtime/" + pods.facts.layout.runtime
    loader = [f"{runtime}/lib/ld.so", "--library-path", f"{runtime}/lib", f"{runtime}/lib/rsync"]
    shell = " ".join(["ssh", *pod.options(), "-p", str(pod.port)])
    argv = [*loader, "-a", "-e", shell, str(source), f"{pod.target}:/root/"]
    subprocess.run(argv, check=True, capture_output=True, timeout=60)


def _first_line(port: int) -> bytes:
    end = time.monotonic() + 20
    while True:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=5) as sock:
                return sock.recv(100)
        except ConnectionRefusedError:
            assert time.monotonic() < end
            time.sleep(0.05)
