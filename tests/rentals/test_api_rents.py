"""Renting over HTTP: prices, refusals in the client's words, and one pod for each key."""

from datetime import timedelta
from decimal import Decimal
from uuid import uuid4

import pytest
from django.conf import settings
from django.urls import reverse

from billing.services.grants import grant
from core import clock
from core.actors import PLATFORM
from marketplace.models import Node
from rentals import limits, tasks
from rentals.models import Pod, Quote
from rentals.services import meter, metering, quoting
from tests.factories.accounts import ED25519, make_key
from tests.factories.marketplace import make_node
from tests.factories.pods import make_pod, make_ready, make_template

pytestmark = pytest.mark.django_db


@pytest.fixture
def node(db):
    return make_node(gpu_count=4, price_per_gpu_usd=Decimal(2))


@pytest.fixture
def template(db):
    return make_template(name="Base", built_on_node=True)


@pytest.fixture
def rich(alice):
    """Alice, with a balance."""
    grant(
        workspace=alice.workspace,
        usd=Decimal(100),
        key=str(uuid4()),
        reason="test",
        actor=PLATFORM,
        now=clock.now(),
    )
    return alice


def body(template, **fields):
    """A rent as client 0.32.0 sends it, nulls and all."""
    return {
        "pod_name": "p1",
        "template_id": str(template.public_id),
        "dockerfile_content": None,
        "volume_id": None,
        "user_public_key": [ED25519],
        "initial_port_count": None,
        "enable_volume_encryption": True,
        "backup_log_id": None,
        "restore_path": None,
        "enable_backups": True,
        **fields,
    }


def rent(person, node, sent, **headers):
    path = f"/api/executors/{node.public_id}/rent"
    return person.api.post(path, sent, content_type="application/json", headers=headers)


def rent_by_spec(person, sent, **headers):
    path = "/api/executors/rent-by-spec"
    return person.api.post(path, sent, content_type="application/json", headers=headers)


class TestRent:
    def test_the_pod_is_listed_when_the_answer_leaves(self, rich, node, template):
        answer = rent(rich, node, body(template, gpu_count=2))

        assert answer.status_code == 200
        [row] = rich.api.get("/api/pods").json()
        assert answer.json() == {"success": True, "pod_id": row["id"]}
        assert (row["pod_name"], row["status"]) == ("p1", "PENDING")
        assert (row["gpu_count"], row["price"]) == (2, 4.0)
        assert row["api_key_name"] == "laptop"

    def test_without_a_count_takes_all_that_is_free(self, rich, node, template):
        rent(rich, node, body(template))

        assert rich.api.get("/api/pods").json()[0]["gpu_count"] == 4

    def test_an_empty_balance_is_refused_in_the_words_that_the_client_reads(
        self, alice, node, template
    ):
        answer = rent(alice, node, body(template))

        assert answer.status_code == 403
        assert answer.json()["error"]["code"] == "insufficient_balance"
        assert "requires at least $2.0000" in answer.json()["message"]
        assert "balance is $0.0000" in answer.json()["message"]
        assert not Pod.objects.exists()

    def test_page_and_api_share_one_limit(self, rich, node, template, monkeypatch):
        monkeypatch.setattr(limits, "RENTS_PER_WORKSPACE", "1/minute")
        form = {"gpu_count": "1", "pod_name": "mine", "idempotency_key": str(uuid4())}

        first = rent(rich, node, body(template, gpu_count=1))
        second = rich.browser.post(
            reverse("rent", args=[node.public_id]), form | {"new_ssh_key": ED25519}
        )

        assert (first.status_code, second.status_code) == (200, 429)

    def test_a_reading_key_may_not(self, rich, node, template):
        _, secret = make_key(rich.user, name="reader", scopes=["read"])

        answer = rent(rich, node, body(template), **{"X-API-KEY": secret})

        assert answer.status_code == 403
        assert answer.json()["error"]["code"] == "missing_scope"
        assert "does not have the 'rent' scope" in answer.json()["message"]

    def test_a_taken_node_names_the_nearest_equivalent(self, rich, node, template):
        other = make_node(gpu_count=4)
        Node.objects.filter(pk=node.pk).update(free_gpu_count=0)
        node.gpus.update(holder=uuid4())

        answer = rent(rich, node, body(template, gpu_count=1))

        assert answer.status_code == 409
        assert answer.json()["error"]["code"] == "node_taken"
        assert str(other.public_id) in str(answer.json()["error"])

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("dockerfile_content", "FROM x"),
            ("build_context_sha256", "ab"),
            ("volume_id", "v1"),
            ("backup_log_id", "b1"),
        ],
    )
    def test_refuses_what_is_not_offered(self, rich, node, template, field, value):
        answer = rent(rich, node, body(template, **{field: value}))

        assert answer.status_code == 400
        assert answer.json()["error"]["code"] == "not_offered"
        assert answer.json()["error"]["data"] == {"field": field}

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("pod_name", ""),
            ("pod_name", "x" * 500),
            ("pod_name", "a\u0000b"),
            ("pod_name", None),
            ("user_public_key", []),
            ("user_public_key", ["not a key"]),
            ("user_public_key", ['command="id" ' + ED25519]),
            ("gpu_count", 0),
            ("gpu_count", 5),
            ("gpu_count", "many"),
            ("termination_hours", 721),
            ("initial_port_count", -1),
            ("template_id", "ubuntu"),
        ],
    )
    def test_refuses_bad_input_and_writes_nothing(self, rich, node, template, field, value):
        answer = rent(rich, node, body(template, **{field: value}))

        assert answer.status_code in (400, 422)
        assert answer.json()["message"] == answer.json()["detail"] != ""
        assert not Pod.objects.exists()

    def test_unknown_node_and_template_are_not_found(self, rich, node, template):
        missing = rent(rich, node, body(template, template_id=str(uuid4())))
        node.public_id = uuid4()

        assert rent(rich, node, body(template)).status_code == 404
        assert missing.status_code == 404

    def test_another_workspaces_template_is_not_found(self, rich, charlie, node, template):
        private = make_template(workspace=charlie.workspace, is_private=True)

        assert rent(rich, node, body(private)).status_code == 404


class TestIdempotency:
    def test_a_repeat_is_answered_with_the_first_pod(self, rich, node, template):
        key = {"Idempotency-Key": str(uuid4())}
        sent = body(template, gpu_count=1)

        first, second = rent(rich, node, sent, **key), rent(rich, node, sent, **key)

        assert second.content == first.content
        assert second.headers["Idempotent-Replayed"] == "true"
        assert "Idempotent-Replayed" not in first.headers
        assert Pod.objects.count() == 1

    def test_a_refusal_is_repeated_with_the_header(self, alice, node, template):
        key = {"Idempotency-Key": str(uuid4())}

        first, second = (rent(alice, node, body(template), **key) for _ in range(2))

        assert second.status_code == first.status_code == 403
        assert second.json()["message"] == first.json()["message"]
        assert second.headers["Idempotent-Replayed"] == "true"

    def test_another_body_under_the_same_key_is_refused(self, rich, node, template):
        key = {"Idempotency-Key": str(uuid4())}
        rent(rich, node, body(template, gpu_count=1), **key)

        answer = rent(rich, node, body(template, gpu_count=2), **key)

        assert answer.status_code == 409
        assert answer.json()["error"]["code"] == "idempotency_key_reused"

    def test_the_same_key_of_somebody_else_is_another_key(self, rich, charlie, node, template):
        key = {"Idempotency-Key": str(uuid4())}
        rent(rich, node, body(template, gpu_count=1), **key)

        assert rent(charlie, node, body(template, gpu_count=1), **key).status_code == 403


class TestBySpec:
    def spec(self, template, **fields):
        return body(template, gpu_type="H100", gpu_count=1, dry_run=False, **fields)

    def test_a_dry_run_names_the_cheapest_and_rents_nothing(self, rich, node, template):
        make_node(price_per_gpu_usd=Decimal(3))
        sent = self.spec(template) | {"dry_run": True, "template_id": None}

        answer = rent_by_spec(rich, sent).json()

        assert answer["selected_executor"]["id"] == str(node.public_id)
        assert answer["price_per_hour"] == 2.0
        assert answer["template_id"] == str(template.public_id)
        assert (answer["candidates"], answer["pod_id"], answer["dry_run"]) == (2, None, True)
        assert not Pod.objects.exists()

    def test_rents_the_cheapest_once_for_a_key(self, rich, node, template):
        key = {"Idempotency-Key": str(uuid4())}

        first, second = (rent_by_spec(rich, self.spec(template), **key) for _ in range(2))

        assert second.json() == first.json()
        assert Pod.objects.get().public_id.hex == first.json()["pod_id"].replace("-", "")

    @pytest.mark.parametrize(
        "wish",
        [
            {"max_price_per_gpu_hour": 0.5},
            {"min_vram_gb": 500},
            {"country": "AQ"},
            {"gpu_count": 64},
            {"gpu_type": "NoSuch9000"},
            {"docker_in_docker": True},
        ],
    )
    def test_nothing_that_matches_is_a_plain_refusal(self, rich, node, template, wish):
        answer = rent_by_spec(rich, self.spec(template) | wish)

        assert answer.status_code in (400, 409, 422)
        assert answer.json()["message"]


class TestBudget:
    def test_a_spent_budget_refuses_and_is_written_down(self, rich, node, template):
        key, secret = make_key(rich.user, name="ci", budgets={"daily_budget_usd": Decimal(1)})
        start = clock.now()
        pod = make_ready(
            make_pod(workspace=rich.workspace, api_key=key, hourly_price_usd=Decimal(3600)),
            at=start,
        )
        meter.close_interval(pod, at=start + timedelta(seconds=2), evidence="stop")
        metering.settle(pod_id=pod.pk, now=clock.now())

        answer = rent(rich, node, body(template), **{"X-API-KEY": secret})

        assert answer.status_code == 402
        error = answer.json()["error"]
        assert error["code"] == "API_KEY_BUDGET_EXCEEDED"
        assert error["data"]["window"] == "daily"
        assert (error["data"]["budget_usd"], error["data"]["spent_usd"]) == (1.0, 2.0)
        assert key.refusals.get().window == "daily"

    def test_a_budget_with_room_lets_rent(self, rich, node, template):
        _, secret = make_key(rich.user, name="ci", budgets={"daily_budget_usd": Decimal(2)})

        assert rent(rich, node, body(template), **{"X-API-KEY": secret}).status_code == 200

    def test_open_pods_hold_their_floor_back(self, rich, node, template):
        key, secret = make_key(rich.user, name="ci", budgets={"max_budget_usd": Decimal("2.5")})
        make_pod(workspace=rich.workspace, api_key=key, hourly_price_usd=Decimal(3))

        answer = rent(rich, node, body(template), **{"X-API-KEY": secret})

        assert answer.status_code == 402
        data = answer.json()["error"]["data"]
        assert (data["window"], data["budget_usd"], data["spent_usd"]) == ("max", 2.5, 0.75)
        assert "$0.7500 is held back for its open pods" in answer.json()["message"]
        assert key.refusals.get().amount_usd == 2


class TestQuote:
    def test_anybody_may_ask_for_the_price(self, anonymous, node):
        answer = anonymous.get(
            f"/api/executors/{node.public_id}/quote?hours=1.5&gpu_count=2",
            headers={"X-API-KEY": ""},
        ).json()

        assert (answer["price_per_hour"], answer["total_usd"]) == (4.0, 6.0)
        assert answer["pod_balance_floor_usd"] == 1.0
        assert "rent_balance_required_usd" not in answer
        compute = answer["lines"][0]
        assert (compute["rate_usd"], compute["quantity"], compute["amount_usd"]) == (2.0, 3.0, 6.0)
        assert set(compute) == {"item", "unit", "rate_usd", "quantity", "amount_usd", "note"}

    def test_asking_again_gives_the_price_that_is_held(self, alice, anonymous, node):
        path = f"/api/executors/{node.public_id}/quote?gpu_count=1"

        first, second = alice.api.get(path).json(), alice.api.get(path).json()
        anonymous.get(path)

        assert first["quote_id"] == second["quote_id"]
        assert Quote.objects.count() == 1

    def test_a_price_that_is_half_over_is_held_anew(self, alice, node):
        path = f"/api/executors/{node.public_id}/quote?gpu_count=1"
        first = alice.api.get(path).json()
        Quote.objects.update(expires_at=clock.now() + settings.MARKET_QUOTE_LIFE / 3)

        second = alice.api.get(path).json()

        assert first["quote_id"] != second["quote_id"]

    def test_has_a_limit(self, alice, node, monkeypatch):
        monkeypatch.setattr(limits, "QUOTES_PER_WORKSPACE", "1/minute")
        path = f"/api/executors/{node.public_id}/quote?gpu_count="

        assert [alice.api.get(f"{path}{count}").status_code for count in (1, 2)] == [200, 429]

    def test_one_that_nobody_took_is_deleted_a_day_after_it_ended(
        self, alice, rich, node, template
    ):
        alice.api.get(f"/api/executors/{node.public_id}/quote?gpu_count=2")
        rent(rich, node, body(template, gpu_count=1))
        left, taken = Quote.objects.get(pods=None), Pod.objects.get().quote
        a_day_later = max(left.expires_at, taken.expires_at) + timedelta(days=1)

        assert quoting.forget(now=a_day_later - timedelta(minutes=1)) == 0
        assert quoting.forget(now=a_day_later + timedelta(minutes=1)) == 1
        assert Quote.objects.get() == taken

    def test_forgetting_is_on_the_schedule(self, monkeypatch):
        asked = []
        monkeypatch.setattr(quoting, "forget", lambda *, now: asked.append(now))

        tasks.forget()

        assert asked
        assert "rentals.tasks.forget" in {task for task, _, _ in tasks.SCHEDULE.values()}

    def test_a_locked_price_is_honoured_after_it_went_up(self, rich, node, template):
        quote = rich.api.get(f"/api/executors/{node.public_id}/quote?gpu_count=1").json()
        Node.objects.filter(pk=node.pk).update(price_per_gpu_usd=Decimal(9))

        rent(rich, node, body(template, gpu_count=1, quote_id=quote["quote_id"]))

        assert Pod.objects.get().hourly_price_usd == 2

    @pytest.mark.parametrize(
        "query", ["hours=0", "hours=721", "hours=x", "gpu_count=0", "gpu_count=99"]
    )
    def test_refuses_what_cannot_be(self, anonymous, node, query):
        answer = anonymous.get(f"/api/executors/{node.public_id}/quote?{query}")

        assert answer.status_code == 422
        assert answer.json()["message"]

    def test_an_unknown_node_is_not_found(self, anonymous):
        assert anonymous.get(f"/api/executors/{uuid4()}/quote").status_code == 404


class TestBefore:
    def test_an_estimate_comes_from_the_nodes_own_starts(self, alice, template):
        node = make_node(typical_ready_seconds=4.2)
        query = f"executor_id={node.public_id}&template_id={template.public_id}"

        answer = alice.api.get(f"/api/executors/deployment-estimate?{query}").json()

        assert (answer["estimated_seconds"], answer["is_cached_template"]) == (5, True)

    def test_nobody_knows_how_long_a_pull_takes(self, alice):
        node = make_node(typical_ready_seconds=4.2)
        elsewhere = make_template(built_on_node=False)
        query = f"executor_id={node.public_id}&template_id={elsewhere.public_id}"

        answer = alice.api.get(f"/api/executors/deployment-estimate?{query}").json()

        assert (answer["estimated_seconds"], answer["is_cached_template"]) == (None, False)
        assert "pulled first" in answer["warning_message"]
