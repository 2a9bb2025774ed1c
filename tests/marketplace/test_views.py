"""The machines page and the passport: anonymous, without JavaScript, in a constant number of queries."""

from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from django.core.cache import cache
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext

from core import clock
from core.actors import PLATFORM, Actor, ActorKind
from marketplace.models import CheckResult, CheckRun, MachineRequest, NodeStatus
from marketplace.services import gpu_catalogue, listing, measurements, notices
from marketplace.services.measurements import Figure
from marketplace.transitions import Reason, note
from tests.factories.accounts import Person
from tests.factories.marketplace import NOON, make_gpu_model, make_node

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}


@pytest.fixture(autouse=True)
def _nothing_kept() -> None:
    cache.clear()


class TestMachines:
    def test_shows_what_can_be_rented(self, client: Client) -> None:
        node = make_node()
        make_node(status=NodeStatus.OFFLINE)

        answer = client.get("/machines")

        assert answer.status_code == 200
        assert answer.context["total"] == 1
        assert node.huid in answer.content.decode()

    def test_htmx_gets_the_results_and_caches_know(self, client: Client) -> None:
        make_node()

        answer = client.get("/machines", headers=HTMX)

        assert "HX-Request" in answer["Vary"]
        assert b'id="results"' in answer.content
        assert b"<html" not in answer.content

    def test_the_number_of_queries_does_not_grow(self, client: Client) -> None:
        counts = []
        for _ in range(3):
            for _ in range(4):
                make_node()
            client.get("/machines")
            with CaptureQueriesContext(connection) as captured:
                client.get("/machines?gpus=1&sort=-download")
            counts.append(len(captured))

        assert len(set(counts)) == 1

    def test_an_empty_result_names_the_filter_that_causes_it(self, client: Client) -> None:
        make_node(cuda_version=Decimal("12.4"))

        answer = client.get("/machines?min_cuda=12.8&gpu=h100")

        (choice,) = answer.context["relaxations"]
        assert choice["label"] == "CUDA ≥ 12.8"
        assert choice["count"] == 1
        assert choice["url"] == "/machines?gpu=h100"
        assert "1 machine without CUDA ≥ 12.8" in " ".join(answer.content.decode().split())

    def test_an_unknown_gpu_is_not_the_same_as_a_sold_out_one(self, client: Client) -> None:
        make_node(free_gpu_count=0)

        unknown = client.get("/machines?gpu=nosuch")
        sold_out = client.get("/machines?gpu=h100")

        assert "No GPU is called NOSUCH. This market knows H100." in unknown.content.decode()
        assert unknown.context["sold_out"] == []
        assert "No GPU is called" not in sold_out.content.decode()
        assert sold_out.context["sold_out"] == ["H100"]
        assert "All H100 are rented now." in sold_out.content.decode()
        assert "are rented now" not in unknown.content.decode()

    def test_tags_take_one_filter_away_each(self, client: Client) -> None:
        make_node()

        answer = client.get("/machines?min_ram=100&lat=1&lon=2&max_distance_mile=5&page=3")

        tags = {item.field: item.remove_url for item in answer.context["active_filters"]}
        assert tags["near"] == "/machines?min_ram=100"
        assert tags["min_ram_gib"] == "/machines?lat=1&lon=2&max_distance_mile=5"

    def test_sorts_toggle(self, client: Client) -> None:
        make_node()

        first = client.get("/machines").context["sorts"]["download"]
        second = client.get("/machines?sort=-download").context["sorts"]["download"]

        assert (first["url"], first["direction"]) == ("/machines?sort=-download", "")
        assert (second["url"], second["direction"]) == ("/machines?sort=download", "descending")

    @pytest.mark.parametrize(
        "text", ["min_ram=much", "gpus=x&sort=y", "page=zero", "page=99999", "gpu=%00", "tier=<b>"]
    )
    def test_nonsense_is_explained_and_never_breaks_the_page(
        self, client: Client, text: str
    ) -> None:
        make_node()

        answer = client.get(f"/machines?{text}")

        assert answer.status_code == 200
        assert b"<b>" not in answer.content

    def test_a_simulated_node_is_marked(self, client: Client) -> None:
        make_node(simulated=True)

        assert b"Simulated GPU" in client.get("/machines").content

    def test_samples_fill_a_trial_markets_page_and_nothing_else(
        self, client: Client, settings: Any
    ) -> None:
        settings.MARKET_SAMPLES = True
        gpu_catalogue.load()
        make_node()

        page = client.get("/machines")
        filtered = client.get("/machines?gpus=1")
        listed = client.get("/api/executors")

        assert page.context["total"] == 1
        assert [offer.sample for offer in page.context["offers"]].count(True) == 5
        assert not any(offer.sample for offer in filtered.context["offers"])
        assert len(listed.json()) == 1

    def test_a_real_chain_never_shows_samples(self, client: Client, settings: Any) -> None:
        settings.MARKET_SAMPLES, settings.MARKET_CHAIN = True, "subtensor"
        gpu_catalogue.load()

        page = client.get("/machines")

        assert not list(page.context["offers"])

    @pytest.mark.parametrize("method", ["post", "put", "delete"])
    def test_only_reads(self, client: Client, method: str) -> None:
        assert getattr(client, method)("/machines").status_code == 405


class TestMachine:
    def test_says_who_measured_what_and_what_happened(self, client: Client) -> None:
        node = make_node(last_seen_at=NOON)
        figures = [
            Figure(name="memory", unit="MiB", measured="515000"),
            Figure(name="download", claimed="900", unit="Mbps", tried=False),
        ]
        measurements.record(node, figures, by="this market, over SSH", now=NOON)
        listing.freeze(node_id=node.pk, why="Fan noise", actor=PLATFORM, now=NOON)
        listing.unfreeze(node_id=node.pk, why="Repaired", actor=PLATFORM, now=NOON)

        text = client.get(f"/machines/{node.public_id}").content.decode()

        assert "this market, over SSH" in text
        assert "503 GiB" in text
        assert "not yet" in text
        assert "Repaired" in text

    def test_shows_the_network_that_it_is_listed_with_and_how_it_varies(
        self, client: Client
    ) -> None:
        node = make_node()
        for hour, speed in enumerate(["100", "900", "910", "920", "930", "10"]):
            figure = Figure(name="download", unit="Mbps", measured=speed)
            measurements.record(node, [figure], by="t", now=NOON + timedelta(hours=hour))

        text = client.get(f"/machines/{node.public_id}").content.decode()

        assert measurements.typical(node, "download") == 910
        assert "910 Mbps" in text
        assert "median of the last 5; P10 of 6: 55" in text

    @pytest.mark.parametrize(
        ("kind", "role"),
        [
            (ActorKind.USER, "its provider"),
            (ActorKind.API_KEY, "its provider"),
            (ActorKind.ADMIN, "an operator"),
            (ActorKind.PLATFORM, "the market"),
        ],
    )
    def test_names_nobody_who_acted(self, client: Client, kind: ActorKind, role: str) -> None:
        node, actor = make_node(), Actor(kind=kind, id="1", name="jane.doe")
        with transaction.atomic():
            note(node, reason=Reason.REBOOTED, actor=actor, now=NOON, detail="")

        text = client.get(f"/machines/{node.public_id}").content.decode()

        assert f"by {role}" in text
        assert "jane.doe" not in text

    def test_a_rented_out_or_offline_node_keeps_its_page(self, client: Client) -> None:
        node = make_node(status=NodeStatus.OFFLINE, free_gpu_count=0)

        assert client.get(f"/machines/{node.public_id}").status_code == 200

    @pytest.mark.parametrize("change", [{"delisted_at": NOON}, {"frozen_at": NOON}])
    def test_what_was_taken_off_does_not_exist(self, client: Client, change: Any) -> None:
        node = make_node(**change)

        assert client.get(f"/machines/{node.public_id}").status_code == 404

    def test_an_unknown_id_is_404(self, client: Client) -> None:
        make_gpu_model()

        assert client.get(f"/machines/{uuid4()}").status_code == 404
        assert client.get("/machines/not-an-id").status_code == 404


class TestSoldOut:
    def test_who_is_signed_in_can_wait_and_ask(self, alice: Person) -> None:
        make_node(free_gpu_count=0)

        offered = alice.browser.get("/machines?gpu=H100&gpus=4")
        answer = alice.browser.post(
            "/machines/requests", {"gpu": "H100", "gpus": "4", "next": "/machines?gpu=H100"}
        )

        assert b"Tell me, and ask providers" in offered.content
        assert answer["Location"] == "/machines?gpu=H100"
        wish = MachineRequest.objects.get()
        assert (wish.workspace, wish.gpu_count) == (alice.workspace, 4)

    def test_another_site_is_no_way_back(self, alice: Person) -> None:
        make_node()

        answer = alice.browser.post(
            "/machines/requests", {"gpu": "H100", "next": "https://evil.example/"}
        )

        assert answer["Location"] == "/machines"

    def test_a_stranger_is_asked_to_sign_in(self, client: Client, db: None) -> None:
        make_node(free_gpu_count=0)

        assert b"Sign in to be told" in client.get("/machines?gpu=H100").content


class TestPassport:
    def test_shows_how_checks_went_and_no_address(self, client: Client, db: None) -> None:
        node = make_node(host="198.51.100.9", interconnect=["GPU0 X NV12", "GPU1 NV12 X"])
        run = CheckRun.objects.create(
            node=node, trigger="schedule", started_at=NOON, finished_at=NOON, outcome="failed"
        )
        CheckResult.objects.create(
            run=run, position=1, check_id="contact", status="failed", code="silent",
            measured="198.51.100.9:22 does not answer",
        )  # fmt: skip

        text = client.get(f"/machines/{node.public_id}").content.decode()

        assert "Reachable (silent)" in text
        assert "GPU0 X NV12" in text
        assert "198.51.100.9" not in text

    def test_a_machine_that_is_announced_away_offers_no_rent(
        self, client: Client, db: None
    ) -> None:
        node = make_node()
        now = clock.now()
        notices.give(
            node_id=node.pk, starts_at=now + timedelta(days=3), minutes=None, permanent=True,
            reason="Sold", actor=PLATFORM, now=now,
        )  # fmt: skip

        text = client.get(f"/machines/{node.public_id}").content.decode()

        assert "leaves the market" in text
        assert "Rent this machine" not in text
