"""The prover: a card in device memory answers as the one of NumPy does, and the one file speaks the whole protocol."""

import io
import json
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.validation.host_device import MEMORY_BYTES, HostDevice, HostProduct, built
from validation.proof.drawing import draw
from validation.proof.openings import CardVerifier, Commitments, Opening
from validation.proof.parameters import Parameters
from validation.prover import build, card, cublaslt, labelled
from validation.prover.card import ResidentCard
from validation.prover.errors import ProverError
from validation.prover.simulated import SimulatedCard
from validation.prover.team import Team

SMALL = Parameters(n=128, products=3, sweeps=2, openings=5)
SEED, NONCE, COIN = (bytes([value]) * 32 for value in (1, 2, 3))
UUIDS = ("GPU-51300000-0000-4000-8000-00000000000a", "GPU-51300000-0000-4000-8000-00000000000b")


class TestCardInMemory:
    @pytest.mark.parametrize("vendor", [None, HostProduct()], ids=["own product", "vendor's"])
    @pytest.mark.parametrize(
        ("rows_at_once", "leaves_at_once"), [(4096, 1 << 21), (64, 4), (64, 8)]
    )
    def test_answers_as_the_simulated_one(
        self,
        monkeypatch: pytest.MonkeyPatch,
        vendor: HostProduct | None,
        rows_at_once: int,
        leaves_at_once: int,
    ) -> None:
        monkeypatch.setattr(card, "ROWS_AT_ONCE", rows_at_once)
        monkeypatch.setattr(card, "LEAVES_AT_ONCE", leaves_at_once)
        ours, twin = ResidentCard("GPU-1", HostDevice(), vendor), SimulatedCard("GPU-1")

        assert ours.fill(SEED, SMALL) == twin.fill(SEED, SMALL)
        assert ours.sweep(NONCE) == twin.sweep(NONCE)
        assert ours.open(COIN) == twin.open(COIN)

    def test_asks_the_vendors_library_for_the_same(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        library = built(Path(__file__).with_name("cublaslt_in_c.cpp"), tmp_path)
        monkeypatch.setattr(cublaslt, "load", lambda names: library)
        monkeypatch.setattr(card, "ROWS_AT_ONCE", 64)
        device = HostDevice()
        vendor = cublaslt.VendorProduct(workspace=device.allocate(64))

        root = ResidentCard("GPU-1", device, vendor).fill(SEED, SMALL)

        assert vendor.version() == 120901
        assert root == SimulatedCard("GPU-1").fill(SEED, SMALL)

    def test_without_the_vendors_library_says_so(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(cublaslt, "load", lambda names: None)

        with pytest.raises(cublaslt.CublasError, match="libcublasLt is not installed"):
            cublaslt.VendorProduct(workspace=0)

    @pytest.mark.parametrize("products", [1, 5])
    def test_smallest_products_have_trees_too(self, products: int) -> None:
        sizes = Parameters(n=64, products=products, sweeps=2, openings=3)
        ours, twin = ResidentCard("GPU-1", HostDevice(), None), SimulatedCard("GPU-1")

        assert ours.fill(SEED, sizes) == twin.fill(SEED, sizes)
        assert ours.sweep(NONCE) == twin.sweep(NONCE)
        assert ours.open(COIN) == twin.open(COIN)

    def test_gives_all_memory_back(self) -> None:
        device = HostDevice()
        ours = ResidentCard("GPU-1", device, HostProduct())

        for seed in (SEED, COIN):
            ours.fill(seed, SMALL)
        ours.release()

        assert device.held == 0

    def test_refuses_more_than_the_card_has(self) -> None:
        too_many = Parameters(n=1024, products=1 + MEMORY_BYTES // (2 * 1024 * 1024))

        with pytest.raises(ProverError, match=r"need [\d,]+ bytes and 268,435,456 are free"):
            ResidentCard("GPU-1", HostDevice(), None).fill(SEED, too_many)

    def test_little_memory_is_needed_besides_the_products(self) -> None:
        full = Parameters(n=16_384, products=276)
        at_once = min(full.products, card.LEAVES_AT_ONCE // full.tiles_a_product)

        operands = full.n**2 + full.n * card.ROWS_AT_ONCE * (1 + card.SUM_BYTES)

        assert max(operands, 64 * at_once * full.tiles_a_product) < 1 << 30


class TestTeam:
    def test_no_job_starts_before_all_can(self) -> None:
        team = Team(labelled.cards(3))
        inside = threading.Barrier(3)

        # Each waits for the others: one after another would never end.
        met = team.together(dict.fromkeys(range(3), lambda: inside.wait(timeout=20)))

        team.close()
        assert sorted(met) == [0, 1, 2]

    def test_a_card_keeps_its_thread(self) -> None:
        team = Team(labelled.cards(2))

        first, second = (
            team.together(dict.fromkeys(range(2), threading.get_ident)) for _ in range(2)
        )

        team.close()
        assert first == second
        assert len(set(first)) == 2

    def test_one_failure_is_told_after_all_have_ended(self) -> None:
        team, ended = Team(labelled.cards(2)), threading.Event()

        with pytest.raises(ZeroDivisionError):
            team.together({0: lambda: 1 // 0, 1: ended.set})

        team.close()
        assert ended.is_set()


@pytest.fixture(scope="module")
def prove(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the one file."""
    target = tmp_path_factory.mktemp("prover") / "prove.pyz"
    assert build.main([str(target)]) == 0
    return target


class Conversation:
    """The validator's end of the line."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self.process = process

    def ask(self, **message: object) -> dict[str, Any]:
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(json.dumps(message).encode() + b"\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def end(self) -> int:
        assert self.process.stdin
        self.process.stdin.write(b'{"type":"bye"}\n')
        self.process.stdin.close()
        return self.process.wait(20)


@pytest.fixture
def prover(prove: Path) -> Iterator[Conversation]:
    """Run the one file with two simulated cards, in a folder and an environment with nothing of ours."""
    yield from _converse([str(prove), "--simulated", "2", *(f"--uuid={uuid}" for uuid in UUIDS)])


class TestOneFile:
    def test_same_sources_give_the_same_bytes(self, prove: Path) -> None:
        assert build.build() == prove.read_bytes()

    def test_holds_the_kernels_and_no_part_of_the_house(self, prove: Path) -> None:
        with zipfile.ZipFile(io.BytesIO(prove.read_bytes())) as archive:
            names = archive.namelist()

        assert "validation/kernels/digest.cu" in names
        assert not [name for name in names if "bundle" in name or "verifier" in name]
        assert not [name for name in names if "models" in name or "shim" in name]

    def test_whole_dialogue_is_what_the_verifier_accepts(self, prover: Conversation) -> None:
        ready = prover.ask(type="hello", version=1)
        token = prover.ask(type="echo", token="ab12")
        wanted = [
            {"uuid": uuid, "seed": seed.hex(), "parameters": _sizes(SMALL)}
            for uuid, seed in zip(UUIDS, (SEED, COIN), strict=True)
        ]
        committed = prover.ask(type="fill", cards=wanted)
        swept = prover.ask(type="sweep", nonce=NONCE.hex())
        opened = prover.ask(type="open", coins=[COIN.hex(), SEED.hex()])

        assert prover.end() == 0
        assert token == {"type": "echo", "token": "ab12"}
        assert [found["uuid"] for found in ready["cards"]] == list(UUIDS)
        assert {found["kind"] for found in ready["cards"]} == {"simulated"}
        answers = zip(committed["roots"], swept["roots"], opened["cards"], strict=True)
        for seed, coin, (root, tops, openings) in zip(
            (SEED, COIN), (COIN, SEED), answers, strict=True
        ):
            assert _mismatches(seed, root, tops, coin, openings) == [None] * SMALL.openings

    def test_runs_where_there_is_numpy_and_nothing_else(self, prove: Path) -> None:
        without = "import sys, runpy; sys.modules.update(cryptography=None, django=None)"
        run = f"{without}; sys.argv = ['prove.pyz', '--simulated', '1']; runpy.run_path({str(prove)!r})"
        for talk in _converse(["-c", run]):
            uuid = talk.ask(type="hello", version=1)["cards"][0]["uuid"]
            sizes = _sizes(SMALL)
            answer = talk.ask(
                type="fill", cards=[{"uuid": uuid, "seed": SEED.hex(), "parameters": sizes}]
            )

            talk.end()
            assert answer["roots"] == [SimulatedCard(uuid).fill(SEED, SMALL).hex()]

    def test_says_what_is_missing_for_a_real_card(self, prove: Path) -> None:
        done = subprocess.run(
            [sys.executable, "-I", str(prove)], input=b"", capture_output=True, timeout=60
        )

        answer = json.loads(done.stdout)
        assert done.returncode == 1
        assert answer["type"] == "error"
        assert "pycuda" in answer["why"]
        assert "requirements-gpu.lock" in answer["remedy"]

    def test_ends_when_the_validator_is_gone(self, prover: Conversation) -> None:
        prover.ask(type="hello", version=1)
        assert prover.process.stdin
        prover.process.stdin.close()

        assert prover.process.wait(20) == 0

    @pytest.mark.parametrize(
        ("message", "why"),
        [
            ({"type": "hello", "version": 2}, "version 2 is asked for"),
            ({"type": "sweep", "nonce": "00" * 32}, "no card is filled"),
            ({"type": "open", "coins": ["00" * 32]}, "1 coins for 0 cards"),
            ({"type": "fill", "cards": []}, "at least one"),
            ({"type": "fill", "cards": [{"uuid": "GPU-0", "seed": "00"}]}, "GPU-0"),
            ({"type": "dance"}, "dance"),
            ([], "list"),
        ],
    )
    def test_refuses_what_it_cannot_read(
        self, prover: Conversation, message: object, why: str
    ) -> None:
        assert prover.process.stdin
        assert prover.process.stdout
        prover.process.stdin.write(json.dumps(message).encode() + b"\n")
        prover.process.stdin.flush()

        answer = json.loads(prover.process.stdout.readline())

        assert answer["type"] == "error"
        assert why in answer["why"]
        assert prover.process.wait(20) == 1


def _converse(arguments: Sequence[str]) -> Iterator[Conversation]:
    command = [sys.executable, "-I", *arguments]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        yield Conversation(process)
        process.kill()


def _sizes(sizes: Parameters) -> dict[str, int]:
    return {name: getattr(sizes, name) for name in ("n", "products", "sweeps", "openings")}


def _mismatches(
    seed: bytes, root: str, tops: list[str], coin: bytes, openings: list[dict[str, list[str]]]
) -> list[object]:
    commitments = Commitments(
        seed, SMALL, bytes.fromhex(root), NONCE, tuple(map(bytes.fromhex, tops))
    )
    assert len(tops) == SMALL.sweeps
    verifier = CardVerifier(commitments)
    return [
        verifier.mismatch(position, Opening(_path(opening["tile"]), _path(opening["sweep"])))
        for position, opening in zip(draw(coin, SMALL), openings, strict=True)
    ]


def _path(siblings: list[str]) -> tuple[bytes, ...]:
    return tuple(map(bytes.fromhex, siblings))
