from datetime import timedelta
from itertools import product
from pathlib import Path
from uuid import uuid4

import pytest

from core import clock
from marketplace.machine import Machine, banner
from rentals.engine import (
    ForeignContainer,
    GpuAccess,
    GpuUnavailable,
    ImageMissing,
    ImagePullFailed,
    NodeFacts,
    PodMissing,
    PodNotRunning,
    PortTaken,
    boot,
    container_name,
    create_and_start,
    follow,
    list_pods,
    logs,
    look,
    pull,
    remove,
    restart,
    start,
    stats,
    stop,
    visible_gpus,
)
from tests.machines import EngineMachine
from tests.rentals.engine.pods import FORGED, GPUS, MARKET, PodMaker

pytestmark = [pytest.mark.engine, pytest.mark.xdist_group("engine"), pytest.mark.timeout(300)]


class TestCreate:
    def test_a_pod_runs_and_is_listed(self, machine: Machine, pods: PodMaker) -> None:
        pod = pods.start()

        seen = look(machine, market_id=MARKET, pod_id=pod.spec.pod_id)

        assert (seen.exists, seen.running, seen.status) == (True, True, "running")
        assert seen.started_at is not None
        assert seen.exit_code is None
        assert list_pods(machine, market_id=MARKET) == {pod.spec.pod_id: seen}

    def test_a_repeat_adopts(self, machine: Machine, facts: NodeFacts, pods: PodMaker) -> None:
        pod = pods.start()
        before = look(machine, market_id=MARKET, pod_id=pod.spec.pod_id)

        again = create_and_start(machine, layout=facts.layout, spec=pod.spec)

        assert again == before

    def test_a_repeat_starts_what_was_only_created(
        self, machine: Machine, facts: NodeFacts, pods: PodMaker
    ) -> None:
        pod = pods.start()
        stop(machine, market_id=MARKET, pod_id=pod.spec.pod_id)

        assert create_and_start(machine, layout=facts.layout, spec=pod.spec).running

    def test_leaves_a_foreign_container_alone(
        self, node: EngineMachine, machine: Machine, facts: NodeFacts, pods: PodMaker
    ) -> None:
        spec = pods.spec()
        name = container_name(spec.pod_id)
        node.docker("run", "-d", "--name", name, spec.image)

        with pytest.raises(ForeignContainer):
            create_and_start(machine, layout=facts.layout, spec=spec)
        with pytest.raises(ForeignContainer):
            remove(machine, layout=facts.layout, pod_id=spec.pod_id)

        assert node.docker("inspect", "-f", "{{.State.Running}}", name) == "true"
        node.docker("rm", "-f", name)

    def test_names_a_missing_image(
        self, machine: Machine, facts: NodeFacts, pods: PodMaker
    ) -> None:
        with pytest.raises(ImageMissing):
            create_and_start(machine, layout=facts.layout, spec=pods.spec(image="not/there:1"))

    def test_names_a_taken_port(self, machine: Machine, facts: NodeFacts, pods: PodMaker) -> None:
        first = pods.start()

        with pytest.raises(PortTaken):
            create_and_start(machine, layout=facts.layout, spec=pods.spec(ports=first.spec.ports))

    def test_names_an_image_that_cannot_be_pulled(self, machine: Machine) -> None:
        with pytest.raises(ImagePullFailed):
            pull(machine, image="127.0.0.1:1/none:1", deadline=60)


class TestLife:
    def test_sees_exactly_the_assigned_gpus(self, machine: Machine, pods: PodMaker) -> None:
        pod = pods.start(gpu_uuids=GPUS[1:3])

        visible = visible_gpus(machine, pod_id=pod.spec.pod_id, access=GpuAccess.SIMULATED)
        assert visible == GPUS[1:3]

    def test_sees_the_gpus_whatever_the_renter_puts_in_the_way(
        self, machine: Machine, pods: PodMaker
    ) -> None:
        pod = pods.start(gpu_uuids=GPUS[:1], env={"LIUM_SIMULATED": "/root/mine"})
        for program in ("nvidia-smi", "awk", "sh"):
            path = f"/usr/local/bin/{program}"
            pod.output(f"echo '#!/bin/bash\necho GPU 0: none' >{path}; chmod +x {path}")
        pod.output("mkdir /root/mine; cp /etc/lium-simulated/gpus.tsv /root/mine/")
        pod.output("cp /usr/local/bin/awk /usr/bin/mawk; cp /usr/local/bin/sh /bin/dash")

        visible = visible_gpus(machine, pod_id=pod.spec.pod_id, access=GpuAccess.SIMULATED)

        assert visible == GPUS[:1]

    def test_takes_no_word_from_inside_for_the_engines(
        self, machine: Machine, pods: PodMaker, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        pod = pods.start()
        monkeypatch.setattr("rentals.engine.observe.NVIDIA_SMI", "/root/mine")

        for said, status in (*product(FORGED, (1, 125)), ("", 124), ("", 137)):
            pod.output(f"echo 'echo -n \"{said}\" >&2; exit {status}' >/root/mine")
            with pytest.raises(GpuUnavailable, match=said or "no answer"):
                visible_gpus(machine, pod_id=pod.spec.pod_id, access=GpuAccess.SIMULATED)

    def test_stopping_keeps_data_and_host_key(self, machine: Machine, pods: PodMaker) -> None:
        pod = pods.start()
        pod.output("echo kept >/root/file")

        stop(machine, market_id=MARKET, pod_id=pod.spec.pod_id)
        stopped = look(machine, market_id=MARKET, pod_id=pod.spec.pod_id)
        start(machine, market_id=MARKET, pod_id=pod.spec.pod_id)
        banner(pod.host, pod.port, deadline=20)

        assert (stopped.running, stopped.exit_code, stopped.oom_killed) == (False, 0, False)
        # The client accepts only the host key that was announced before the start.
        assert pod.output("cat /root/file") == "kept"

    def test_restarting_brings_it_back(self, machine: Machine, pods: PodMaker) -> None:
        pod = pods.start()
        before = look(machine, market_id=MARKET, pod_id=pod.spec.pod_id)

        restart(machine, market_id=MARKET, pod_id=pod.spec.pod_id)
        banner(pod.host, pod.port, deadline=20)

        after = look(machine, market_id=MARKET, pod_id=pod.spec.pod_id)
        assert before.started_at is not None
        assert after.started_at is not None
        assert after.started_at > before.started_at
        assert pod.output("true") == ""

    def test_removing_leaves_nothing(
        self, node: EngineMachine, machine: Machine, facts: NodeFacts, pods: PodMaker
    ) -> None:
        pod = pods.start()

        for _ in range(2):
            remove(machine, layout=facts.layout, pod_id=pod.spec.pod_id)

        assert not look(machine, market_id=MARKET, pod_id=pod.spec.pod_id).exists
        assert str(pod.spec.pod_id) not in node.docker("ps", "-a", "--format", "{{.Names}}")
        assert node.docker("volume", "ls", "-q") == ""
        listed = node.run("ls", f"{node.directory}/pods").stdout
        assert str(pod.spec.pod_id) not in listed

    def test_a_killed_pod_shows_how_it_ended(
        self, node: EngineMachine, machine: Machine, pods: PodMaker
    ) -> None:
        pod = pods.start()
        node.docker("kill", container_name(pod.spec.pod_id))

        seen = look(machine, market_id=MARKET, pod_id=pod.spec.pod_id)

        assert (seen.running, seen.status, seen.exit_code) == (False, "exited", 137)
        assert seen.finished_at is not None
        with pytest.raises(PodNotRunning):
            visible_gpus(machine, pod_id=pod.spec.pod_id, access=GpuAccess.SIMULATED)

    def test_a_machine_tells_since_when_it_is_up(self, machine: Machine) -> None:
        uptime = float(Path("/proc/uptime").read_text().split()[0])

        seen = boot(machine)

        assert seen.id == Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        assert abs(clock.now() - timedelta(seconds=uptime) - seen.at) < timedelta(seconds=5)

    def test_unknown_pods_are_missing(self, machine: Machine, facts: NodeFacts) -> None:
        with pytest.raises(PodMissing):
            start(machine, market_id=MARKET, pod_id=uuid4())
        with pytest.raises(PodMissing):
            logs(machine, pod_id=uuid4())


class TestOutput:
    def test_shows_what_the_startup_command_prints(self, machine: Machine, pods: PodMaker) -> None:
        pod = pods.start(startup_command="echo out; echo err >&2; exit 3")

        text = _until(machine, pod.spec.pod_id, "SSH stays available")

        assert {"out", "err"} < set(text.splitlines())
        assert "status 3" in text

    def test_keeps_the_newest_of_what_is_too_long_and_says_so(
        self, machine: Machine, pods: PodMaker
    ) -> None:
        # The engine reads both outputs of a pod at once: what comes last on one is not last in the log without a pause.
        pod = pods.start(startup_command="seq -f 'line %05g' 1000; sleep 1")
        _until(machine, pod.spec.pod_id, "SSH stays available")

        text = logs(machine, pod_id=pod.spec.pod_id, tail=10_000, max_bytes=1 << 10).decode()

        first, second, *_, newest, _ = text.splitlines()
        assert first == "lium: there was more; these are the last 1 KiB."
        assert (len(second), newest) == (len("line 00000"), "line 01000")

    def test_follows_until_left(self, machine: Machine, pods: PodMaker) -> None:
        pod = pods.start(startup_command="while :; do echo tick; sleep 0.1; done")

        with follow(machine, pod_id=pod.spec.pod_id, idle_timeout=10) as stream:
            received = b""
            for chunk in stream:
                received += chunk
                if received.count(b"tick") > 3:
                    break

        assert received.count(b"tick") > 3

    def test_samples_all_pods_at_once(self, machine: Machine, pods: PodMaker) -> None:
        made = {pods.start().spec.pod_id for _ in range(2)}

        sampled = stats(machine, market_id=MARKET)

        assert set(sampled) == made
        assert all(usage.memory_limit_bytes == 256 << 20 for usage in sampled.values())

    def test_samples_nobody_elses_containers(
        self, node: EngineMachine, machine: Machine, facts: NodeFacts
    ) -> None:
        label = f"io.lium.market={MARKET}"
        name = node.docker("run", "-d", "--label", label, facts.base_image)

        assert stats(machine, market_id=MARKET) == {}
        assert list_pods(machine, market_id=MARKET) == {}
        node.docker("rm", "-f", name)


def _until(machine: Machine, pod_id: object, mark: str) -> str:
    with follow(machine, pod_id=pod_id, idle_timeout=20) as stream:  # type: ignore[arg-type]
        text = ""
        for chunk in stream:
            text += chunk.decode()
            if mark in text:
                return text
    raise AssertionError(text)
