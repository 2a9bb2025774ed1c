"""How a prover is started, and how large a proof it is asked for."""

import pytest
from pytest_django import Settings

from marketplace.models import GpuAccess
from tests.factories.marketplace import make_gpu_model, make_node
from validation.services import provers

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("access", "option"),
    [(GpuAccess.CDI, "--device nvidia.com/gpu=all"), (GpuAccess.GPUS, "--gpus all")],
)
def test_real_cards_run_in_a_container_without_a_network(access: str, option: str) -> None:
    node = make_node(gpu_access=access)

    argv = provers.contained(node, "/var/lib/lium-node/prove.pyz", image="image@sha256:1", name="p")

    command = " ".join(argv)
    for words in (option, "--network=none", "--read-only", "--cap-drop=ALL", "no-new-privileges"):
        assert words in command
    assert command.startswith("timeout -k 5 ")
    assert command.endswith("image@sha256:1 python3 /prove.pyz")


@pytest.mark.parametrize(
    ("image", "why"), [("", "names no image"), ("ours/prover:latest", "may change at any time")]
)
def test_an_image_is_named_by_digest(settings: Settings, image: str, why: str) -> None:
    settings.MARKET_PROVER_IMAGE = image

    with pytest.raises(provers.NotRunnable, match=why):
        provers._image(None)  # type: ignore[arg-type]


def test_a_proof_fills_the_memory_that_a_machine_is_listed_with() -> None:
    sizes = {
        memory_mib: provers.parameters_of(
            make_node(gpu_model=make_gpu_model(f"GPU {memory_mib}", memory_mib=memory_mib))
        )
        for memory_mib in (24_564, 81_559)
    }

    assert {mib: size.products for mib, size in sizes.items()} == {24_564: 41, 81_559: 153}
    assert all(size.is_full_strength for size in sizes.values())
