"""A real machine for pods: sshd and engine in a network namespace, with runtime and base image on it."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from marketplace.models import Node
from rentals.engine import NodeFacts
from rentals.models import Template
from rentals.services import templates
from tests.factories.rentals import prepare, put_prepared_on_market
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
    return prepare(pod_machine, runtime_cache)


@pytest.fixture
def market_node(pod_machine: EngineMachine, prepared: NodeFacts, db: None) -> Iterator[Node]:
    """Put the machine on the market, and leave it without a container."""
    node = put_prepared_on_market(pod_machine, prepared)
    yield node
    if names := pod_machine.docker("ps", "--all", "--quiet").split():
        pod_machine.docker("rm", "--force", "--volumes", *names)


@pytest.fixture
def base(market_node: Node) -> Template:
    """Give the template that needs no registry."""
    return Template.objects.get(name=templates.BASE)
