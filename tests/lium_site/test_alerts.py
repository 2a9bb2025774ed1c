"""An alert is on the status page and first on the operators' page, until it is over."""

import pytest
from django.test import Client

from accounts.models import User
from marketplace.services import alerts
from tests.factories.marketplace import NOON

pytestmark = pytest.mark.django_db
DETAIL = "10 of 10 machines fell silent together."


def test_everybody_reads_it_while_it_is_open(client: Client) -> None:
    alerts.open_alert(kind="own_network", detail=DETAIL, now=NOON)
    during = client.get("/status").content.decode()
    alerts.close_alert(kind="own_network", now=NOON)

    assert "Own network" in during
    assert DETAIL in during
    assert DETAIL not in client.get("/status").content.decode()


def test_operators_find_it_on_their_first_page(admin_client: Client, admin_user: User) -> None:
    alerts.open_alert(kind="own_network", detail=DETAIL, now=NOON)

    assert DETAIL in admin_client.get("/admin/").content.decode()


def test_of_a_kind_only_one_is_open() -> None:
    first = alerts.open_alert(kind="own_network", detail=DETAIL, now=NOON)

    assert alerts.open_alert(kind="own_network", detail="another", now=NOON) == first
    assert alerts.close_alert(kind="own_network", now=NOON)
    assert not alerts.close_alert(kind="own_network", now=NOON)
