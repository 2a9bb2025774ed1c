"""Renting by what is wanted: the cheapest that fits, the next one on a conflict, nothing on a dry run."""

from decimal import Decimal

import pytest

from accounts.principal import Principal
from marketplace.filters import OfferFilters
from marketplace.models import Node
from marketplace.selectors import UnknownGpu
from rentals.models import Pod
from rentals.services import renting, selection
from rentals.services.selection import NothingMatches, Selection, Spec, SpecRentRequest
from tests.factories.pods import NOON, make_template
from tests.factories.rentals import ALICE_KEY, make_node, make_principal

pytestmark = pytest.mark.django_db


@pytest.fixture
def alice() -> Principal:
    make_template()
    return make_principal()


def wanted(
    alice: Principal,
    *,
    gpu_count: int = 1,
    port_count: int | None = None,
    dry_run: bool = False,
    **filters: object,
) -> Selection:
    return selection.rent_by_spec(
        principal=alice,
        spec=Spec(gpu_type="h100", gpu_count=gpu_count, filters=OfferFilters(**filters)),  # type: ignore[arg-type]
        request=SpecRentRequest(name="p", public_keys=(ALICE_KEY,), port_count=port_count),
        dry_run=dry_run,
        now=NOON,
    )


def priced(price: str, **fields: object) -> Node:
    return make_node(price_per_gpu_usd=Decimal(price), **fields)


class TestRentBySpec:
    def test_takes_the_cheapest_and_among_equals_the_faster(self, alice: Principal) -> None:
        priced("3")
        priced("2", download_mbps=100)
        fast = priced("2", download_mbps=900)

        chosen = wanted(alice)

        assert chosen.pod is not None
        assert (chosen.node, chosen.pod.node) == (fast, fast)
        assert (chosen.candidates, chosen.attempts) == (3, 1)
        assert chosen.hourly_price_usd == 2

    def test_splits_a_larger_machine(self, alice: Principal) -> None:
        node = priced("2", gpu_count=8)

        chosen = wanted(alice, gpu_count=3)

        assert chosen.hourly_price_usd == 6
        node.refresh_from_db()
        assert node.free_gpu_count == 5

    def test_goes_on_to_the_next_when_one_is_taken(
        self, alice: Principal, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        first, second = priced("1"), priced("2")
        candidates = selection._candidates

        def taken_meanwhile(spec: Spec) -> list[Node]:
            found = candidates(spec)
            first.gpus.update(holder=first.public_id)
            return found

        monkeypatch.setattr(selection, "_candidates", taken_meanwhile)

        chosen = wanted(alice)

        assert (chosen.node, chosen.attempts) == (second, 2)

    def test_looks_only_at_machines_with_the_ports_that_the_pod_publishes(
        self, alice: Principal
    ) -> None:
        for _ in range(selection.MAX_ATTEMPTS):
            priced("1", last_port=40006, free_port_count=7)
        roomy = priced("2")

        chosen = wanted(alice, port_count=8)

        assert (chosen.node, chosen.attempts, chosen.candidates) == (roomy, 1, 1)

    def test_a_dry_run_names_it_and_rents_nothing(self, alice: Principal) -> None:
        node = priced("2")

        chosen = wanted(alice, dry_run=True)

        assert (chosen.node, chosen.pod, chosen.attempts) == (node, None, 0)
        assert not Pod.objects.exists()

    def test_never_goes_above_the_price_that_was_named(self, alice: Principal) -> None:
        priced("2")

        with pytest.raises(NothingMatches):
            wanted(alice, max_price_usd=Decimal("1.99"))

    def test_counts_that_nobody_has_are_answered_with_those_on_offer(
        self, alice: Principal
    ) -> None:
        priced("2", gpu_count=2)

        with pytest.raises(
            NothingMatches, match=r"gpu_count=4: none of .*rentable GPU counts: 1, 2"
        ):
            wanted(alice, gpu_count=4)

    def test_an_unknown_name_is_not_sold_out(self, alice: Principal) -> None:
        with pytest.raises(UnknownGpu):
            selection.rent_by_spec(
                principal=alice,
                spec=Spec(gpu_type="nonesuch"),
                request=SpecRentRequest(name="p", public_keys=(ALICE_KEY,)),
                dry_run=True,
                now=NOON,
            )


def test_the_same_door_as_a_named_rent(alice: Principal, monkeypatch: pytest.MonkeyPatch) -> None:
    priced("2")
    rents = []
    real = renting.rent
    monkeypatch.setattr(renting, "rent", lambda **wish: rents.append(wish) or real(**wish))

    wanted(alice)

    assert len(rents) == 1
