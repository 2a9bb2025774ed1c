"""Who computes on a machine's GPUs, asked beside real containers: a pod's process is its renter's, any other is not."""

import os

import pytest

from marketplace.machine import Machine
from marketplace.simulated import gpus_tsv, uuids
from rentals.engine import NodeFacts
from tests.rentals.engine.pods import MARKET, PodMaker
from validation.services import onlooking

pytestmark = [pytest.mark.engine, pytest.mark.xdist_group("engine"), pytest.mark.timeout(300)]
GPU = uuids(gpus_tsv(count=4, seed=7))[0]


def test_a_process_is_told_by_the_container_that_it_runs_in(
    machine: Machine, facts: NodeFacts, pods: PodMaker
) -> None:
    pod = pods.start()
    inside = pods.node.docker("inspect", "-f", "{{.State.Pid}}", f"lium-pod-{pod.spec.pod_id}")
    rows = [
        "gpu_uuid\tpid\tused_gpu_memory",
        *(f"{GPU}\t{pid}\t{mib}" for pid, mib in ((inside, 7), (os.getpid(), 9), (2**22, 11))),
    ]
    place = f"{facts.layout.simulated_directory}/processes.tsv"
    machine.put(place, "\n".join(rows).encode(), mode=0o644)
    program = f"{facts.layout.simulated_directory}/nvidia-smi"

    found = onlooking.ask(machine, program=program, market_id=MARKET)

    assert list(found.containers) == [pod.spec.pod_id]
    assert [process.mib for process in found.foreign({GPU: pod.spec.pod_id})] == [9]
    assert found.unexplained_mib([GPU]) == 4 - 27
    machine.check(["rm", place], timeout=10)
