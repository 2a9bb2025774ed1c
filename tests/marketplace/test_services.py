"""Listing decisions, start outcomes, usage facts, wishes, and the GPU catalogue."""

from contextlib import nullcontext
from datetime import timedelta
from decimal import Decimal

import pytest
from django.test import override_settings

from core import crypto
from core.actors import PLATFORM, Actor, ActorKind
from core.errors import Invalid
from marketplace import selectors
from marketplace.models import GpuModel, MachineRequest, NodeStatus, StartOutcome
from marketplace.services import (
    gpu_catalogue,
    listing,
    machines,
    onboarding,
    outcomes,
    requests,
)
from marketplace.services.onboarding import Claim
from tests.factories.accounts import make_person
from tests.factories.marketplace import NOON, make_gpu_model, make_node, make_provider
from validation.proof.bundle.records import MOST_CARDS

pytestmark = pytest.mark.django_db
ADMIN = Actor(kind=ActorKind.ADMIN, id="1", name="Ada")


class TestListing:
    def test_freezing_hides_and_says_who_and_why(self) -> None:
        node = make_node()

        listing.freeze(node_id=node.pk, why="Fan noise reported", actor=ADMIN, now=NOON)
        listing.freeze(node_id=node.pk, why="again", actor=ADMIN, now=NOON)

        event = node.events.get()
        assert (event.reason_code, event.reason, event.actor_name) == (
            "frozen",
            "Fan noise reported",
            "Ada",
        )
        listing.unfreeze(node_id=node.pk, why="Repaired", actor=ADMIN, now=NOON)
        node.refresh_from_db()
        assert node.frozen_at is None

    def test_a_decision_without_a_reason_is_refused(self) -> None:
        node = make_node()

        with pytest.raises(Invalid, match="reason"):
            listing.delist(node_id=node.pk, why="  ", actor=ADMIN, now=NOON)

        node.refresh_from_db()
        assert node.delisted_at is None

    def test_admits_once(self) -> None:
        node = make_node(status=NodeStatus.VALIDATION_PENDING)

        listing.admit(node_id=node.pk, now=NOON)
        listing.admit(node_id=node.pk, now=NOON)

        assert node.events.count() == 1

    def test_a_price_change_is_recorded_with_both_prices(self) -> None:
        node = make_node(price_per_gpu_usd=Decimal("2.45"))

        listing.set_price(
            node_id=node.pk, price_per_gpu_usd=Decimal("2.5"), actor=PLATFORM, now=NOON
        )

        assert node.events.get().reason == "$2.45 to $2.5 per GPU-hour."

    def test_a_price_of_zero_is_refused(self) -> None:
        with pytest.raises(Invalid, match="above zero"):
            listing.set_price(
                node_id=make_node().pk, price_per_gpu_usd=Decimal("1e-10"), actor=PLATFORM, now=NOON
            )

    @pytest.mark.parametrize(
        ("price", "fits"), [("1", True), ("4", True), ("0.99", False), ("4.01", False)]
    )
    def test_a_price_stays_inside_the_corridor(self, price: str, fits: bool) -> None:
        model = make_gpu_model()
        model.secure_price_usd = Decimal(2)
        model.save()
        node = make_node(gpu_model=model)

        with nullcontext() if fits else pytest.raises(listing.OutsideCorridor, match=r"\$1 to \$4"):
            listing.set_price(
                node_id=node.pk, price_per_gpu_usd=Decimal(price), actor=PLATFORM, now=NOON
            )

    def test_the_smallest_pod_is_set_and_cleared(self) -> None:
        node = make_node(gpu_count=4)

        listing.set_min_gpu_count(node_id=node.pk, min_gpu_count=4, actor=PLATFORM, now=NOON)
        node.refresh_from_db()
        assert node.gpu_counts() == [4]
        listing.clear_min_gpu_count(node_id=node.pk, actor=PLATFORM, now=NOON)

        node.refresh_from_db()
        assert node.gpu_counts() == [1, 2, 3, 4]
        assert node.events.filter(reason_code="splitting_changed").count() == 2

    @pytest.mark.parametrize("wanted", [0, 5])
    def test_a_smallest_pod_that_the_machine_cannot_give_is_refused(self, wanted: int) -> None:
        with pytest.raises(Invalid, match="1 to 4"):
            listing.set_min_gpu_count(
                node_id=make_node(gpu_count=4).pk, min_gpu_count=wanted, actor=PLATFORM, now=NOON
            )

    def test_no_more_gpus_are_claimed_than_a_proof_covers(self) -> None:
        claim = Claim(gpu_model="H100", gpu_count=MOST_CARDS + 1, host="203.0.113.9")
        node = make_node(gpu_count=MOST_CARDS)

        with pytest.raises(Invalid, match="1 to 16"):
            onboarding.add(provider=node.provider, claim=claim, actor=PLATFORM, now=NOON)
        with pytest.raises(Invalid, match="1 to 16"):
            listing.change_claim(
                node_id=node.pk, gpu_model="H100", gpu_count=17, actor=PLATFORM, now=NOON
            )

    def test_a_claim_counts_until_something_was_counted(self) -> None:
        measured, unseen = make_node(gpu_count=8), make_node(gpu_count=8)
        unseen.gpus.all().delete()

        for node in (measured, unseen):
            listing.change_claim(
                node_id=node.pk, gpu_model="H100", gpu_count=4, actor=PLATFORM, now=NOON
            )
            node.refresh_from_db()

        assert (measured.gpu_count, unseen.gpu_count, unseen.free_gpu_count) == (8, 4, 0)
        assert measured.facts.get(name="gpu_count").claimed == "4"
        assert measured.next_checks_at == unseen.next_checks_at == NOON


class TestOutcomes:
    def test_counts_and_the_median_of_recent_proofs(self) -> None:
        node = make_node()

        for seconds in (1.0, 9.0, 2.0):
            outcomes.record_start(node_id=node.pk, proven=True, seconds=seconds, now=NOON)
        outcomes.record_start(node_id=node.pk, proven=False, seconds=None, now=NOON)

        node.refresh_from_db()
        assert (node.starts_proven, node.starts_failed) == (3, 1)
        assert node.typical_ready_seconds == 2.0
        assert node.last_verified_at == NOON

    def test_market_figures_count_the_last_day(self) -> None:
        node = make_node(gpu_count=4, free_gpu_count=1)
        outcomes.record_start(node_id=node.pk, proven=True, seconds=2.0, now=NOON)
        outcomes.record_start(
            node_id=node.pk, proven=False, seconds=None, now=NOON - timedelta(days=2)
        )

        figures = selectors.market_figures(now=NOON)

        assert StartOutcome.objects.count() == 2
        assert (figures.starts, figures.start_rate) == (1, 1.0)
        assert (figures.rented_gpus, figures.total_gpus) == (3, 4)
        assert figures.median_usd == Decimal("2.45")
        assert figures.typical_ready == 2.0

    def test_an_empty_market_has_no_prices(self) -> None:
        figures = selectors.market_figures(now=NOON)

        assert (figures.median_usd, figures.start_rate, figures.typical_ready) == (None, None, None)


class TestMachineRequests:
    def test_the_same_wish_is_stored_once(self) -> None:
        workspace = make_person("alice").workspace
        make_node()

        for _ in range(2):
            wish = requests.request_machine(
                workspace=workspace, machine_name="h100", gpu_count=8, now=NOON
            )

        assert MachineRequest.objects.count() == 1
        assert wish.provider_count == 1

    def test_an_ambiguous_name_is_refused_with_the_choices(self) -> None:
        gpu_catalogue.load()

        with pytest.raises(Invalid) as refusal:
            requests.request_machine(
                workspace=make_person("alice").workspace, machine_name="a100", gpu_count=1, now=NOON
            )

        assert "NVIDIA A100 80GB PCIe" in refusal.value.hint


class TestCatalogue:
    def test_loads_twice_into_the_same_rows(self) -> None:
        first = gpu_catalogue.load()
        assert gpu_catalogue.load() == first == GpuModel.objects.count()

    def test_every_model_is_found_by_its_full_name_alone(self) -> None:
        gpu_catalogue.load()

        for name in selectors.full_names():
            assert [model.name for model in selectors.resolve(name)] == [name]

    def test_a_bare_number_means_all_the_hundreds(self) -> None:
        gpu_catalogue.load()

        assert {model.short_name for model in selectors.resolve("100")} == {"H100", "A100", "V100"}


class TestKeys:
    def test_a_key_copied_to_another_provider_does_not_open(self) -> None:
        bob, mallory = make_provider(), make_provider(name="Mallory")
        machines.seal_key(bob, "secret")
        mallory.ssh_private_key_encrypted = bob.ssh_private_key_encrypted

        assert machines.open_key(bob) == "secret"
        with pytest.raises(crypto.SecretUnreadable):
            machines.open_key(mallory)

    def test_a_lost_key_ring_is_said(self) -> None:
        bob = make_provider()
        machines.seal_key(bob, "secret")

        other = "oM4Yg2S9y0Nn2m3o3r1r0q6p7u8w9x0y1z2A3B4C5D4="
        with override_settings(FIELD_KEYS=[other]), pytest.raises(crypto.SecretUnreadable):
            machines.open_key(bob)
