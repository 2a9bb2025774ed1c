"""What a provider claims stands until they claim something else: what is found is judged against it, each time."""

from dataclasses import replace
from datetime import timedelta

import pytest

from core.actors import PLATFORM
from marketplace import selectors
from marketplace.checks import judge
from marketplace.models import Node
from marketplace.services import check_outcomes, listing, onboarding
from marketplace.services.check_visits import evidence_of
from marketplace.services.onboarding import Claim
from marketplace.services.preflight import read
from marketplace.services.requirements import requirements
from tests.factories.marketplace import NOON, make_gpu_model, make_provider

pytestmark = pytest.mark.django_db
NAME = "NVIDIA H100 80GB HBM3"


@pytest.fixture
def node() -> Node:
    make_gpu_model()
    claim = Claim(gpu_model="H100", gpu_count=8, host="203.0.113.8")
    return onboarding.add(provider=make_provider(), claim=claim, actor=PLATFORM, now=NOON)


def looked_at(node: Node, *, gpus: int) -> str:
    """Have so many GPUs found on a machine; give the code of the check that judges them."""
    rows = [f"gpu {index}, GPU-{index}, {NAME}, 81559" for index in range(gpus)]
    found = read("\n".join(["engine 28.3.1", "nvidia_hook yes", "driver 570.1", *rows]))
    node.refresh_from_db()
    evidence = replace(evidence_of(node), found=found)
    check_outcomes.write_findings(node_id=node.pk, evidence=evidence, now=NOON)
    node.refresh_from_db()
    return judge("gpus", evidence, requirements()).code


def figures(node: Node) -> tuple[str | None, str | None]:
    fact = node.facts.get(name="gpu_count")
    return fact.claimed, fact.measured


def test_a_lost_gpu_is_told_at_every_run(node: Node) -> None:
    assert looked_at(node, gpus=8) == ""
    assert looked_at(node, gpus=7) == "claim_corrected"
    assert looked_at(node, gpus=7) == "claim_corrected"

    assert figures(node) == ("8", "7")
    assert node.gpu_count == 7
    assert "Found 7 x" in node.events.latest("id").reason
    assert looked_at(node, gpus=8) == ""


def test_a_claim_is_kept_beside_what_was_never_measured(node: Node) -> None:
    rows = {row.name: row for row in selectors.facts(node)}

    assert rows["gpu_model"].claimed == NAME
    assert rows["gpu_count"].measured is None


def test_a_new_claim_stands_after_the_next_run(node: Node) -> None:
    looked_at(node, gpus=8)
    later = NOON + timedelta(hours=1)

    listing.change_claim(node_id=node.pk, gpu_model="H100", gpu_count=4, actor=PLATFORM, now=later)

    assert looked_at(node, gpus=4) == ""
    assert figures(node) == ("4", "4")


def test_a_machine_without_gpus_simulates_what_is_claimed() -> None:
    make_gpu_model("NVIDIA L40S", "L40S", 46068)
    claim = Claim(gpu_model="L40S", gpu_count=2, host="203.0.113.9")
    node = onboarding.add(provider=make_provider(), claim=claim, actor=PLATFORM, now=NOON)

    assert looked_at(node, gpus=0) == ""
    listing.change_claim(node_id=node.pk, gpu_model="L40S", gpu_count=3, actor=PLATFORM, now=NOON)
    looked_at(node, gpus=0)

    assert (node.simulated, node.gpu_count, figures(node)) == (True, 3, ("3", None))
    rows = {row.name: row for row in selectors.facts(node)}
    assert rows["gpu_count"].claimed == "3 (simulated)"
