"""Room for what takes long."""

import pytest

from core.errors import RateLimited
from core.places import Places


def test_places_are_counted_for_all_and_for_each() -> None:
    places = Places(total=3, each=2, what="logs are being read")

    with places.one_for("one"), places.one_for("one"):
        with pytest.raises(RateLimited, match="Too many logs"), places.one_for("one"):
            pass
        with places.one_for("other"), pytest.raises(RateLimited), places.one_for("other"):
            pass

    assert not places._taken
