"""The provider's console: one's own machines and nobody else's, and what can be done to them."""

import csv
import json
from datetime import timedelta
from decimal import Decimal
from html import unescape
from uuid import uuid4

import pytest
from django.core.cache import cache
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.consumers import NOT_FOUND, SIGN_IN
from billing import limits
from billing.services import payout_holds
from core import clock
from core.actors import PLATFORM
from marketplace import selectors
from marketplace.checks import CHECKS
from marketplace.machine import fingerprint
from marketplace.models import (
    CheckResult,
    CheckRun,
    CheckStatus,
    Node,
    NodeStatus,
    Notice,
    Outcome,
    Provider,
    Trigger,
    Webhook,
    WebhookDelivery,
)
from marketplace.services import listing, notices, usage
from marketplace.transitions import Reason, move
from tests.factories.accounts import Person
from tests.factories.marketplace import NOON, make_gpu_model, make_node, make_provider
from tests.factories.payouts import ADA, make_payout
from tests.factories.pods import make_pod, make_ready
from tests.live_page import close_code, heard, live_page
from tests.marketplace.test_earnings import charge
from tests.receiver import Receiver
from tests.serving import Served

pytestmark = pytest.mark.django_db


@pytest.fixture
def node(provider: Provider) -> Node:
    return make_node(provider=provider, name="box-1")


def page_of(node: Node) -> str:
    return reverse("provider_node", args=[node.public_id])


def post_to(person: Person, node: Node, name: str, **data: object) -> "tuple[int, str]":
    """Post a form of the machine's page; give the status and what is shown in the end."""
    address = reverse(name, args=[node.public_id])
    answer = person.browser.post(address, data)
    return answer.status_code, answer.content.decode()


def in_utc(moment: object) -> str:
    return f"{moment:%Y-%m-%dT%H:%M}"


def test_lists_ones_own_machines_only(bob: Person, charlie: Person, node: Node) -> None:
    make_node(provider=make_provider(name="Else"), name="not-mine")

    text = bob.browser.get(reverse("provider")).content.decode()

    assert "box-1" in text
    assert "not-mine" not in text
    assert "On the market" in text
    assert "No machine yet" in charlie.browser.get(reverse("provider")).content.decode()


def test_the_list_asks_no_more_for_more_machines(
    bob: Person, provider: Provider, node: Node
) -> None:
    def count() -> int:
        browser = bob.browser
        with CaptureQueriesContext(connection) as queries:
            assert browser.get(reverse("provider")).status_code == 200
        return len(queries)

    cache.clear()
    count()  # Some of what is on every page is asked for once a minute.
    one = count()
    for _ in range(5):
        run_checks(make_node(provider=provider))

    assert count() == one


def test_the_header_leads_providers_to_their_console(
    bob: Person, charlie: Person, provider: Provider
) -> None:
    assert 'href="/provide/machines"' in bob.browser.get("/machines").content.decode()
    assert 'href="/provide/machines"' not in charlie.browser.get("/machines").content.decode()


def run_checks(node: Node, **failing: object) -> CheckRun:
    now = clock.now()
    run = CheckRun.objects.create(
        node=node,
        trigger=Trigger.SCHEDULE,
        started_at=now,
        finished_at=now,
        outcome=Outcome.FAILED if failing else Outcome.PASSED,
    )
    status = CheckStatus.FAILED if failing else CheckStatus.PASSED
    values = {"run": run, "position": 0, "check_id": "contact", "status": status, "started_at": now}
    CheckResult.objects.create(**(values | failing))
    return run


def test_the_page_shows_what_a_check_measured_and_how_to_mend_it(bob: Person, node: Node) -> None:
    run_checks(
        node,
        code="disk_too_small",
        measured="40 GiB",
        required="at least 100 GiB",
        fix="Give it a larger disk.",
        fix_command="df -h /var/lib/docker",
    )

    text = bob.browser.get(page_of(node)).content.decode()

    for words in ("40 GiB", "at least 100 GiB", "larger disk", "df -h", "Try this one again"):
        assert words in text


def test_what_could_not_be_told_says_why_and_is_tried_again_alone(bob: Person, node: Node) -> None:
    run_checks(node, status="unknown", measured="The machine does not say.")
    why = CHECKS[0].why

    for page in (page_of(node), reverse("provider_setup", args=[node.public_id, "checks"])):
        text = unescape(bob.browser.get(page).content.decode())
        assert "Try this one again" in text
        assert why in text


def test_prices_are_those_of_the_same_gpu_alone(bob: Person, node: Node) -> None:
    """Both cards are called ``100`` too."""
    old = make_gpu_model("Tesla V100-SXM2-16GB", "V100", 16384)
    for _ in range(3):
        make_node(gpu_model=old, price_per_gpu_usd=Decimal("0.3"))

    for page in (
        page_of(node),
        reverse("provider_setup", args=[node.public_id, "price"]),
        f"{reverse('provide')}?gpu={node.gpu_model.name}",
    ):
        figures = bob.browser.get(page).context["figures"]
        assert (figures.p10_usd, figures.total_gpus) == (Decimal("2.45"), 8)
        assert figures.gpu_label == "H100"
    told = bob.session.get(
        "/portal/machines/estimated-rewards", {"gpu_type": "H100", "gpu_count": 8}
    )
    assert told.json()["price_per_gpu"] == 2.45


@pytest.mark.parametrize("step", ["", "checks"])
def test_gpus_are_named_and_the_missing_one_is_told(bob: Person, node: Node, step: str) -> None:
    run_checks(node)
    node.gpus.filter(position=3).update(missing_since=NOON, holder=uuid4())
    page = reverse("provider_setup", args=[node.public_id, step]) if step else page_of(node)

    text = bob.browser.get(page).content.decode()

    assert all(gpu.uuid in text for gpu in node.gpus.all())
    assert text.count("a pod still holds it") == 1


def test_the_pinned_host_key_can_be_compared(bob: Person, node: Node) -> None:
    assert fingerprint(node.host_key) in bob.browser.get(page_of(node)).content.decode()


def test_checks_are_run_again(bob: Person, node: Node) -> None:
    assert post_to(bob, node, "provider_check")[0] == 302

    assert CheckRun.objects.get(node=node).trigger == Trigger.PROVIDER
    assert post_to(bob, node, "provider_check", check="nonsense")[0] == 404


def test_rentals_say_when_and_how_many_and_what_they_brought(
    alice: Person, bob: Person, node: Node, provider: Provider
) -> None:
    pod, now = uuid4(), clock.now()
    began = now - timedelta(hours=2)
    usage.record_hand_over(node_id=node.pk, holder=pod, to_renter=True, gpu_count=2, now=began)
    charge(alice, provider, "3", at=now - timedelta(hours=1), pod=pod)

    text = bob.browser.get(page_of(node)).content.decode()

    assert "$2.8500" in text, "after the fee"
    assert "stopped" in text, "it holds no GPU"
    assert str(pod) not in text
    assert "alice" not in text.lower()


def test_a_pod_that_failed_is_no_rental_and_hears_of_nothing(bob: Person, node: Node) -> None:
    make_pod(node=node, status="failed")
    assert "Nobody rents it now" in bob.browser.get(page_of(node)).content.decode()

    make_pod(node=node, status="stopped")
    text = bob.browser.get(page_of(node)).content.decode()

    assert "Affects 1 pod now" in text, "what is kept of it goes with the machine"
    assert "0 pods" in text


def test_their_provider_hears_of_rentals_and_nobody_else(
    bob: Person, charlie: Person, node: Node, provider: Provider
) -> None:
    pod, now = uuid4(), clock.now()
    for to_renter in (True, False):
        usage.record_hand_over(
            node_id=node.pk, holder=pod, to_renter=to_renter, gpu_count=2, now=now
        )

    text = bob.browser.get(page_of(node)).content.decode()
    assert "Rental began" in text
    assert "End of the rental of 2 GPUs" in text
    assert "Rental began" not in charlie.browser.get(f"/machines/{node.public_id}").content.decode()
    told = WebhookDelivery.objects.filter(webhook__provider=provider).order_by("pk")
    assert [row.kind for row in told] == ["rental.started", "rental.ended"]
    assert told[0].payload["gpu_count"] == 2


def test_the_price_is_changed_within_the_corridor(bob: Person, provider: Provider) -> None:
    gpu = make_gpu_model()
    gpu.secure_price_usd = Decimal("2.50")
    gpu.save()
    node = make_node(provider=provider, gpu_model=gpu)

    status, _ = post_to(bob, node, "provider_price", price_per_gpu_usd="2.60")
    node.refresh_from_db()
    assert (status, node.price_per_gpu_usd) == (302, Decimal("2.6"))
    status, text = post_to(bob, node, "provider_price", price_per_gpu_usd="99")
    assert status == 422
    assert "outside the corridor" in text
    assert post_to(bob, node, "provider_price", price_per_gpu_usd="cheap")[0] == 422
    node.refresh_from_db()
    assert node.price_per_gpu_usd == Decimal("2.6")


def test_the_smallest_pod(bob: Person, node: Node) -> None:
    assert post_to(bob, node, "provider_smallest", min_gpu_count=4)[0] == 302

    node.refresh_from_db()
    assert node.min_gpu_count == 4


def test_other_gpus_are_claimed(bob: Person, node: Node) -> None:
    other = make_gpu_model("NVIDIA H200", "H200", 143_771)

    assert post_to(bob, node, "provider_claim", gpu_model="GTX 1", gpu_count=1)[0] == 422
    assert post_to(bob, node, "provider_claim", gpu_model=other.name, gpu_count=4)[0] == 302

    claims = dict(node.facts.values_list("name", "claimed"))
    assert claims == {"gpu_model": other.name, "gpu_count": "4"}
    assert (
        '<option value="NVIDIA H200" selected>' in bob.browser.get(page_of(node)).content.decode()
    )


def test_a_notice_is_given_and_taken_back(bob: Person, node: Node) -> None:
    starts = clock.now() + timedelta(hours=50)
    given = {"kind": "maintenance", "minutes": 30, "reason": "new fans"}

    status, text = post_to(
        bob, node, "provider_notice", starts_at=in_utc(clock.now() + timedelta(hours=1)), **given
    )
    assert status == 422
    assert "at least 24 h before" in text
    assert post_to(bob, node, "provider_notice", starts_at=in_utc(starts), **given)[0] == 302
    assert "new fans" in bob.browser.get(page_of(node)).content.decode()
    assert "new fans" in bob.browser.get(reverse("provider_notices")).content.decode()
    assert post_to(bob, node, "provider_notice_cancel")[0] == 302
    assert Notice.objects.get().cancelled_at


def test_an_early_reclaim_states_its_price_and_wants_the_name(bob: Person, node: Node) -> None:
    node.gpus.update(holder=uuid4())
    text = bob.browser.get(page_of(node)).content.decode()
    assert "You pay back" in text

    wrong = post_to(bob, node, "provider_reclaim", why="sold", confirm="yes")
    assert wrong[0] == 422
    assert not Notice.objects.exists()
    right = post_to(bob, node, "provider_reclaim", why="sold", confirm=node.huid)
    assert right[0] == 302
    assert Notice.objects.get().permanent


def test_an_unused_machine_is_removed(bob: Person, node: Node) -> None:
    assert post_to(bob, node, "provider_remove")[0] == 302

    node.refresh_from_db()
    assert node.delisted_at
    text = bob.browser.get(page_of(node)).content.decode()
    assert "its record stays" in text
    assert "Set the price" not in text
    assert "Announce" not in text
    assert post_to(bob, node, "provider_price", price_per_gpu_usd="2.60")[0] == 404
    listed = bob.browser.get(reverse("provider")).content.decode()
    assert "Taken off the market" in listed
    assert page_of(node) in listed
    assert reverse("provider_earnings") in listed


def test_pods_that_go_on_after_a_delisting_are_seen_and_ended_with_notice(
    bob: Person, charlie: Person, node: Node
) -> None:
    pod = make_pod(node=node)
    node.gpus.filter(position=0).update(holder=pod.public_id)
    listing.delist(node_id=node.pk, why="fraud", actor=PLATFORM, now=clock.now())
    text = bob.browser.get(page_of(node)).content.decode()
    assert "1 pod there goes on" in text
    when = clock.now() + timedelta(hours=50)
    given = {"kind": "removal", "reason": "sold", "starts_at": in_utc(when)}

    assert post_to(charlie, node, "provider_notice", **given)[0] == 404
    assert post_to(bob, node, "provider_notice", **given)[0] == 302

    notices.sweep(when + timedelta(minutes=1))
    assert selectors.open_notice(node), "it stands until its pods are ended"
    node.gpus.update(holder=None)
    notices.sweep(when + timedelta(minutes=2))
    assert selectors.open_notice(node) is None


def test_an_address_where_nobody_answers_is_not_taken(bob: Person, node: Node) -> None:
    before = node.host

    status, text = post_to(bob, node, "provider_address", host="127.0.0.1", port=9)

    assert status == 422
    assert "the old address stays" in text
    node.refresh_from_db()
    assert node.host == before


def test_earnings(alice: Person, bob: Person, provider: Provider) -> None:
    now = clock.now()
    charge(alice, provider, "2", at=now)
    charge(alice, provider, "4", at=now - timedelta(days=1))
    page = reverse("provider_earnings")

    text = bob.browser.get(page).content.decode()

    for figure in ("$1.9000", "$5.7000", ">Charged</th>", "Next run", "No coldkey was proven yet"):
        assert figure in text
    rows = json.loads(bob.browser.get(f"{page}?format=json").content)
    assert [(row["charged_usd"], row["fee_usd"]) for row in rows] == [
        ("2.000000000", "0.100000000"),
        ("4.000000000", "0.200000000"),
    ]
    lines = bob.browser.get(f"{page}?format=csv").content.decode().splitlines()
    assert lines[0] == "day,kind,entries,charged_usd,fee_usd,amount_usd"
    assert lines[1] == f"{now.date()},usage,1,2.000000000,0.100000000,1.900000000"


def test_the_statement_is_limited(
    bob: Person, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "STATEMENTS_PER_OWNER", "1/hour")
    page = f"{reverse('provider_earnings')}?format=statement"

    assert [bob.browser.get(page).status_code for _ in range(2)] == [200, 429]


def test_payouts_on_the_page_and_in_the_statement(
    alice: Person, bob: Person, provider: Provider
) -> None:
    now = clock.now()
    charge(alice, provider, "100", at=now - timedelta(days=8))
    make_payout(provider, usd=Decimal(95), at=now)
    payout_holds.place(
        provider_id=provider.public_id,
        provider_name=provider.name,
        reason="Two people claim this account.",
        actor=ADA,
        now=now,
    )
    page = reverse("provider_earnings")

    text = bob.browser.get(page).content.decode()
    for words in ("In payment", "0.2714 TAO", "Two people claim this account.", "not signed yet"):
        assert words in text
    rows = b"".join(bob.browser.get(f"{page}?format=statement").streaming_content).decode()
    header, earned, paid = csv.reader(rows.splitlines())
    assert header[5:9] == ["amount_usd", "balance_usd", "status", "tao"]
    assert (earned[5:7], paid[5:9]) == (
        ["95.000000000", "95.000000000"],
        ["-95.000000000", "0.000000000", "approved", "0.271428571"],
    )


def test_a_webhook_from_the_page(bob: Person, provider: Provider, receiver: Receiver) -> None:
    page = reverse("provider_webhooks")
    data = {"url": receiver.url, "kinds": ["machine.rebooted"]}

    first = bob.browser.post(page, data).content.decode()

    assert "whsec_" in first
    assert "whsec_" not in bob.browser.get(page).content.decode(), "shown once"
    webhook = Webhook.objects.get(provider=provider)
    assert webhook.kinds == ["machine.rebooted"]
    assert bob.browser.post(reverse("webhook_test", args=[webhook.public_id])).status_code == 302
    assert "On its way" in bob.browser.get(page).content.decode()
    bob.browser.post(reverse("webhook_enable", args=[webhook.public_id]), {"enabled": "no"})
    assert bob.browser.post(reverse("webhook_test", args=[webhook.public_id])).status_code == 409
    bob.browser.post(reverse("webhook_delete", args=[webhook.public_id]))
    assert not Webhook.objects.filter(url=receiver.url).exists()
    assert bob.browser.post(page, {"url": "ftp://example.com"}).status_code == 422


def test_what_comes_by_mail_is_chosen(bob: Person, provider: Provider) -> None:
    page = reverse("provider_account")

    bob.browser.post(page, {"kinds": ["machine.rebooted"]})
    text = bob.browser.get(page).content.decode()

    assert text.count("checked") == 1
    bob.browser.post(page)
    assert "checked" not in bob.browser.get(page).content.decode()


def test_the_public_name_is_chosen_on_the_account_page(bob: Person, provider: Provider) -> None:
    page = reverse("provider_name")

    assert bob.browser.post(page, {"name": "Northern GPUs"}).status_code == 302
    refused = bob.browser.post(page, {"name": "bob@example.com"})

    provider.refresh_from_db()
    assert provider.name == "Northern GPUs"
    assert refused.status_code == 422
    text = refused.content.decode()
    assert "An e-mail address is none" in text
    assert 'value="bob@example.com"' in text


def test_demand_is_followed(bob: Person, provider: Provider) -> None:
    gpu = make_gpu_model()

    assert bob.browser.post(reverse("provider_demand"), {"gpus": [gpu.name]}).status_code == 302
    provider.refresh_from_db()
    assert provider.subscribed_gpus == [gpu.name]


@pytest.mark.parametrize("name", ["earnings", "demand", "notices", "webhooks", "account"])
def test_who_provides_nothing_is_told_so(charlie: Person, name: str) -> None:
    answer = charlie.browser.get(reverse(f"provider_{name}"))

    assert answer.status_code == 404
    assert "Add a machine to begin" in answer.content.decode()


@pytest.mark.django_db(transaction=True)
def test_the_list_is_live(served: Served, bob: Person, node: Node) -> None:
    with live_page(served, "/ws/provide/machines", bob.browser) as page:
        first = heard(page)
        silence(node)
        second = heard(page, holding="Offline")

    assert "On the market" in first
    assert "No answer since noon" in second


@pytest.mark.django_db(transaction=True)
def test_a_machine_is_live(served: Served, bob: Person, node: Node) -> None:
    with live_page(served, f"/ws{page_of(node)}", bob.browser) as page:
        heard(page)
        silence(node)

        assert "No answer since noon" in heard(page, holding="Offline")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("path", ["/ws/provide/machines", "machine"])
def test_others_are_not_let_in(served: Served, charlie: Person, node: Node, path: str) -> None:
    path = path.replace("machine", f"/ws{page_of(node)}") if path == "machine" else path
    for browser, code in ((charlie.browser, NOT_FOUND), (None, SIGN_IN)):
        with live_page(served, path, browser) as page:
            assert close_code(page) == code


def test_a_push_says_what_an_early_reclaim_would_do_now(bob: Person, node: Node) -> None:
    live = reverse("provider_node_live", args=[node.public_id])
    assert "You pay back" not in bob.browser.get(live).content.decode()

    make_ready(make_pod(node=node))
    node.gpus.update(holder=uuid4())
    now = bob.browser.get(live).content.decode()

    assert "Affects 1 pod now" in now
    assert "You pay back" in now


def test_a_push_holds_no_form(bob: Person, node: Node) -> None:
    """A socket has no CSRF token to give."""
    run_checks(node)
    notices.give(
        node_id=node.pk,
        starts_at=clock.now() + timedelta(hours=50),
        minutes=5,
        permanent=False,
        reason="fans",
        actor=PLATFORM,
        now=clock.now(),
    )
    live = bob.browser.get(reverse("provider_node_live", args=[node.public_id])).content.decode()

    assert "machine-checks" in live
    assert "<form" not in live
    assert "<h1" in live
    assert live.count("<hx-partial") == 7


def silence(node: Node) -> None:
    with transaction.atomic():
        move(
            node,
            to=NodeStatus.OFFLINE,
            reason=Reason.NOT_ANSWERING,
            actor=PLATFORM,
            now=clock.now(),
            detail="No answer since noon.",
        )
