"""What a rent needs around it: a funded principal, a key, a machine behind a node."""

import subprocess
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings

from accounts.access import principal_of
from accounts.principal import Principal
from billing.services.grants import grant
from core.actors import PLATFORM
from marketplace.machine import connect
from marketplace.models import GpuAccess, Node, NodeGpu
from marketplace.services.machines import seal_key
from marketplace.simulated import gpus_tsv, uuids
from rentals.engine import NodeFacts, prepare_node
from rentals.models import Template, TemplateStatus
from rentals.runtime import artifacts
from rentals.services import preparation, templates
from rentals.services.renting import RentRequest
from tests.factories.marketplace import make_node as make_any_node
from tests.factories.pods import NOON, make_user
from tests.machines import EngineMachine

# The simulated GPUs of the test machine.
GPU_COUNT, SEED = 4, 7
ALICE_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl alice"


def make_principal(name: str = "alice", *, usd: Decimal = Decimal(100)) -> Principal:
    """Make a person with a funded personal workspace."""
    principal = principal_of(make_user(name))
    if usd:
        workspace = principal.workspace
        grant(
            workspace=workspace,
            usd=usd,
            key=f"test:{workspace.public_id}",
            reason="test",
            actor=PLATFORM,
            now=NOON,
        )
    return principal


def make_node(**fields: Any) -> Node:
    """Make Bob's listed node, at two dollars a GPU-hour unless said otherwise."""
    return make_any_node(**{"price_per_gpu_usd": Decimal(2), **fields})


def make_base_template(image: str = "lium/base:latest") -> Template:
    """Make the public template that needs no registry."""
    name, _, tag = image.partition(":")
    return Template.objects.create(
        name="Base",
        docker_image=name,
        docker_image_tag=tag,
        built_on_node=True,
        internal_ports=[22],
        status=TemplateStatus.VERIFY_SUCCESS,
    )


def rent_request(node: Node, **fields: object) -> RentRequest:
    """Ask for one GPU of a node, with Alice's key."""
    values = {"name": "p1", "public_keys": (ALICE_KEY,), "gpu_count": 1, **fields}
    return RentRequest(node_id=node.public_id, **values)  # type: ignore[arg-type]


def put_on_market(machine: EngineMachine, *, host_key: str, gpu_count: int = GPU_COUNT) -> Node:
    """Make the node of a real machine with simulated GPUs; it is not prepared yet."""
    address = machine.address
    node = make_node(
        gpu_count=gpu_count,
        simulated=True,
        gpu_access=GpuAccess.SIMULATED,
        host=address.host,
        ssh_port=address.port,
        ssh_user=address.user,
        host_key=host_key,
        public_host=address.host,
        bind_address=address.host,
        state_dir=machine.directory,
        cpu_count=2,
        ram_mib=8000,
    )
    seal_key(node.provider, address.private_key)
    node.provider.save()
    names = uuids(gpus_tsv(count=gpu_count, seed=SEED))
    for gpu, uuid in zip(node.gpus.order_by("position"), names, strict=True):
        NodeGpu.objects.filter(pk=gpu.pk).update(uuid=uuid)
    return node


def prepare(machine: EngineMachine, cache: Path) -> NodeFacts:
    """Put runtime, network, firewall and base image on a machine with simulated GPUs; ``cache`` keeps what is built."""
    made = artifacts(cache)
    with connect(machine.address) as opened:
        return prepare_node(
            opened,
            market_id=settings.MARKET_INSTANCE,
            directory=machine.directory,
            bundle=made.runtime,
            base_image=made.base_image,
            published_ports=(40000, 40999),
            simulated_gpus=gpus_tsv(count=GPU_COUNT, seed=SEED),
        )


def put_ready_on_market(machine: EngineMachine, *, runtime: str) -> Node:
    """Make the node of a machine that holds this version of the runtime."""
    argv = ["ssh-keygen", "-y", "-f", str(machine.sshd.home / "host_key")]
    host_key = subprocess.run(argv, check=True, capture_output=True, text=True).stdout.strip()
    node = put_on_market(machine, host_key=host_key)
    Node.objects.filter(pk=node.pk).update(prepared_digest=runtime)
    node.refresh_from_db()
    return node


def put_prepared_on_market(machine: EngineMachine, facts: NodeFacts) -> Node:
    """Make the node of a machine that is ready for pods, and the templates that need no registry."""
    node = put_ready_on_market(machine, runtime=facts.layout.runtime)
    templates.seed()
    preparation.adopt_base_image(facts.base_image)
    return node


def container(pod_id: UUID) -> str:
    """Name a pod's container."""
    return f"lium-pod-{pod_id}"
