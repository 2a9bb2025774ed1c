"""For what share of the time machines at a price are rented: rentals that go on count as they go."""

from datetime import timedelta
from decimal import Decimal

import pytest

from marketplace.models import Node
from marketplace.selectors.price_market import UseAtPrice, use_at_price
from rentals.services import meter
from tests.factories.marketplace import NOON, make_gpu_model, make_node
from tests.factories.pods import make_pod, make_ready

pytestmark = pytest.mark.django_db
PRICE = Decimal("2.45")


def listed(*, days: int, gpus: int = 1) -> Node:
    return make_node(gpu_count=gpus, first_listed_at=NOON - timedelta(days=days))


def use() -> UseAtPrice:
    return use_at_price(make_gpu_model(), PRICE, now=NOON)


def test_a_rental_that_goes_on_counts() -> None:
    make_ready(make_pod(node=listed(days=40)), at=NOON - timedelta(days=29))

    assert use().share == pytest.approx(29 / 30)


def test_what_ended_counts_for_its_time_alone_whether_the_pod_is_there_or_not() -> None:
    pod = make_ready(make_pod(node=listed(days=10)), at=NOON - timedelta(days=6))
    meter.close_interval(pod, at=NOON - timedelta(days=4), evidence="stopped")

    assert use().share == pytest.approx(2 / 10)


def test_of_a_split_machine_the_rented_gpus_count() -> None:
    make_ready(make_pod(node=listed(days=10, gpus=4)), at=NOON - timedelta(days=5))

    assert use().share == pytest.approx(1 / 8)


def test_what_was_before_the_window_does_not_count() -> None:
    pod = make_ready(make_pod(node=listed(days=90)), at=NOON - timedelta(days=80))
    meter.close_interval(pod, at=NOON - timedelta(days=27), evidence="stopped")

    assert use().share == pytest.approx(3 / 30)


def test_nobody_at_the_price_is_unknown_and_an_unused_machine_is_not() -> None:
    assert use() == UseAtPrice(0, None)

    listed(days=5)

    assert use() == UseAtPrice(1, 0.0)
