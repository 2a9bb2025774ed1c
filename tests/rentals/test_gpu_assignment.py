"""A host whose engine gives GPUs by the NVIDIA hook: from its checks to a pod that sees exactly the GPUs it rented."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from accounts.principal import Principal
from core import clock
from core.actors import PLATFORM
from marketplace.models import CheckStatus, GpuAccess, Node, NodeStatus, Outcome, Provider, Trigger
from marketplace.services import checking, gpu_catalogue, onboarding
from marketplace.services.machines import seal_key
from marketplace.simulated import gpus_tsv, install, uuids
from rentals.models import Pod, PodStatus
from rentals.services import provisioning, renting, templates
from tests.factories.rentals import container, make_principal, rent_request
from tests.machines import EngineMachine, engine_machine

pytestmark = [
    pytest.mark.engine,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("busy_line"),
]
MODEL = "NVIDIA GeForce RTX 4090"
TABLE = gpus_tsv(model=MODEL, count=4, seed=23)
HOOK = Path(__file__).parents[1] / "nvidia_hook.sh"


@pytest.fixture
def gpu_host(tmp_path: Path) -> Iterator[EngineMachine]:
    """Run a machine with stand-ins for nvidia-smi and NVIDIA's hook, known to who logs in and to the engine."""
    programs = tmp_path / "bin"
    install(programs, table=TABLE)
    shutil.copy(HOOK, programs / "nvidia-container-runtime-hook")
    with engine_machine(tmp_path, programs=programs, engine_programs=programs) as machine:
        yield machine


@pytest.fixture
def node(gpu_host: EngineMachine) -> Node:
    """Put it on the market through its checks."""
    gpu_catalogue.load()
    templates.seed()
    provider = Provider(name="bob", ssh_public_key="ssh-ed25519 AAAA")
    seal_key(provider, gpu_host.address.private_key)
    provider.save()
    claim = onboarding.Claim(
        gpu_model=MODEL,
        gpu_count=4,
        host=gpu_host.address.host,
        user=gpu_host.address.user,
        state_dir=gpu_host.directory,
        first_port=20400,
        last_port=20499,
        listed_when_checked=True,
    )
    added = onboarding.add(provider=provider, claim=claim, actor=PLATFORM, now=clock.now())
    run = checking.run_now(node_id=added.pk, trigger=Trigger.OPERATOR, now=clock.now())
    wrong = run.results.exclude(status__in=[CheckStatus.PASSED, CheckStatus.SKIPPED])
    assert run.outcome == Outcome.PASSED, list(wrong.values_list("code", "measured"))
    added.refresh_from_db()
    return added


def test_each_pod_gets_its_own_gpus_and_no_others(node: Node, gpu_host: EngineMachine) -> None:
    assert (node.status, node.gpu_access) == (NodeStatus.AVAILABLE, GpuAccess.GPUS)
    alice = make_principal()

    first, second = (rented(alice, node, gpu_count=count) for count in (1, 3))

    assert seen_inside(gpu_host, first) == set(first.gpu_uuids)
    assert seen_inside(gpu_host, second) == set(second.gpu_uuids)
    assert {*first.gpu_uuids, *second.gpu_uuids} == set(uuids(TABLE))
    assert asked_of_the_engine(gpu_host, second) == set(second.gpu_uuids)


def rented(alice: Principal, node: Node, *, gpu_count: int) -> Pod:
    request = rent_request(node, gpu_count=gpu_count, name=f"p{gpu_count}")
    pod = renting.rent(principal=alice, request=request, now=clock.now())
    provisioning.reconcile(pod_id=pod.public_id, now=clock.now)
    pod.refresh_from_db()
    assert pod.status == PodStatus.RUNNING, (pod.status_reason, pod.last_error)
    return pod


def seen_inside(machine: EngineMachine, pod: Pod) -> set[str]:
    argv = ["exec", container(pod.public_id), "nvidia-smi"]
    listed = machine.docker(*argv, "--query-gpu=uuid", "--format=csv,noheader")
    return set(listed.split())


def asked_of_the_engine(machine: EngineMachine, pod: Pod) -> set[str]:
    inspected = json.loads(machine.docker("inspect", container(pod.public_id)))
    return set(inspected[0]["HostConfig"]["DeviceRequests"][0]["DeviceIDs"])
