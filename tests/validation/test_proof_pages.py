"""Proofs as anybody reads them: pages, API, the bundle, and who may ask for one."""

import json
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from django.test import Client
from django.urls import reverse

from core.errors import RateLimited
from marketplace.models import Node
from tests.factories.accounts import Person
from tests.factories.marketplace import NOON, make_gpu_model, make_node
from tests.factories.portal import provider_of
from tests.factories.validation import BUNDLE, make_proof, make_try
from validation import selectors
from validation.models import Band, Proof, ProofStatus, Purpose, Verdict
from validation.services import rounds, wanting

pytestmark = pytest.mark.django_db


@pytest.fixture
def listed() -> Node:
    """Make a machine of simulated cards that is on the market."""
    return make_node(gpu_count=2, simulated=True)


def test_what_decided_nothing_does_not_hide_the_last_verdict(listed: Node) -> None:
    failed = make_proof(node=listed, verdict=Verdict.FAIL, reason="Failed: tiles.")
    make_proof(node=listed, verdict=Verdict.NOT_RUN, bundle=None, bundle_sha256="")
    make_proof(node=listed, purpose=Purpose.LOOK, bundle=None, bundle_sha256="")

    assert selectors.machine_proofs(listed).heading == failed


def test_whoever_asks_of_one_machine_after_another_has_to_wait(alice: Person) -> None:
    for number in range(20):
        ask(alice, make_node(), key=f"key {number}")

    with pytest.raises(RateLimited):
        ask(alice, make_node(), key="another key")


def test_who_asks_of_one_machine_leaves_asks_to_others(
    alice: Person, bob: Person, listed: Node
) -> None:
    for _ in range(3):
        done(ask(alice, listed))

    with pytest.raises(RateLimited):
        ask(alice, listed)
    assert ask(bob, listed).purpose == Purpose.ON_DEMAND


@pytest.mark.parametrize("seconds", [-20, 0, 20])
def test_nobody_keeps_a_machine_out_of_a_round_by_asking_for_it_just_before(
    alice: Person, listed: Node, seconds: int
) -> None:
    begun = rounds.begin_round(NOON)
    assert begun is not None
    done(Proof.objects.get())
    near = begun.next_at + timedelta(seconds=seconds)

    with pytest.raises(wanting.NotProvable, match="about to begin"):
        ask(alice, listed, now=near)
    assert "about to begin" in wanting.refusal(listed, now=near)
    assert ask(alice, listed, now=begun.next_at - timedelta(minutes=1)).is_open


def ask(person: Person, node: Node, *, key: str = "", now: datetime = NOON) -> Proof:
    """Ask with one of a person's keys."""
    actor, account = person.principal.actor(), str(person.principal.user.public_id)
    return wanting.ask(node=node, actor=replace(actor, id=key), person=account, now=now)


def done(proof: Proof) -> None:
    Proof.objects.filter(pk=proof.pk).update(status=ProofStatus.DONE, verdict=Verdict.UNKNOWN)


@pytest.mark.parametrize("digest", ["%00", "a", "A" * 64, "é" * 64])
def test_what_is_no_digest_names_no_bundle(client: Client, digest: str) -> None:
    assert client.get(f"/api/bundles/{digest}").status_code == 404


class TestAProof:
    def test_its_page_has_every_check_and_the_label(self, client: Client, listed: Node) -> None:
        proof = make_proof(node=listed)

        page = client.get(reverse("proof", args=[proof.public_id])).content.decode()

        for words in ("every drawn tile, bit for bit", "64 openings", "These cards are simulated"):
            assert words in page
        assert proof.bundle_sha256 in page

    def test_its_bundle_comes_byte_for_byte(self, client: Client, listed: Node) -> None:
        proof = make_proof(node=listed)

        for path in (
            f"/proofs/{proof.public_id}/bundle.json",
            f"/api/proofs/{proof.public_id}/bundle",
        ):
            answer = client.get(path)

            assert answer.content == BUNDLE
            assert answer["Content-Type"] == "application/json"

    def test_without_a_bundle_there_is_no_file(self, client: Client, listed: Node) -> None:
        proof = make_proof(
            node=listed, bundle=None, bundle_sha256="", verdict=Verdict.NOT_RUN, reason="Rented."
        )

        answer = client.get(f"/api/proofs/{proof.public_id}/bundle")

        assert answer.status_code == 404
        assert answer.json()["error"]["hint"] == "Rented."

    def test_its_broken_tries_are_told_with_what_was_said(
        self, client: Client, listed: Node
    ) -> None:
        broken = make_try(make_proof(node=listed, attempt=2))

        told = client.get(f"/api/proofs/{broken.proof.public_id}").json()["tries"]
        page = client.get(reverse("proof", args=[broken.proof.public_id])).content.decode()

        assert [one["number"] for one in told] == [1]
        assert client.get(told[0]["record_url"]).content == broken.record
        assert told[0]["record_url"] in page
        assert client.get(told[0]["record_url"].replace("/1", "/2")).status_code == 404

    def test_of_a_machine_that_was_never_listed_is_nobodys(self, client: Client) -> None:
        proof = make_proof(node=make_node(first_listed_at=None))

        for path in ("", "/bundle.json"):
            assert client.get(f"/proofs/{proof.public_id}{path}").status_code == 404
        assert client.get("/api/proofs").json() == []


class TestAMachine:
    def test_its_passport_tells_the_verdict_and_draws_the_history(
        self, client: Client, listed: Node
    ) -> None:
        make_proof(node=listed, verdict=Verdict.FAIL, reason="Failed: tiles.")
        make_proof(node=listed, wanted_at=NOON + timedelta(hours=1))

        page = client.get(reverse("machine", args=[listed.public_id])).content.decode()

        assert "every check held" in page
        assert page.count('data-verdict="pass"') == page.count('data-verdict="fail"') == 1

    def test_its_proofs_are_listed_newest_first(self, client: Client, listed: Node) -> None:
        first, second = make_proof(node=listed), make_proof(node=listed)
        make_proof(node=make_node())

        answer = client.get(f"/api/proofs?node_id={listed.public_id}").json()

        assert [row["id"] for row in answer] == [str(second.public_id), str(first.public_id)]
        assert answer[0]["simulated"] is True
        assert answer[0]["fill_seconds"] == 0.9


class TestAsking:
    def test_a_key_has_a_machine_proven_once_at_a_time(self, alice: Person, listed: Node) -> None:
        path = f"/api/executors/{listed.public_id}/proofs"

        answers = [alice.api.post(path, {}, content_type="application/json") for _ in range(2)]

        assert {answer.status_code for answer in answers} == {200}
        assert len({answer.json()["id"] for answer in answers}) == 1
        proof = Proof.objects.get()
        assert (proof.purpose, proof.status) == (Purpose.ON_DEMAND, ProofStatus.WANTED)
        assert proof.events.get().actor_kind == "api_key"

    def test_a_look_at_rented_gpus_is_no_answer_to_who_wants_a_proof(
        self, alice: Person, listed: Node
    ) -> None:
        wanting.want(node_id=listed.pk, purpose=Purpose.LOOK, now=NOON)

        answer = alice.api.post(f"/api/executors/{listed.public_id}/proofs")

        assert answer.status_code == 409
        assert "being looked at" in answer.content.decode()

    def test_a_rented_machine_is_left_alone(self, alice: Person, listed: Node) -> None:
        listed.gpus.update(holder=listed.public_id)

        answer = alice.api.post(
            f"/api/executors/{listed.public_id}/proofs", {}, content_type="application/json"
        )

        assert answer.status_code == 409
        assert "rented" in answer.json()["message"]

    def test_its_provider_asks_with_a_button(self, alice: Person) -> None:
        node = make_node(provider=provider_of(alice))
        page = reverse("provider_node", args=[node.public_id])

        answer = alice.browser.post(reverse("provider_prove", args=[node.public_id]))

        assert answer["Location"] == page
        assert Proof.objects.get().events.get().actor_kind == "user"
        assert "It waits for its turn" in alice.browser.get(page).content.decode()


def test_the_bands_say_what_they_rest_on(client: Client) -> None:
    node = make_node()
    Band.objects.create(
        gpu_model=node.gpu_model,
        shape="n=16384 products=152 sweeps=20 cards=8",
        version=3,
        fill_median_us=1_000_000,
        fill_mad_us=10_000,
        sweep_median_us=500_000,
        sweep_mad_us=5_000,
        sample_count=12,
        machine_count=2,
        shadow=True,
        published_at=NOON,
    )

    page = client.get("/proofs/bands").content.decode()

    assert "Shadow" in page
    assert "too few samples" in page
    assert "1.000 s" in page
    assert client.get("/api/proofs/bands").json()[0]["sample_count"] == 12


def test_a_look_at_rented_gpus_shows_no_times(client: Client, listed: Node) -> None:
    look = make_proof(
        node=listed, purpose=Purpose.LOOK, bundle=None, bundle_sha256="", fill_us=None
    )

    page = client.get(reverse("proof", args=[look.public_id])).content.decode()

    assert "Nothing is computed beside a renter" in page
    assert "<dt>Sweeps</dt>" not in page
    assert (
        "<dt>Sweeps</dt>"
        in client.get(reverse("proof", args=[make_proof(node=listed).public_id])).content.decode()
    )


def test_looks_at_rented_gpus_do_not_hide_the_last_proof(listed: Node) -> None:
    proof = make_proof(node=listed)
    for _ in range(selectors.CHART + 1):
        make_proof(node=listed, purpose=Purpose.LOOK, bundle=None, bundle_sha256="")

    assert selectors.machine_proofs(listed).heading == proof


def test_a_band_names_the_cheaper_model_that_could_meet_it(client: Client) -> None:
    cheaper = make_gpu_model(name="NVIDIA A100-PCIE-80GB", short_name="A100 PCIe")
    times = {"fill_median_us": 1, "fill_mad_us": 0, "sweep_median_us": 1, "sweep_mad_us": 0}
    counts = {"sample_count": 30, "machine_count": 5, "published_at": NOON}
    Band.objects.create(
        gpu_model=make_gpu_model(),
        shape="n=16384 sweeps=20 cards=8",
        version=1,
        shadow=True,
        met_by=cheaper,
        **times,
        **counts,
    )

    assert "A100 PCIe cards could meet it" in client.get("/proofs/bands").content.decode()
    assert client.get("/api/proofs/bands").json()[0]["met_by"] == "NVIDIA A100-PCIE-80GB"


def test_the_prover_is_there_for_everybody(client: Client) -> None:
    answer = client.get("/proofs/prove.pyz")

    assert answer.content.startswith(b"#!")


def test_the_schema_names_the_proofs(client: Client) -> None:
    paths = json.loads(client.get("/api/openapi.json").content)["paths"]

    assert "/api/proofs/{proof_id}/bundle" in paths
