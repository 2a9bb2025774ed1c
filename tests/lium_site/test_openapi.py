"""The description of each API: made once, whoever asks."""

import pytest
from django.test import Client
from ninja.openapi import schema

from lium_site.api import api
from lium_site.openapi import DescribedOnce
from lium_site.portal_api import portal


@pytest.mark.parametrize("described", [api, portal], ids=["api", "portal"])
def test_is_made_once(described: DescribedOnce, monkeypatch: pytest.MonkeyPatch) -> None:
    address = f"{described.get_root_path({})}openapi.json"
    first = Client().get(address).json()
    monkeypatch.setattr(schema.OpenAPISchema, "get_paths", lambda _: pytest.fail("made again"))

    assert Client().get(address).json() == first
    assert len(first["paths"]) > 20


def test_another_prefix_has_its_own() -> None:
    assert "/elsewhere/version" in api.get_openapi_schema(path_prefix="/elsewhere/")["paths"]
    assert "/api/version" in api.get_openapi_schema()["paths"]


@pytest.mark.parametrize("described", [api, portal], ids=["api", "portal"])
def test_no_two_operations_share_a_name(described: DescribedOnce) -> None:
    address = f"{described.get_root_path({})}openapi.json"
    paths = Client().get(address).json()["paths"].values()
    names = [operation["operationId"] for path in paths for operation in path.values()]

    assert len(names) == len(set(names)) > 20
    assert all(name.isidentifier() for name in names)
