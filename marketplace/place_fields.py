"""The fields in which a provider says where a machine is, in the wizard and on the machine's page."""

import re
from collections.abc import Mapping
from typing import Any, Final

from django import forms

from marketplace.countries import NAMES
from marketplace.services.places import DECIMALS, Place

COORDINATES: Final = re.compile(r"(-?\d{1,2}(?:\.\d+)?)\s*,\s*(-?\d{1,3}(?:\.\d+)?)")


class PlaceFields(forms.Form):
    """Country, city and coordinates; without a country nothing is said."""

    country = forms.ChoiceField(
        label="Country",
        required=False,
        choices=[("", "Not told"), *((code, name) for code, name in NAMES.items())],
        help_text="Renters filter by it. It is shown as your claim.",
    )
    city = forms.CharField(label="City", max_length=60, required=False)
    coordinates = forms.CharField(
        label="Latitude, longitude",
        max_length=40,
        required=False,
        help_text="As a map shows them, for example 60.17, 24.94: renters look for machines near them.",
    )

    def clean_coordinates(self) -> tuple[float, float] | None:
        """Read two numbers, or nothing."""
        text = self.cleaned_data["coordinates"]
        found = COORDINATES.fullmatch(text)
        if text and not found:
            raise forms.ValidationError(
                "Two numbers with a comma between, for example 60.17, 24.94."
            )
        if not found:
            return None
        return round(float(found[1]), DECIMALS), round(float(found[2]), DECIMALS)

    def clean(self) -> dict[str, Any]:
        """Want a country for a city or coordinates, and put the parts together as ``place``."""
        data = super().clean() or {}
        if not data.get("country") and (data.get("city") or data.get("coordinates")):
            self.add_error("country", "Name the country too.")
        return data | {"place": _place(data)}


def _place(data: Mapping[str, Any]) -> Place | None:
    if not data.get("country"):
        return None
    latitude, longitude = data.get("coordinates") or (None, None)
    return Place(
        country_code=data["country"],
        city=data.get("city", ""),
        latitude=latitude,
        longitude=longitude,
    )


def typed(place: Place | None) -> dict[str, str]:
    """Give a place as it is typed."""
    if place is None:
        return {}
    told = "" if place.latitude is None else f"{place.latitude}, {place.longitude}"
    return {"country": place.country_code, "city": place.city, "coordinates": told}
