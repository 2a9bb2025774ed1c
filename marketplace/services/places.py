"""Where a machine is, as its provider says: renters filter by it, and see that it is a claim."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.db import transaction

from core.actors import Actor
from core.errors import Invalid
from marketplace.countries import NAMES
from marketplace.models import Node
from marketplace.services import measurements
from marketplace.transitions import Reason, note

CITY: Final = re.compile(r"[^\W\d_][\w .,'()/-]{0,59}")
# About a kilometre: as near as anybody needs to know.
DECIMALS: Final = 2


class UnknownPlace(Invalid):
    """A place that is on no map."""

    code = "unknown_place"


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """A country by its ISO code, and more where it is told; coordinates are in degrees, or both None."""

    country_code: str
    city: str = ""
    latitude: float | None = None
    longitude: float | None = None

    def __str__(self) -> str:
        where = ", ".join(word for word in (self.city, NAMES[self.country_code]) if word)
        if self.latitude is None or self.longitude is None:
            return where
        return f"{where} ({self.latitude:.{DECIMALS}f}, {self.longitude:.{DECIMALS}f})"


def place_of(node: Node) -> Place | None:
    """Give the place that a node's provider claims; None where nothing was said."""
    if not node.country_code:
        return None
    return Place(
        country_code=node.country_code,
        city=node.city,
        latitude=node.latitude,
        longitude=node.longitude,
    )


def change(*, node_id: int, place: Place, actor: Actor, now: datetime) -> Node:
    """Say that a machine is elsewhere than was said before.

    :raises UnknownPlace: there is no such place.
    """
    require_known(place)
    with transaction.atomic():
        node = Node.objects.select_for_update(no_key=True).get(pk=node_id)
        if place_of(node) != place:
            write(node, place, now=now)
            detail = f"The provider says: in {place}."
            note(node, reason=Reason.CLAIM_CHANGED, actor=actor, now=now, detail=detail)
    return node


def write(node: Node, place: Place, *, now: datetime) -> None:
    """Put a known place on a node's books, as claimed; the caller holds the row lock."""
    node.country_code, node.country = place.country_code, NAMES[place.country_code]
    node.city, node.latitude, node.longitude = place.city, place.latitude, place.longitude
    node.save(
        update_fields=["country_code", "country", "city", "latitude", "longitude", "updated_at"]
    )
    measurements.claim(node, {"place": str(place)}, now=now)


def require_known(place: Place) -> None:
    """Refuse what is on no map.

    :raises UnknownPlace: it is.
    """
    if place.country_code not in NAMES:
        raise UnknownPlace(
            f"There is no country {place.country_code[:10]!r}.",
            hint="Use its code of ISO 3166, for example FI.",
        )
    if place.city and not CITY.fullmatch(place.city):
        raise UnknownPlace("A city is a name of at most 60 letters.")
    latitude, longitude = place.latitude, place.longitude
    if (latitude is None) != (longitude is None):
        raise UnknownPlace("A latitude needs a longitude, and the other way round.")
    if abs(latitude or 0) > 90 or abs(longitude or 0) > 180:
        raise UnknownPlace(
            "A latitude is between -90 and 90 degrees, a longitude between -180 and 180."
        )
