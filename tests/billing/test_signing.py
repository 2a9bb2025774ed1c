"""Who signs for the treasury: a seed, a sealed seed, or a program of its own."""

import io
import json
import socketserver
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from bittensor_core import Keypair
from django.core.management import CommandError, call_command
from pytest_django import Settings

from billing import signing
from billing.chain import keys
from tests.factories.billing import TREASURY

KEY = Keypair.create_from_uri("//Treasury")
SIGNS = """
import json, sys
from bittensor_core import Keypair
wish = json.loads(sys.stdin.readline())
signature = Keypair.create_from_uri("//%s").sign(bytes.fromhex(wish["message"][2:]))
print(json.dumps({"signature": "0x" + signature.hex()}))
"""


def signs_for_the_treasury(signer: object) -> bool:
    message = b"the bytes of a transfer"
    return keys.verifies(KEY.public_key, message, signer.sign(message))  # type: ignore[attr-defined]


@pytest.fixture(autouse=True)
def no_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MARKET_PAYOUT_SEED", "MARKET_PAYOUT_SEED_FILE", "MARKET_PAYOUT_PASSPHRASE"):
        monkeypatch.delenv(name, raising=False)


def test_nobody() -> None:
    with pytest.raises(signing.SignerMissing, match="MARKET_PAYOUT_SEED_FILE"):
        signing.treasury_signer()


class TestSeed:
    def test_in_a_file(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (tmp_path / "seed").write_text("//Treasury\n")
        monkeypatch.setenv("MARKET_PAYOUT_SEED_FILE", str(tmp_path / "seed"))

        assert signs_for_the_treasury(signing.treasury_signer())

    def test_sealed_it_opens_with_its_passphrase_alone(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        sealed = signing.seal("//Treasury", passphrase="twelve horses")
        assert "Treasury" not in sealed
        (tmp_path / "seed").write_text(sealed)
        monkeypatch.setenv("MARKET_PAYOUT_SEED_FILE", str(tmp_path / "seed"))

        with pytest.raises(signing.SignerFailed):
            signing.treasury_signer()
        monkeypatch.setenv("MARKET_PAYOUT_PASSPHRASE", "twelve horses")
        assert signs_for_the_treasury(signing.treasury_signer())

    def test_the_command_seals_for_the_treasury_alone(
        self, settings: Settings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        settings.TREASURY_ADDRESS = TREASURY
        monkeypatch.setenv("MARKET_PAYOUT_PASSPHRASE", "twelve horses")
        out = io.StringIO()

        monkeypatch.setattr("sys.stdin", io.StringIO("//Treasury\n"))
        call_command("seal_payout_seed", stdout=out)
        monkeypatch.setattr("sys.stdin", io.StringIO("//Eve\n"))
        with pytest.raises(CommandError, match="not the treasury's"):
            call_command("seal_payout_seed")

        assert signing.unseal(out.getvalue().strip(), passphrase="twelve horses") == "//Treasury"


class TestProgram:
    @pytest.fixture(autouse=True)
    def treasury(self, settings: Settings) -> None:
        settings.TREASURY_ADDRESS = TREASURY

    def command(self, settings: Settings, tmp_path: Path, text: str) -> signing.Signer:
        (tmp_path / "signer.py").write_text(text)
        settings.PAYOUT_SIGNER = f"{sys.executable} {tmp_path / 'signer.py'}"
        return signing.treasury_signer()

    def test_a_command(self, settings: Settings, tmp_path: Path) -> None:
        signer = self.command(settings, tmp_path, SIGNS % "Treasury")

        assert signer.ss58_address == TREASURY
        assert signs_for_the_treasury(signer)

    @pytest.mark.parametrize(
        ("program", "words"),
        [
            (SIGNS % "Eve", "no signature of the treasury"),
            ("print('no')", "gave no signature"),
            ("raise SystemExit(1)", "gave no signature"),
        ],
    )
    def test_one_that_does_otherwise(
        self, settings: Settings, tmp_path: Path, program: str, words: str
    ) -> None:
        with pytest.raises(signing.SignerFailed, match=words):
            self.command(settings, tmp_path, program).sign(b"x")

    def test_a_socket(self, settings: Settings, served: Path) -> None:
        settings.PAYOUT_SIGNER = f"unix:{served}"

        assert signs_for_the_treasury(signing.treasury_signer())

    def test_a_socket_that_nobody_serves(self, settings: Settings, tmp_path: Path) -> None:
        settings.PAYOUT_SIGNER = f"unix:{tmp_path / 'none'}"

        with pytest.raises(signing.SignerFailed):
            signing.treasury_signer().sign(b"x")


class Answer(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        wish = json.loads(self.rfile.readline())
        assert wish["address"] == TREASURY
        signature = KEY.sign(bytes.fromhex(wish["message"][2:]))
        self.wfile.write(json.dumps({"signature": "0x" + signature.hex()}).encode() + b"\n")


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "signer.sock"
    with socketserver.UnixStreamServer(str(path), Answer) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}).start()
        yield path
        server.shutdown()
