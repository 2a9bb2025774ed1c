"""What a hostile pod can reach, and do, on a real machine with a real firewall."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files

import pytest

from marketplace.machine import Machine
from rentals.engine import NodeFacts, create_and_start, lower_firewall, raise_firewall
from tests.machines import METADATA_ADDRESS, EngineMachine
from tests.rentals.engine.pods import PORTS, PodMaker, RunningPod

pytestmark = [pytest.mark.engine, pytest.mark.xdist_group("engine"), pytest.mark.timeout(300)]

# Seconds: what is shut is not waited for long, what is open may be slow.
SHUT, OPEN = 2, 15


def knock(address: str, port: int, seconds: int) -> str:
    """Return the command that prints the first bytes which a server says."""
    return f"timeout {seconds} bash -c 'exec 3<>/dev/tcp/{address}/{port} && head -c 7 <&3'"


@contextmanager
def service(address: str) -> Iterator[int]:
    """Listen outside of the machine, as a metadata service or a neighbour on the LAN does."""
    with socket.create_server((address, 0)) as server:

        def answer() -> None:
            while True:
                try:
                    server.accept()[0].send(b"SECRET!")
                except OSError:
                    return

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
        thread.join(5)


@pytest.fixture(scope="module")
def pod(lasting_pods: PodMaker) -> RunningPod:
    return lasting_pods.start()


class TestNetwork:
    @pytest.mark.parametrize("place", ["metadata", "lan"])
    def test_keeps_metadata_and_lan_out_of_reach(
        self, node: EngineMachine, machine: Machine, facts: NodeFacts, pod: RunningPod, place: str
    ) -> None:
        address = METADATA_ADDRESS if place == "metadata" else node.outside
        with service(address) as port:
            shut = pod.ssh(knock(address, port, SHUT))
            _lower(machine, facts)
            opened = pod.ssh(knock(address, port, OPEN))
            _raise(machine, facts)

        assert "SECRET" not in shut.stdout
        # Without the rules it is within reach, so the test above means something.
        assert opened.stdout == "SECRET!"

    def test_keeps_the_machines_own_sshd_out_of_reach(
        self, node: EngineMachine, machine: Machine, facts: NodeFacts, pod: RunningPod
    ) -> None:
        gateway = node.docker(
            "network", "inspect", "-f", "{{(index .IPAM.Config 0).Gateway}}", facts.layout.network
        )

        for address in (gateway, pod.host):
            assert pod.ssh(knock(address, 22, SHUT)).stdout == ""
        _lower(machine, facts)
        opened = pod.ssh(knock(pod.host, 22, OPEN))
        _raise(machine, facts)

        assert opened.stdout == "SSH-2.0"

    def test_reaches_another_pod_only_by_its_published_port(
        self, pods: PodMaker, pod: RunningPod
    ) -> None:
        one, other = pod, pods.start()
        inner = _inner_address(pods, other)

        assert one.ssh(knock(inner, 22, SHUT)).stdout == ""
        assert one.ssh(knock(other.host, other.port, OPEN)).stdout == "SSH-2.0"

    def test_answers_on_ports_published_on_loopback(
        self, node: EngineMachine, pods: PodMaker, machine: Machine, facts: NodeFacts
    ) -> None:
        spec = pods.spec(bind_address="127.0.0.1")
        create_and_start(machine, layout=facts.layout, spec=spec)

        done = node.run("timeout", "10", "bash", "-c", _retry(spec.ports[22]))

        assert done.stdout.startswith("SSH-2.0")

    def test_touches_no_other_container(self, node: EngineMachine, facts: NodeFacts) -> None:
        other = node.docker("run", "-d", "--entrypoint", "sleep", facts.base_image, "1000")
        with service(node.outside) as port:
            command = knock(node.outside, port, OPEN)
            reached = node.docker("exec", other, "bash", "-c", command, check=False)
        node.docker("rm", "-f", other)

        assert reached == "SECRET!"

    def test_leaves_no_rule_behind(
        self, node: EngineMachine, machine: Machine, facts: NodeFacts
    ) -> None:
        _raise(machine, facts)
        _lower(machine, facts)
        rules = [node.run(tool, "-S").stdout for tool in ("iptables", "ip6tables")]
        _raise(machine, facts)

        assert "LIUM" not in "".join(rules)

    def test_renewing_doubles_nothing(
        self, node: EngineMachine, machine: Machine, facts: NodeFacts
    ) -> None:
        rules = set()
        for _ in range(2):
            _raise(machine, facts)
            rules.add(node.run("iptables", "-S").stdout)

        assert len(rules) == 1

    @pytest.mark.parametrize("bridge", ["", "-x", "a;b", "$(id)", "sixteencharacter"])
    def test_the_script_refuses_a_strange_bridge(self, node: EngineMachine, bridge: str) -> None:
        script = files("marketplace.machine") / "scripts" / "firewall.sh"

        done = node.run("sh", str(script), "up", bridge, check=False)

        assert done.returncode == 2


class TestContainer:
    def test_cannot_gain_privileges(self, pod: RunningPod) -> None:
        status = pod.output("grep -E 'CapBnd|NoNewPrivs' /proc/self/status").split()

        bounding = int(status[1], 16)
        sys_admin, net_raw, mknod, sys_ptrace = 1 << 21, 1 << 13, 1 << 27, 1 << 19
        assert not bounding & (sys_admin | net_raw | mknod | sys_ptrace)
        assert status[3] == "1"

    def test_is_limited(self, pods: PodMaker) -> None:
        pod = pods.start(pids=100, memory_mib=128)

        forks = "for i in $(seq 200); do sleep 5 & done 2>&1 | tail -1"
        assert "fork: " in pod.ssh(forks).stdout
        assert pod.ssh("head -c 300m /dev/zero | tail -c 300m >/dev/null").returncode != 0

    def test_cannot_change_its_runtime_or_keys(self, pod: RunningPod) -> None:
        for path in ("/.lium/init", "/.lium/pod/authorized_keys", "/usr/bin/nvidia-smi"):
            assert pod.ssh(f"echo x >>{path}").returncode != 0

    def test_shows_no_secret_in_its_description(self, pods: PodMaker) -> None:
        pod = pods.start(env={"TOKEN": "hidden-value"}, startup_command="echo hidden-command")

        described = pods.node.docker("inspect", f"lium-pod-{pod.spec.pod_id}")

        assert "hidden" not in described
        assert "PRIVATE" not in described
        assert pod.spec.authorized_keys[0] not in described

    def test_takes_nothing_from_the_image_that_reaches_device_hooks(
        self, pods: PodMaker, busybox_image: str
    ) -> None:
        changes = ("--change", "ENV NVIDIA_VISIBLE_DEVICES=all LD_PRELOAD=/evil.so")
        container = pods.node.docker("create", busybox_image)
        pods.node.docker("commit", *changes, container, "test/evil:1")
        pods.node.docker("rm", container)

        pod = pods.start(image="test/evil:1")

        values = pod.output("echo $NVIDIA_VISIBLE_DEVICES:$LD_PRELOAD")
        assert values == "void:"


def _raise(machine: Machine, facts: NodeFacts) -> None:
    raise_firewall(machine, layout=facts.layout, published_ports=PORTS)


def _lower(machine: Machine, facts: NodeFacts) -> None:
    lower_firewall(machine, layout=facts.layout)


def _inner_address(pods: PodMaker, pod: RunningPod) -> str:
    form = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"
    return pods.node.docker("inspect", "-f", form, f"lium-pod-{pod.spec.pod_id}")


def _retry(port: int) -> str:
    # The published port accepts before the server behind it listens, and then hangs up.
    one = f"exec 3<>/dev/tcp/127.0.0.1/{port} && head -c 7 <&3"
    return f'until said=$({one}) 2>/dev/null && [ "$said" ]; do sleep 0.1; done; echo "$said"'
