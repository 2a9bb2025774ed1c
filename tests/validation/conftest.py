"""A machine with simulated cards behind a real sshd, and Bob's node that stands for it."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from marketplace.machine import scan_host_key
from marketplace.models import GpuAccess, Node, NodeGpu
from marketplace.services.machines import seal_key
from marketplace.simulated import gpus_tsv, uuids
from tests.factories.marketplace import make_node
from tests.machines import Sshd, loopback_sshd

MODEL = "NVIDIA H100 80GB HBM3"


@pytest.fixture(scope="session")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    """Run an sshd whose machine has a Python with NumPy where the market looks for one."""
    home = tmp_path_factory.mktemp("prover")
    path = f"{home}/node/bin:{os.environ['PATH']}"
    with loopback_sshd(home, environment={"PATH": path}) as running:
        program = running.home / "node" / "bin" / "python3"
        program.parent.mkdir(parents=True)
        program.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
        program.chmod(0o755)
        yield running


@pytest.fixture
def small_proofs(settings: object, tmp_path: Path) -> None:
    """Let a proof take a moment, and keep the key of its signer to the test."""
    settings.MARKET_PROOF_SIMULATED_N = 128  # type: ignore[attr-defined]
    settings.MARKET_PROOF_SWEEPS = 3  # type: ignore[attr-defined]
    settings.MARKET_PROOF_OPENINGS = 4  # type: ignore[attr-defined]
    settings.LOCALCHAIN_FINALITY_BLOCKS = 0  # type: ignore[attr-defined]
    settings.MARKET_VALIDATOR_KEY = tmp_path / "validator.json"  # type: ignore[attr-defined]


@pytest.fixture
def node(db: None, sshd: Sshd, small_proofs: None) -> Node:
    """Make the node of the machine, with two simulated cards."""
    row = make_node(
        gpu_count=2,
        simulated=True,
        gpu_access=GpuAccess.SIMULATED,
        host=sshd.address.host,
        ssh_port=sshd.address.port,
        ssh_user=sshd.address.user,
        host_key=scan_host_key(sshd.address.host, sshd.address.port, timeout=10),
        state_dir=str(sshd.home / "node"),
    )
    seal_key(row.provider, sshd.address.private_key)
    row.provider.save()
    row.gpus.all().delete()
    NodeGpu.objects.bulk_create(
        NodeGpu(node=row, uuid=uuid, position=position)
        for position, uuid in enumerate(uuids(gpus_tsv(model=MODEL, count=2, seed=7)))
    )
    return row
