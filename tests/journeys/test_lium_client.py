"""The published client, unmodified, against a market that runs: real containers, real SSH."""

import shutil
import socket
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from lium_site.stack.application import free_port
from tests.journeys.client import Client, eventually
from tests.journeys.lossy import losing_first_answer
from tests.market import LiveMarket

pytestmark = pytest.mark.client
GPU, GPU_COUNT = "RTX4090", 4


@pytest.fixture(scope="module")
def lium(market: LiveMarket, tmp_path_factory: pytest.TempPathFactory) -> Client:
    """The seeded renter at the terminal."""
    return Client(tmp_path_factory.mktemp("home"), url=market.url, api_key=market.api_key)


@pytest.fixture(autouse=True)
def _gives_gpus_back(market: LiveMarket) -> Iterator[None]:
    """Wait at the end: a pod that was removed holds its GPUs until its machine has taken it off."""
    yield
    eventually(lambda: gpus_of(market.api.get("pods")) + free_gpus(market) >= GPU_COUNT)


def gpus_of(pods: list[dict]) -> int:
    return sum(pod["gpu_count"] for pod in pods)


def free_gpus(market: LiveMarket) -> int:
    return sum(node["available_gpu_count"] for node in market.api.get("executors"))


@pytest.fixture
def newcomer(market: LiveMarket, tmp_path: Path) -> Client:
    """Somebody without an account."""
    return Client(tmp_path, url=market.url)


@pytest.fixture(scope="module")
def pod(lium: Client) -> Iterator[dict]:
    """A pod with one GPU, rented by its node, for all that is done to a running pod."""
    up = lium.ok(
        "up", node_of(lium), "-c", "1", "--name", "shared", "--ttl", "1h", "--yes", "--json"
    )
    yield up.json["pod"]
    lium("rm", up.json["pod"]["id"], "--yes")


def node_of(lium: Client) -> str:
    return lium.ok("ls", "--format", "json").json[0]["id"]


def pods_of(lium: Client) -> dict[str, str]:
    return {row["id"]: row["status"] for row in lium.ok("ps", "--format", "json").json}


def is_listed(lium: Client, pod_id: str) -> bool:
    return pod_id in {row["id"] for row in lium.ok("ps", "--format", "json").json}


class TestNewcomer:
    def test_browses_and_prices_without_a_key(self, newcomer):
        [node] = newcomer.ok("ls", "--format", "json").json
        templates = newcomer.ok("templates", "--format", "json").json
        quote = newcomer.ok("quote", node["id"], "--hours", "2", "--format", "json").json

        assert node["gpu_type"] == GPU
        assert templates[0]["docker_image"] == "lium/base"
        assert quote["total_usd"] == pytest.approx(2 * quote["price_per_hour"])

    def test_signs_up_and_may_not_rent_on_an_empty_balance(self, newcomer):
        signup = newcomer.ok("signup", "--email", f"{uuid4().hex}@example.com", "--json").json
        me = newcomer.ok("whoami", "--json").json
        refused = newcomer("up", node_of(newcomer), "--yes", "--json")

        assert signup["api_key"].startswith("sk_")
        assert me["balance_usd"] == newcomer.ok("balance", "--json").json["balance"] == 0
        assert refused.code == 6
        assert refused.refusal["code"] == "insufficient_balance"
        assert not newcomer.ok("ps", "--format", "json").json

    def test_signs_up_without_an_address(self, newcomer):
        signup = newcomer.ok("signup", "--no-email", "--json").json

        assert len(signup["fingerprint"]) == 32
        assert newcomer.ok("whoami", "--json").json["api_reachable"]

    def test_a_bad_key_is_named_as_such(self, newcomer):
        newcomer.environment["LIUM_API_KEY"] = "sk_nobody-has-this-one"

        refused = newcomer("balance", "--json")

        assert (refused.code, refused.refusal["code"]) == (3, "invalid_api_key")


class TestCatalogue:
    def test_filters_are_the_servers(self, lium):
        def nodes(*filters: str) -> int:
            return len(lium.ok("ls", "--format", "json", *filters).json)

        assert nodes("--gpu", GPU) == nodes("--gpu", "4090") == nodes("--count", "4") == 1
        assert nodes("--gpu", "H100") == nodes("--count", "8") == nodes("--max-price", "0.01") == 0

    def test_an_unknown_gpu_is_said_to_be_one(self, lium):
        assert "No GPU type matches" in lium.ok("ls", "--gpu", "nosuch").out


class TestRunningPod:
    def test_is_ready_with_what_was_asked(self, lium, pod):
        assert (pod["status"], pod["gpu_count"], pod["gpu_type"]) == ("RUNNING", 1, GPU)
        assert pod["ports"]["22"] == int(pod["ssh_cmd"].rpartition(" ")[2])
        assert pod["removal_scheduled_at"]
        assert is_listed(lium, pod["id"])

    def test_shows_its_gpus(self, lium, pod):
        assert lium.ok("exec", pod["id"], "nvidia-smi -L").out.count("GPU-") == 1

    def test_gives_output_and_exit_status_of_a_command(self, lium, pod):
        done = lium(
            "exec", pod["id"], "--json", "-e", "WORD=out", "echo $WORD; echo err >&2; exit 3"
        )

        [result] = done.json["results"]
        assert (done.code, result["exit_code"]) == (3, 3)
        assert (result["stdout"], result["stderr"]) == ("out\n", "err\n")

    def test_opens_a_shell(self, lium, pod):
        assert "Linux" in lium.ok("ssh", pod["id"], text="uname\nexit\n").out

    def test_copies_files_there_and_back(self, lium, pod):
        there, back = lium.home / "there.bin", lium.home / "back.bin"
        there.write_bytes(bytes(range(256)) * 4096)

        lium.ok("scp", pod["id"], str(there), "/root/copy.bin")
        lium.ok("scp", pod["id"], "-d", "/root/copy.bin", str(back))

        assert back.read_bytes() == there.read_bytes()

    def test_syncs_a_folder(self, lium, pod):
        if shutil.which("rsync") is None:
            pytest.skip("rsync is not installed here")
        folder = lium.home / "folder"
        folder.mkdir()
        (folder / "a").write_text("in sync")

        lium.ok("rsync", pod["id"], str(folder), "/root/folder")

        assert "in sync" in lium.ok("exec", pod["id"], "cat /root/folder/a").out

    def test_forwards_a_port(self, lium, pod):
        port = free_port()

        with lium.running("port-forward", pod["id"], "22", "-l", str(port)):
            eventually(lambda: banner(port).startswith(b"SSH-2.0"))

    def test_prints_its_log_and_follows_it(self, lium, pod):
        said, heard = uuid4().hex, uuid4().hex
        lium.ok("exec", pod["id"], f"echo {said} > /proc/1/fd/1")
        eventually(lambda: said in lium.ok("logs", pod["id"]).out)

        with lium.running("logs", "-f", pod["id"]) as output:
            eventually(lambda: said in output.read_text())
            lium.ok("exec", pod["id"], f"echo {heard} > /proc/1/fd/1")
            eventually(lambda: heard in output.read_text())

    def test_is_described_with_its_ports(self, lium, pod):
        manifest = lium.ok("describe", pod["id"], "--json").json

        assert pod["id"] in str(manifest)
        assert str(pod["ports"]["22"]) in str(manifest)

    def test_is_in_the_spending(self, lium, pod):
        spend = lium.ok("spend", "--format", "json").json

        assert pod["huid"] in {row["huid"] for row in spend["pods"]}
        assert spend["burn_per_hour"] >= pod["price_per_hour"]

    def test_its_end_is_listed(self, lium, pod):
        assert pod["huid"] in lium.ok("schedules").out

    def test_the_key_that_it_was_rented_with_is_registered(self, lium, pod):
        public_key = (lium.home / ".ssh" / "id_ed25519.pub").read_text().split()[1]

        assert public_key[:10] in lium.ok("ssh-keys").out
        assert lium.ok("whoami", "--json").json["ssh_key_registered"]


class TestPlainUp:
    def test_takes_the_first_machine_and_the_image_that_is_there(self, market, tmp_path):
        alice = Client(tmp_path, url=market.url, api_key=market.api_key)
        before = pods_of(alice)
        alice.ok("ls")

        try:
            alice.ok("up", "1", "--yes", text="exit\n")

            [(pod_id, status)] = pods_of(alice).items() - before.items()
            image = market.api.get(f"pods/{pod_id}")["template"]["docker_image"]
            assert (status, image) == ("RUNNING", "lium/base")
        finally:
            for pod_id in pods_of(alice).keys() - before.keys():
                alice.ok("rm", pod_id, "--yes")


class TestWholeLife:
    def test_by_gpu_rebooted_scheduled_removed_and_billed(self, lium):
        up = lium.ok("up", "--gpu", GPU, "--name", "life", "--yes", "--json").json["pod"]
        lium.ok("exec", up["id"], "echo kept > /root/kept")

        lium.ok("reboot", up["id"])
        eventually(lambda: "kept" in lium("exec", up["id"], "cat /root/kept").out)
        lium.ok("rm", up["id"], "--in", "2h", "--yes")
        assert "life" in lium.ok("ps", "--format", "json").out
        lium.ok("rm", up["id"], "--yes")

        assert not is_listed(lium, up["id"])
        eventually(lambda: "REMOVED" in lium.ok("describe", up["id"]).out)
        record = lium.ok("record", up["id"], "--format", "json").json
        assert record["removed"]
        assert record["total"] == pytest.approx(
            record["billed_seconds"] * up["price_per_hour"] / 3600, abs=1e-6
        )
        assert record["total"] > 0
        history = lium.ok("billing", "history", "--format", "json").json
        assert {row["pod_id"]: row["total"] for row in history["pods"]}[up["id"]] == record["total"]

    def test_a_job_brings_its_result_back_and_leaves_nothing(self, lium):
        (lium.home / "in.txt").write_text("41\n")
        result = lium.home / "out.txt"

        job = lium.ok(
            *("job", "run", "cat /root/in.txt > /root/out.txt; echo 42 >> /root/out.txt"),
            *("--gpu", GPU, "--budget", "1", "--deadline", "10m", "--format", "json"),
            *("--input", f"{lium.home}/in.txt:/root/in.txt", "--output", f"/root/out.txt:{result}"),
        ).json

        assert (job["status"], job["cleanup"]) == ("succeeded", "removed")
        assert result.read_text() == "41\n42\n"
        assert job["cost_usd"] > 0
        assert not is_listed(lium, job["pod_id"])

    def test_an_own_image_and_ports(self, lium):
        base = lium.ok("templates", "--format", "json").json[0]
        image = f"{base['docker_image']}:{base['docker_image_tag']}"

        up = lium.ok(
            *("up", node_of(lium), "-c", "1", "--image", image, "--internal-ports", "22,8000"),
            *("--env", "WORD=set", "--name", "own", "--yes", "--json"),
        ).json["pod"]
        word = lium.ok("exec", up["id"], "echo WORD=$WORD")
        lium.ok("rm", up["id"], "--yes")

        assert set(up["ports"]) == {"22", "8000"}
        assert "WORD=set" in word.out


class TestLostAnswer:
    @pytest.mark.parametrize("by", ["node", "gpu"])
    def test_makes_one_pod(self, lium, market, tmp_path, by):
        target = [node_of(lium), "-c", "1"] if by == "node" else ["--gpu", GPU]
        name = f"once-{uuid4().hex[:8]}"
        to = "/rent" if by == "node" else "/rent-by-spec"

        with losing_first_answer(market.url, to=to) as url:
            client = Client(tmp_path, url=url, api_key=market.api_key)
            client.ok("up", *target, "--name", name, "--yes", "--json", "--no-ssh")

        named = [row for row in lium.ok("ps", "--format", "json").json if row["name"] == name]
        assert len(named) == 1
        lium.ok("rm", named[0]["id"], "--yes")


class TestNotFound:
    def test_a_pod_of_nobody(self, lium):
        missing = lium("rm", str(UUID(int=7)), "--yes", "--format", "json")

        assert (missing.code, missing.refusal["code"]) == (5, "pod_not_found")


def banner(port: int) -> bytes:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=2) as connection:
            return connection.recv(20)
    except OSError:
        return b""
