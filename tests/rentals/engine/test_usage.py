"""Figures of GPUs, for the plots of a pod: read on the machine, beside the pods that run there."""

import pytest

from marketplace.machine import Machine
from marketplace.simulated import gpus_tsv, uuids
from rentals.engine import NodeFacts, gpu_stats
from tests.rentals.engine.pods import PodMaker

pytestmark = [pytest.mark.engine, pytest.mark.xdist_group("engine"), pytest.mark.timeout(300)]
# As the machine of these tests was prepared.
TABLE = gpus_tsv(count=4, seed=7)


def test_samples_every_simulated_gpu_while_a_pod_runs(
    machine: Machine, facts: NodeFacts, pods: PodMaker
) -> None:
    mine = pods.start().spec.gpu_uuids

    sampled = gpu_stats(machine, program=f"{facts.layout.simulated_directory}/nvidia-smi")

    assert set(sampled) == set(uuids(TABLE)) >= set(mine)
    for usage in sampled.values():
        assert usage.utilization_percent is not None
        assert usage.memory_total_mib == 81559
        assert usage.memory_used_mib is not None
        assert usage.temperature_celsius is not None
        assert usage.power_watts is not None
