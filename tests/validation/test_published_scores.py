"""What was weighed, for everybody: page, API, and the command that computes it again."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from django.test import Client
from pytest_django.live_server_helper import LiveServer

from billing.chain.local import subnet
from tests.factories.marketplace import make_node, make_provider
from tests.factories.rates import price_is
from tests.factories.validation import BUNDLE
from tests.validation.test_weighing import HOTKEY, NOW, prove
from validation.models import Proof, Verdict, Weighing, WeightsSubmission
from validation.scoring import __main__ as command
from validation.scoring import published
from validation.scoring.data import NotData, decode, encode
from validation.services import weighing

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def weighed(settings: object, tmp_path: Path) -> Weighing:
    """Weigh a market of one machine, whose validator has no place: the chain refuses the vector."""
    settings.MARKET_VALIDATOR_KEY = tmp_path / "validator.json"  # type: ignore[attr-defined]
    subnet.register(netuid=settings.MARKET_NETUID, hotkey=HOTKEY)  # type: ignore[attr-defined]
    price_is()
    prove(make_node(provider=make_provider(hotkey=HOTKEY)), Verdict.PASS)
    made = weighing.weigh_if_due(now=NOW)
    assert made is not None
    return made


class TestPage:
    def test_explains_itself_before_there_is_anything(self, client: Client) -> None:
        page = client.get("/scores").content.decode()

        assert "Nothing was weighed yet" in page
        assert "How a share comes about" in page

    def test_shows_the_machine_and_what_the_chain_said(
        self, client: Client, weighed: Weighing
    ) -> None:
        page = client.get("/scores").content.decode()

        assert "NVIDIA H100 80GB HBM3" in page
        assert "Refused: NotRegistered" in page
        assert "Simulated chain" in page

    def test_what_an_older_version_wrote_is_said_to_be_so(
        self, client: Client, weighed: Weighing
    ) -> None:
        older = bytes(weighed.data).replace(b'"format":3', b'"format":2')
        Weighing.objects.update(data=older)

        assert client.get("/scores").status_code == 200
        assert client.get(f"/scores?at={weighed.block}").status_code == 404
        assert client.get(f"/api/scores/{weighed.block}/data").content == older

    def test_an_unknown_block_is_not_found(self, client: Client, weighed: Weighing) -> None:
        assert client.get("/scores?at=99").status_code == 404
        assert client.get("/scores?at=²").status_code == 404


class TestApi:
    def test_gives_the_data_byte_for_byte(self, client: Client, weighed: Weighing) -> None:
        answer = client.get(f"/api/scores/{weighed.block}/data")

        assert answer.content == bytes(weighed.data)
        assert "immutable" in answer["Cache-Control"]

    def test_gives_every_term(self, client: Client, weighed: Weighing) -> None:
        body = client.get("/api/scores/latest").json()

        assert (body["block"], body["data_sha256"]) == (weighed.block, weighed.data_sha256)
        assert body["machines"][0]["price"] == "1"
        assert body["submission"]["status"] == "refused"
        assert body["submission"]["weights"] == weighed.weights


class TestCommand:
    def test_finds_what_was_published(
        self, live_server: LiveServer, weighed: Weighing, capsys: pytest.CaptureFixture[str]
    ) -> None:
        status = command.main(["--from", live_server.url, "--at", str(weighed.block), "--json"])

        printed = capsys.readouterr()
        assert status == command.SAME
        assert json.loads(printed.out)["weights"] == weighed.weights
        assert "the same as published" in printed.err
        assert "not set on chain (refused): NotRegistered" in printed.err
        assert "the vector that was sent is the one that follows from the data" in printed.err

    def test_finds_that_something_else_was_set_on_chain(
        self, live_server: LiveServer, weighed: Weighing, capsys: pytest.CaptureFixture[str]
    ) -> None:
        WeightsSubmission.objects.update(uids=[1], weights=[65_535])

        assert command.main(["--from", live_server.url]) == command.DIFFERENT
        assert "is not the one that follows" in capsys.readouterr().err

    def test_needs_nothing_but_what_was_downloaded(
        self,
        live_server: LiveServer,
        weighed: Weighing,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        digest = decode(bytes(weighed.data)).machines[0].bundles[0]
        Proof.objects.update(bundle=BUNDLE, bundle_sha256=digest)
        folder = tmp_path / "saved"
        saved = command.main(["--from", live_server.url, "--save", str(folder)])
        monkeypatch.setattr(published, "_fetch", None)

        again = command.main([str(folder)])

        told = capsys.readouterr().err
        assert (saved, again) == (command.SAME, command.DIFFERENT)
        assert "1 bundles verified, SIMULATED chain, signer " in told
        assert ": 1 complaints" in told
        assert (folder / "bundles" / f"{digest}.json").read_bytes() == BUNDLE

    def test_a_folder_that_lacks_a_bundle_cannot_be_counted(
        self, weighed: Weighing, client: Client, tmp_path: Path
    ) -> None:
        (tmp_path / "data.json").write_bytes(bytes(weighed.data))
        (tmp_path / "result.json").write_bytes(client.get("/api/scores/latest").content)

        assert command.main([str(tmp_path)]) == command.UNREADABLE

    @pytest.mark.parametrize("name", ["../secret", "A" * 64, "a" * 63])
    def test_a_name_that_is_no_digest_reaches_no_file(self, tmp_path: Path, name: str) -> None:
        with pytest.raises(NotData):
            published.Folder(tmp_path).bundle(name)

    @pytest.mark.parametrize("told", [b"[]", b"{", b'{"block": 1, "submission": {"uids": 1}}'])
    def test_a_result_that_is_none_is_named(
        self, weighed: Weighing, tmp_path: Path, told: bytes
    ) -> None:
        (tmp_path / "data.json").write_bytes(bytes(weighed.data))
        (tmp_path / "result.json").write_bytes(told)

        assert command.main([str(tmp_path)]) == command.UNREADABLE

    def test_finds_a_vector_that_does_not_follow(
        self, live_server: LiveServer, weighed: Weighing, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        told = json.dumps({"block": 1, "data_sha256": "", "uids": [1], "weights": [9]})
        pages = [told.encode(), bytes(weighed.data)]
        monkeypatch.setattr(published, "_fetch", lambda url: pages.pop(0))

        assert command.main(["--from", live_server.url]) == command.DIFFERENT

    def test_verifies_every_bundle_that_is_counted(
        self, live_server: LiveServer, weighed: Weighing, capsys: pytest.CaptureFixture[str]
    ) -> None:
        Proof.objects.update(
            bundle=BUNDLE, bundle_sha256=decode(bytes(weighed.data)).machines[0].bundles[0]
        )

        status = command.main(["--from", live_server.url, "--bundles"])

        assert status == command.DIFFERENT
        assert "has other bytes" in capsys.readouterr().err

    def test_a_markets_texts_do_not_steer_a_terminal(
        self, tmp_path: Path, weighed: Weighing, capsys: pytest.CaptureFixture[str]
    ) -> None:
        (tmp_path / "bundles").mkdir()
        data = decode(bytes(weighed.data))
        (row,) = data.machines
        (tmp_path / "bundles" / f"{row.bundles[0]}.json").write_bytes(b"{}")
        hostile = replace(data, machines=[replace(row, node="\x1b[2J", gpu_model="\x1b[1A")])
        sent = {"hotkey": "\x1b", "status": "accepted", "answer": "\x1b[2K"}
        sent |= {"uids": [], "weights": [], "min_allowed": None, "max_share": None}
        (tmp_path / "data.json").write_bytes(encode(hostile))
        (tmp_path / "result.json").write_text(json.dumps({"submission": sent}))

        assert command.main([str(tmp_path)]) == command.DIFFERENT

        told = capsys.readouterr()
        assert "?[2J: bundle" in told.err
        assert "\x1b" not in told.out + told.err

    def test_reads_a_file_without_any_market(self, weighed: Weighing, tmp_path: Path) -> None:
        file = tmp_path / "scores.json"
        file.write_bytes(bytes(weighed.data))

        assert command.main([str(file)]) == command.SAME

    @pytest.mark.parametrize("arguments", [["nothing.json"], ["--from", "ftp://x"]])
    def test_what_cannot_be_read_is_named(self, arguments: list[str]) -> None:
        assert command.main(arguments) == command.UNREADABLE
