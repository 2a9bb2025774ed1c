"""The market as providers ask about it: prices, demand, earnings, its documentation."""

from uuid import uuid4

import pytest
from django.test import Client
from lium.provider._shared_config import SharedConfigSnapshot

from core import clock
from marketplace.models import GpuModel, MachineRequest
from marketplace.services.requests import request_machine
from tests.factories.accounts import Person
from tests.factories.marketplace import make_gpu_model, make_node
from tests.factories.portal import post, provider_of

H100 = "NVIDIA H100 80GB HBM3"


@pytest.fixture
def h100(db: None) -> GpuModel:
    """The GPU that is asked for, with a usual price."""
    model = make_gpu_model()
    model.secure_price_usd = 2
    model.save()
    return model


@pytest.fixture
def wish(h100: GpuModel, alice: Person) -> MachineRequest:
    """Alice looks for two H100."""
    return request_machine(
        workspace=alice.workspace, machine_name="H100", gpu_count=2, now=clock.now()
    ).request


def test_the_shared_config_is_what_the_client_reads(h100: GpuModel) -> None:
    told = Client().get("/portal/shared-config")

    read = SharedConfigSnapshot.model_validate(told.json())
    assert read.machine_prices[H100] == 2.0
    assert read.machine_min_price_rate < 1 < read.machine_max_price_rate


def test_the_catalogue_tells_what_an_hour_brings(h100: GpuModel, bob: Person) -> None:
    [row] = bob.session.get("/portal/machines").json()

    assert (row["name"], row["price"], row["hourly_rewards_in_usd"]) == (H100, 2.0, 1.9)


class TestEstimates:
    def ask(self, bob: Person, **asked: object):
        wanted = {"gpu_type": "H100", "gpu_count": 8} | asked
        return bob.session.get("/portal/machines/estimated-rewards", wanted)

    def test_without_figures_nothing_is_made_up(self, h100: GpuModel, bob: Person) -> None:
        told = self.ask(bob).json()

        assert (told["price_per_gpu"], told["hourly_while_rented_usd"]) == (2.0, 15.2)
        assert (told["rented_share"], told["monthly_usd"]) == (None, None)

    def test_a_machine_at_that_price_that_nobody_rented_earned_nothing(
        self, h100: GpuModel, bob: Person
    ) -> None:
        make_node(gpu_model=h100)

        told = self.ask(bob, gpu_price=2.45).json()

        assert (told["rented_share"], told["monthly_usd"]) == (0.0, 0.0)

    def test_an_unknown_gpu_is_refused(self, h100: GpuModel, bob: Person) -> None:
        assert "Unsupported gpu type" in self.ask(bob, gpu_type="H999").json()["detail"]


class TestDemand:
    def test_without_a_verified_machine_only_sums_are_told(
        self, wish: MachineRequest, bob: Person
    ) -> None:
        told = bob.session.get("/portal/machine-requests").json()

        assert (told["tier"], told["open_requests"]) == ("aggregate", 1)
        assert told["by_gpu_class"] == [{"machine_name": H100, "open_requests": 1}]
        one = bob.session.get(f"/portal/machine-requests/{wish.public_id}")
        assert one.status_code == 403

    def test_a_verified_machine_opens_single_requests(
        self, wish: MachineRequest, bob: Person, alice: Person
    ) -> None:
        node = make_node(provider=provider_of(bob), last_verified_at=clock.now())

        [row] = bob.session.get("/portal/machine-requests").json()
        assert (row["id"], row["gpu_count"], row["achieved"]) == (str(wish.public_id), 2, False)
        assert "alice" not in str(row).lower()
        assert bob.session.get(f"/portal/machine-requests/{wish.public_id}").json() == row
        fitting = f"/portal/executors/{node.public_id}/machine-requests"
        assert bob.session.get(fitting).json() == [row]
        missing = bob.session.get(f"/portal/machine-requests/{uuid4()}")
        assert missing.status_code == 404

    def test_an_answer_is_told_to_who_asked(self, wish: MachineRequest, bob: Person) -> None:
        node = make_node(provider=provider_of(bob), last_verified_at=clock.now())
        path = f"/executors/{node.public_id}/machine-added"

        assert post(bob.session, path, {"machine_request_id": "nonsense"}).status_code == 404
        answer = post(bob.session, path, {"machine_request_id": str(wish.public_id)})

        assert answer.status_code == 200
        wish.refresh_from_db()
        assert wish.answered_at is not None


class TestLedger:
    def test_a_provider_without_earnings_has_no_rows(self, bob: Person) -> None:
        told = bob.session.get("/portal/provider-ledger/daily").json()

        assert told["rows"] == []
        assert told["date_from"] < told["date_to"]

    @pytest.mark.parametrize(
        "window",
        [
            {"from": "2026-01-01", "to": "2026-04-01"},
            {"from": "2026-01-02", "to": "2026-01-01"},
            {"from": "yesterday"},
            {"to": "0001-01-15"},
            {"to": "9999-12-31"},
        ],
    )
    def test_a_window_that_will_not_do_is_refused(self, bob: Person, window: dict) -> None:
        assert bob.session.get("/portal/provider-ledger/daily", window).status_code == 400

    def test_ninety_days_are_given(self, bob: Person) -> None:
        window = {"from": "2026-01-01", "to": "2026-03-31"}

        assert bob.session.get("/portal/provider-ledger/daily", window).status_code == 200


def test_the_documentation_is_served_from_here(db: None) -> None:
    page = Client().get("/portal/docs").content.decode()

    assert "https://" not in page.replace("https://spec.openapis.org", "")
    assert "/portal/openapi.json" in page


def test_an_unknown_path_answers_as_the_portal(db: None) -> None:
    missing = Client().get("/portal/nowhere")

    assert (missing.status_code, missing["Content-Type"]) == (404, "application/json")
    assert missing.json()["detail"]
