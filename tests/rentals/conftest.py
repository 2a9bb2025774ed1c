"""A real machine for pods: sshd and engine in a network namespace, with runtime and base image on it."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings

from marketplace.machine import connect
from marketplace.models import Node
from marketplace.simulated import gpus_tsv
from rentals.engine import NodeFacts, prepare_node
from rentals.models import Template
from rentals.runtime import artifacts
from rentals.services import preparation, templates
from tests.factories.rentals import GPU_COUNT, SEED, put_on_market
from tests.machines import EngineMachine, engine_machine


@pytest.fixture(scope="session")
def runtime_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the folder of the built runtime and base image; MARKET_RUNTIME_CACHE keeps it over runs."""
    kept = os.environ.get("MARKET_RUNTIME_CACHE")
    return Path(kept) if kept else tmp_path_factory.mktemp("runtime")


@pytest.fixture(scope="session")
def pod_machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EngineMachine]:
    """Run one machine for all tests that ask for it."""
    with engine_machine(tmp_path_factory.mktemp("machine")) as running:
        yield running


@pytest.fixture(scope="session")
def prepared(pod_machine: EngineMachine, runtime_cache: Path) -> NodeFacts:
    """Put runtime, network, firewall and base image on the machine, once for all tests."""
    with connect(pod_machine.address) as machine:
        return prepare_node(
            machine,
            market_id=settings.MARKET_INSTANCE,
            directory=pod_machine.directory,
            bundle=artifacts(runtime_cache).runtime,
            base_image=artifacts(runtime_cache).base_image,
            published_ports=(40000, 40999),
            simulated_gpus=gpus_tsv(count=GPU_COUNT, seed=SEED),
        )


@pytest.fixture
def market_node(pod_machine: EngineMachine, prepared: NodeFacts, db: None) -> Iterator[Node]:
    """Put the machine on the market, and leave it without a container."""
    node = put_on_market(pod_machine, host_key=_public_host_key(pod_machine.sshd.home))
    Node.objects.filter(pk=node.pk).update(prepared_digest=prepared.layout.runtime)
    templates.seed()
    preparation.adopt_base_image(prepared.base_image)
    node.refresh_from_db()
    yield node
    if names := pod_machine.docker("ps", "--all", "--quiet").split():
        pod_machine.docker("rm", "--force", "--volumes", *names)


@pytest.fixture
def base(market_node: Node) -> Template:
    """Give the template that needs no registry."""
    return Template.objects.get(name=templates.BASE)


def _public_host_key(home: Path) -> str:
    argv = ["ssh-keygen", "-y", "-f", str(home / "host_key")]
    return subprocess.run(argv, check=True, capture_output=True, text=True).stdout.strip()
