"""What holds for every answer: a request id, one envelope for refusals, a policy for each kind of content."""

from http import HTTPStatus

import pytest
from django.test import Client

pytestmark = pytest.mark.django_db


def test_each_answer_names_its_request(client: Client) -> None:
    response = client.get("/healthz", headers={"X-Request-Id": "0123456789abcdef"})

    assert response["X-Request-Id"] == "0123456789abcdef"


@pytest.mark.parametrize("sent", ["short", "<script>alert(1)</script>", "x" * 65])
def test_a_request_id_that_could_do_harm_is_replaced(client: Client, sent: str) -> None:
    response = client.get("/healthz", headers={"X-Request-Id": sent})

    assert response["X-Request-Id"] != sent


@pytest.mark.parametrize(
    ("path", "status"), [("/api/nothing", 404), ("/api/users/me", 401), ("/api/pods/no-uuid", 404)]
)
def test_api_refusals_share_one_envelope(client: Client, path: str, status: int) -> None:
    response = client.get(path)

    body = response.json()
    assert response.status_code == status
    assert body["message"] == body["detail"] == body["error"]["message"] != ""
    assert body["error"]["code"]
    assert body["error"]["request_id"] == response["X-Request-Id"]


def test_pages_allow_no_inline_script_and_data_allows_nothing(client: Client) -> None:
    page, data = client.get("/status"), client.get("/api/version")

    assert "unsafe" not in page["Content-Security-Policy"]
    assert data["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'"


def test_a_page_that_does_not_exist_says_so(client: Client) -> None:
    response = client.get("/nothing-here")

    assert response.status_code == HTTPStatus.NOT_FOUND
    assert response["X-Request-Id"] in response.content.decode()


def test_a_stale_form_is_explained() -> None:
    response = Client(enforce_csrf_checks=True).post("/accounts/login/", {})

    assert response.status_code == HTTPStatus.FORBIDDEN
    assert "reload the page" in response.content.decode()


def test_readiness_names_what_it_asked(client: Client) -> None:
    body = client.get("/readyz").json()

    assert body == {"ok": True, "checks": {"Database": "answers", "Redis": "answers"}}


def test_the_trial_balance_is_public(client: Client) -> None:
    sums = client.get("/api/status/ledger").json()["trial_balance"]

    assert set(sums.values()) <= {"0.000000000"}
