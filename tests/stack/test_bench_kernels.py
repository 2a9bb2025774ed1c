"""The kernels' bench: it says so where there is no card, and its proof of a machine is one that anyone can verify."""

import json
import sys
from pathlib import Path

import pytest

from lium_site.stack import bench
from lium_site.stack.bench import kernels
from lium_site.stack.console import StackError
from lium_site.stack.kernels_bench import proof
from tests.threads import apart
from tests.validation.host_device import HostDevice, HostProduct
from validation.proof.bundle.records import Status
from validation.proof.parameters import Parameters
from validation.prover import build
from validation.prover.card import ResidentCard
from validation.prover.measure import is_exact, measure
from validation.verifier.verifying import verify

SMALL = Parameters(n=128, products=2, sweeps=2, openings=4)
ROUND = {
    "fill_us": 900_000, "commit_us": 100_000, "generate_us": 20_000, "pack_us": 80_000,
    "vendor_us": 800_000, "sweep_us": 10_000, "copy_us": 25_000,
    "products": 100, "kept_bytes": 25_000_000_000,
    "exact": True,
}  # fmt: skip


@pytest.fixture
def prover(tmp_path: Path) -> list[str]:
    """Build the one file; return the command that starts it with two simulated cards."""
    target = tmp_path / "prove.pyz"
    target.write_bytes(apart(build.build))
    memory = str(SMALL.resident_bytes)
    return [sys.executable, "-I", str(target), "--simulated", "2", "--memory", memory]


@pytest.mark.parametrize("vendor", [None, HostProduct()], ids=["own product", "vendor's"])
def test_every_part_is_timed_and_all_memory_given_back(vendor: HostProduct | None) -> None:
    device = HostDevice()

    figures = measure(ResidentCard("GPU-1", device, vendor), SMALL)

    assert figures.keys() == ROUND.keys()
    assert (figures["vendor_us"] is None) == (vendor is None)
    assert all(value is None or value > 0 for value in figures.values())
    assert device.held == 0


@pytest.mark.parametrize("bit", [0, 15])
def test_one_wrong_bit_of_a_whole_product_is_found(bit: int) -> None:
    card = ResidentCard("GPU-1", HostDevice(), None)
    card.fill(bytes(32), SMALL)
    assert is_exact(card)
    somewhere = card.products + SMALL.resident_bytes - 700
    byte = card.device.read(somewhere + bit // 8, 1)[0] ^ (1 << bit % 8)
    card.device.write(somewhere + bit // 8, bytes([byte]))

    assert not is_exact(card)
    card.release()


def test_figures_of_a_wrong_product_are_none() -> None:
    with pytest.raises(StackError, match="wrong"):
        kernels._require_exact([ROUND, {**ROUND, "exact": False}])


def test_says_that_there_is_no_card(capsys: pytest.CaptureFixture[str]) -> None:
    status = apart(lambda: bench.run("kernels", ["--python", sys.executable]))

    *said, last = capsys.readouterr().out.splitlines()
    outcome = json.loads(last)
    assert status == 0
    assert said[0].startswith("Nothing was measured: no real card can be used")
    assert {outcome[name] for name in ("ours", "reference", "ratio", "spread")} == {None}
    assert "pycuda" in outcome["reason"]


def test_figures_are_a_ratio_to_the_same_run() -> None:
    outcome = kernels._outcome([ROUND, {**ROUND, "commit_us": 300_000}])

    assert (outcome["ours"], outcome["reference"], outcome["ratio"]) == (11.0, 8.0, 1.375)
    assert outcome["spread"]["generation_and_hashing"] == [0.12, 0.267]
    # 25 GB read in 10 ms, against as many read and written in 25.
    assert outcome["spread"]["sweep_of_copy"] == [1.25, 1.25]


def test_without_the_vendors_product_nothing_is_compared() -> None:
    outcome = kernels._outcome([{**ROUND, "vendor_us": None}])

    assert (outcome["ours"], outcome["reference"], outcome["ratio"]) == (10.0, None, None)


def test_its_bundle_verifies(prover: list[str], tmp_path: Path) -> None:
    done = proof.prove(prover, SMALL, model="Simulated", count=2, simulated=True)
    path = proof.save(done.bundle, tmp_path / "bundles")

    report = verify(path.read_bytes())

    assert [found.id for found in report.checks if found.status == Status.FAIL] == []
    assert {found.status for found in report.checks if found.id in {"tiles", "sweeps"}} == {
        Status.PASS
    }


def test_a_prover_that_ends_is_told(tmp_path: Path) -> None:
    with pytest.raises(StackError, match="It ended"):
        proof.prove([sys.executable, "-c", ""], SMALL, model="none", count=1)
