"""Where a machine is: claimed by its provider, found by the filters, shown as a claim."""

from typing import Any

import pytest
from django.urls import reverse

from core.actors import PLATFORM
from marketplace import selectors
from marketplace.filters import Near, OfferFilters, Order
from marketplace.models import Node, Provider
from marketplace.place_fields import PlaceFields
from marketplace.services import places
from marketplace.services.places import Place, UnknownPlace
from tests.factories.accounts import Person
from tests.factories.marketplace import NOON, make_gpu_model, make_node

pytestmark = pytest.mark.django_db
HELSINKI = Place(country_code="FI", city="Helsinki", latitude=60.17, longitude=24.94)
TYPED = {"country": "FI", "city": "Helsinki", "coordinates": "60.17, 24.94"}


def found(**wishes: Any) -> list[Node]:
    return list(selectors.offers(OfferFilters(**wishes), Order()))


def test_a_machine_is_found_where_it_is_claimed_to_be() -> None:
    node = make_node()
    assert found(country=("FI",)) == []

    places.change(node_id=node.pk, place=HELSINKI, actor=PLATFORM, now=NOON)

    assert found(country=("finland",)) == [node]
    assert found(near=Near(60.2, 24.7, max_miles=30)) == [node]
    assert found(near=Near(52.5, 13.4, max_miles=30)) == []


def test_it_is_a_claim_and_told_once() -> None:
    node = make_node()
    for _ in range(2):
        places.change(node_id=node.pk, place=HELSINKI, actor=PLATFORM, now=NOON)

    rows = {row.label: row for row in selectors.facts(node)}
    assert rows["Place"].claimed == "Helsinki, Finland (60.17, 24.94)"
    assert rows["Place"].measured is None
    assert node.events.get().reason == "The provider says: in Helsinki, Finland (60.17, 24.94)."


def test_the_wizard_asks_for_it(bob: Person, provider: Provider) -> None:
    model = make_gpu_model()
    machine = {"host": "203.0.113.8", "port": 22, "gpu": model.name, "gpu_count": 1, "user": "lium"}
    ports = {"first_port": 40000, "last_port": 40999, "state_dir": "/var/lib/lium-node"}

    bob.browser.post(reverse("provider_add"), {**machine, **ports, **TYPED})

    assert places.place_of(Node.objects.get()) == HELSINKI


def test_the_page_of_a_machine_changes_it(bob: Person, provider: Provider) -> None:
    node = make_node(provider=provider)

    bob.browser.post(reverse("provider_place", args=[node.public_id]), TYPED)

    node.refresh_from_db()
    assert places.place_of(node) == HELSINKI
    page = bob.browser.get(reverse("provider_node", args=[node.public_id])).content.decode()
    assert 'value="60.17, 24.94"' in page
    assert "Helsinki, Finland" in bob.browser.get(f"/machines/{node.public_id}").content.decode()


@pytest.mark.parametrize(
    "place",
    [
        Place(country_code="XX"),
        Place(country_code="FI", city="<b>"),
        Place(country_code="FI", latitude=60.0),
        Place(country_code="FI", latitude=91.0, longitude=0.0),
    ],
)
def test_what_is_on_no_map_is_refused(place: Place) -> None:
    with pytest.raises(UnknownPlace):
        places.change(node_id=make_node().pk, place=place, actor=PLATFORM, now=NOON)


@pytest.mark.parametrize(
    ("typed", "field"),
    [({"country": "FI", "coordinates": "here"}, "coordinates"), ({"city": "Bonn"}, "country")],
)
def test_what_is_half_typed_is_asked_again(typed: dict[str, str], field: str) -> None:
    assert field in PlaceFields(typed).errors
