"""The public lists of the API, as anyone and as the published client ask for them."""

import json
import os
import subprocess
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from marketplace import hooks
from marketplace.hooks import ImageChoice
from marketplace.models import MachineRequest, Node
from marketplace.services import gpu_catalogue
from tests.factories.accounts import make_key, make_person
from tests.factories.marketplace import make_gpu_model, make_node
from tests.lium import run_lium


@pytest.mark.django_db
class TestExecutors:
    def test_anyone_may_list_with_an_empty_key(self, client: Client) -> None:
        node = make_node()

        answer = client.get("/api/executors?view=summary", headers={"X-API-KEY": ""})

        assert answer.status_code == 200
        assert answer["Content-Type"] == "application/json"
        assert [row["id"] for row in answer.json()] == [str(node.public_id)]
        assert "X-Lium-Key" not in answer

    def test_a_dead_key_still_lists_and_is_told(self, client: Client) -> None:
        make_node()
        alice = make_person("alice")

        dead = client.get("/api/executors", headers={"X-API-KEY": "sk_dead"})
        live = alice.api.get("/api/executors")

        assert (dead.status_code, dead["X-Lium-Key"]) == (200, "invalid")
        assert (live.status_code, live["X-Lium-Key"]) == (200, "valid")
        assert dead.content == live.content

    @pytest.mark.parametrize("rows", [1, 7])
    def test_one_query_with_a_key_whatever_the_size(self, rows: int) -> None:
        alice = make_person("alice")
        for _ in range(rows):
            make_node()

        with CaptureQueriesContext(connection) as captured:
            answer = alice.api.get("/api/executors?gpus=1&sort=-download")

        assert len(answer.json()) == rows
        # The list goes past Django's cursor: one prepared statement that is not captured.
        assert len(captured) == 0

    def test_a_value_that_means_nothing_is_refused_in_the_clients_envelope(
        self, client: Client
    ) -> None:
        answer = client.get("/api/executors?limit=many&tier=gold")

        body = answer.json()
        assert answer.status_code == 422
        assert "limit" in body["detail"]
        assert "tier" in body["message"]
        assert {item["field"] for item in body["error"]["data"]["fields"]} == {"limit", "tier"}

    def test_pages_by_limit_and_offset(self, client: Client) -> None:
        for price in (3, 1, 2):
            make_node(price_per_gpu_usd=Decimal(price))

        answer = client.get("/api/executors?limit=2&offset=1")

        assert [row["price_per_gpu"] for row in answer.json()] == [2, 3]

    @pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
    def test_only_reads(self, client: Client, method: str) -> None:
        assert getattr(client, method)("/api/executors").status_code == 405

    def test_every_parameter_is_documented(self, client: Client) -> None:
        paths = client.get("/api/openapi.json").json()["paths"]

        listed = {item["name"] for item in paths["/api/executors"]["get"]["parameters"]}
        assert {"machine_names", "gpu_count_gte", "min_vram", "sort", "limit"} <= listed


@pytest.mark.django_db
class TestLists:
    def test_machines_are_all_gpus_that_the_market_knows(self, client: Client) -> None:
        gpu_catalogue.load()

        names = [row["name"] for row in client.get("/api/machines").json()]

        assert "NVIDIA GeForce RTX 4090" in names
        assert len(names) == len(set(names))

    def test_fixed_words_are_not_taken_for_ids(self, client: Client) -> None:
        assert client.get("/api/executors/infiniband-clusters").json() == []
        assert client.get("/api/executors/default-docker-image?gpu_model=H100").status_code == 200

    def test_images_come_from_whoever_is_installed(
        self, client: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        named = hooks.Hooks(best_images=lambda gpu, driver: [ImageChoice(gpu, driver)])
        monkeypatch.setattr(hooks, "_installed", [named])

        answer = client.get("/api/executors/default-docker-image?gpu_model=H100&driver_version=570")

        assert answer.json() == [{"docker_image": "H100", "docker_image_tag": "570"}]


@pytest.mark.django_db
class TestMachineRequests:
    def test_stores_a_wish_of_the_keys_workspace(self) -> None:
        gpu_catalogue.load()
        alice = make_person("alice")

        answer = alice.api.post(
            "/api/machine-requests",
            {"machine_name": "NVIDIA B200", "gpu_count": 8},
            content_type="application/json",
        )

        assert answer.status_code == 200
        assert "8 x NVIDIA B200" in answer.json()["confirmation"]
        assert MachineRequest.objects.get().workspace == alice.workspace

    @pytest.mark.parametrize(
        ("body", "status"),
        [
            ({"machine_name": "nosuch"}, 422),
            ({"machine_name": ""}, 422),
            ({"machine_name": "H200", "gpu_count": 0}, 422),
            ({"machine_name": "H200", "gpu_count": "many"}, 422),
            ({}, 422),
            ([], 422),
        ],
    )
    def test_refuses_what_means_nothing(self, body: Any, status: int) -> None:
        gpu_catalogue.load()

        answer = make_person("alice").api.post(
            "/api/machine-requests", json.dumps(body), content_type="application/json"
        )

        assert answer.status_code == status
        assert answer.json()["detail"]
        assert not MachineRequest.objects.exists()

    def test_nobody_and_a_read_only_key_may_not(self, client: Client) -> None:
        alice = make_person("alice")
        _, secret = make_key(alice.user, scopes=["read"])
        body = {"machine_name": "NVIDIA B200"}

        nobody = client.post("/api/machine-requests", body, content_type="application/json")
        reader = client.post(
            "/api/machine-requests",
            body,
            content_type="application/json",
            headers={"X-API-KEY": secret},
        )

        assert (nobody.status_code, reader.status_code) == (401, 403)
        assert reader.json()["error"]["code"] == "missing_scope"


def lium(url: str, home: Path, *arguments: str, key: str = "") -> subprocess.CompletedProcess[str]:
    """Run the published client, unmodified, in a home of its own."""
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "LIUM_BASE_URL": f"{url}/api",
        "LIUM_NONINTERACTIVE": "1",
        "LIUM_TELEMETRY": "0",
        "COLUMNS": "200",
    }
    if key:
        environment["LIUM_API_KEY"] = key
    return run_lium(*arguments, env=environment, cwd=home)


@pytest.mark.client
@pytest.mark.django_db(transaction=True)
class TestClient:
    def test_lists_anonymously_what_the_page_shows(self, live_server: Any, tmp_path: Path) -> None:
        node = make_node(country="Germany", country_code="DE", download_mbps=900.0)
        make_node(cpu_count=None, ram_mib=None, disk_gib=None, cuda_version=None)

        done = lium(live_server.url, tmp_path, "ls", "--format", "json")

        assert done.returncode == 0, done.stderr
        rows = _rows(done.stdout)
        first = next(row for row in rows if row["id"] == str(node.public_id))
        assert len(rows) == 2
        assert first["gpu_type"] == "H100"
        assert first["huid"] == node.huid
        assert first["vram_gb"] == 80
        assert first["country_code"] == "DE"

    def test_filters_on_the_server_by_short_name(self, live_server: Any, tmp_path: Path) -> None:
        card = make_gpu_model("NVIDIA GeForce RTX 4090", "RTX4090", 24564)
        wanted = make_node(gpu_model=card, gpu_count=4)
        make_node(gpu_model=card, gpu_count=2)
        make_node()

        done = lium(
            live_server.url, tmp_path, "ls", "--gpu", "4090", "--count", "4", "--format", "json"
        )

        assert [row["id"] for row in _rows(done.stdout)] == [str(wanted.public_id)]

    def test_an_unknown_gpu_is_called_unknown_and_a_sold_out_one_is_not(
        self, live_server: Any, tmp_path: Path
    ) -> None:
        make_node(free_gpu_count=0)

        unknown = lium(live_server.url, tmp_path, "ls", "--gpu", "nosuch")
        sold_out = lium(live_server.url, tmp_path, "ls", "--gpu", "H100")

        assert unknown.returncode == sold_out.returncode == 0
        assert "H100" in unknown.stdout + unknown.stderr
        assert (unknown.stdout, unknown.stderr) != (sold_out.stdout, sold_out.stderr)

    def test_the_table_says_simulated(self, live_server: Any, tmp_path: Path) -> None:
        make_node(simulated=True)

        done = lium(live_server.url, tmp_path, "ls")

        assert done.returncode == 0, done.stderr
        assert "Simulated" in done.stdout
        assert Node.objects.count() == 1


def _rows(text: str) -> list[dict[str, Any]]:
    found = json.loads(text)
    rows: list[dict[str, Any]] = found if isinstance(found, list) else found["data"]
    return rows
