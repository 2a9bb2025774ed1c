"""What holds for every answer: a request id, one envelope for refusals, a policy for each kind of content."""

import http.client
import json
from http import HTTPStatus
from uuid import UUID

import pytest
import structlog
from django.test import Client
from django.urls import reverse

from lium_site.bridge import BODY_TOO_LARGE
from rentals.api.schemas.pods import LogQuery
from rentals.log_stream import lines_to_follow
from tests.factories.accounts import Person
from tests.serving import Served

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


@pytest.mark.parametrize("name", ["home", "machines", "billing", "deposits", "keys", "pods"])
def test_what_shows_somebodys_balance_is_kept_by_no_cache(alice: Person, name: str) -> None:
    assert "no-store" in alice.browser.get(reverse(name))["Cache-Control"]


def test_what_everybody_sees_may_be_kept(client: Client) -> None:
    assert "Cache-Control" not in client.get("/")


def test_a_page_that_does_not_exist_says_so(client: Client) -> None:
    response = client.get("/nothing-here")

    assert response.status_code == HTTPStatus.NOT_FOUND
    assert response["X-Request-Id"] in response.content.decode()


def test_a_stale_form_is_explained() -> None:
    response = Client(enforce_csrf_checks=True).post("/accounts/login/", {})

    assert response.status_code == HTTPStatus.FORBIDDEN
    assert "reload the page" in response.content.decode()


class TestMethods:
    @pytest.mark.parametrize(
        ("path", "allowed"), [("/api/executors", "GET"), ("/portal/auth/logout", "POST")]
    )
    def test_programs_are_told_in_the_envelope(
        self, client: Client, path: str, allowed: str
    ) -> None:
        response = client.put(path)

        body = response.json()
        assert (response.status_code, response["Allow"]) == (405, allowed)
        assert body["error"]["code"] == "method_not_allowed"
        assert body["error"]["request_id"] == response["X-Request-Id"]
        assert allowed in body["error"]["hint"]

    def test_people_are_told_on_a_page(self, alice: Person) -> None:
        response = alice.browser.get(f"/pods/{UUID(int=1)}/stop")

        page = response.content.decode()
        assert response.status_code == HTTPStatus.METHOD_NOT_ALLOWED
        assert response["X-Request-Id"] in page
        assert "go back to the page with the button" in page


class TestSigningInForAForm:
    FORM = f"/pods/{UUID(int=1)}/stop"

    def led_to(self, client: Client, **headers: str) -> str:
        return str(client.post(self.FORM, headers=headers)["Location"])

    def test_leads_back_to_the_page_that_holds_it(self, client: Client) -> None:
        led_to = self.led_to(client, referer="http://testserver/pods/1?tab=log#end")

        assert led_to == "/accounts/login/?next=%2Fpods%2F1%3Ftab%3Dlog"
        assert "Nothing was done yet" in client.get(led_to).content.decode()

    @pytest.mark.parametrize(
        "referer", ["", "https://elsewhere.example/pods/1", "javascript:alert(1)"]
    )
    def test_leads_nowhere_else(self, client: Client, referer: str) -> None:
        assert self.led_to(client, referer=referer) == "/accounts/login/"

    def test_a_page_leads_back_to_itself(self, client: Client) -> None:
        assert client.get("/keys")["Location"] == "/accounts/login/?next=/keys"


@pytest.mark.parametrize("path", ["/api/pods/none/rent", "/accounts/login/"])
def test_a_body_too_large_is_refused_in_words(client: Client, path: str) -> None:
    response = client.post(path, **{BODY_TOO_LARGE: True})

    assert response.status_code == HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    assert response["X-Request-Id"] in response.content.decode()
    assert "At most 1 MiB" in response.content.decode()
    assert "default-src 'none'" in response["Content-Security-Policy"]


@pytest.mark.django_db(transaction=True)
class TestFollowedLogs:
    def ask(self, served: Served, query: str) -> http.client.HTTPResponse:
        connection = http.client.HTTPConnection(served.netloc, timeout=20)
        headers = {"X-Request-Id": "0123456789abcdef"}
        connection.request("GET", f"/api/pods/{UUID(int=1)}/logs?{query}", headers=headers)
        return connection.getresponse()

    def test_name_their_request_and_leave_a_line_in_the_log(self, served: Served) -> None:
        with structlog.testing.capture_logs() as lines:
            answer = self.ask(served, "follow=true")
            refusal = json.loads(answer.read())

        assert answer.status == HTTPStatus.UNAUTHORIZED
        assert answer.getheader("X-Request-Id") == "0123456789abcdef"
        assert refusal["error"]["request_id"] == "0123456789abcdef"
        assert [line["status"] for line in lines if line["event"] == "request"] == [401]


@pytest.mark.parametrize(
    ("query", "lines"),
    [
        (b"follow=true", LogQuery().tail),
        (b"follow=1&tail=7", 7),
        (b"tail=7", None),
        (b"follow=true&tail=abc", None),
        (b"follow=true&tail=-5", None),
        (b"follow=true&tail=0", None),
    ],
)
def test_only_a_valid_query_is_followed(query: bytes, lines: int | None) -> None:
    assert lines_to_follow(query) == lines


def test_readiness_names_what_it_asked(client: Client) -> None:
    body = client.get("/readyz").json()

    assert body == {"ok": True, "checks": {"Database": "answers", "Redis": "answers"}}


def test_the_trial_balance_is_public(client: Client) -> None:
    sums = client.get("/api/status/ledger").json()["trial_balance"]

    assert set(sums.values()) <= {"0.000000000"}
