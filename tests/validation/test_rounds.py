"""When machines are proven: rounds at one block, hand-overs, and what waits."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from pytest_django import DjangoAssertNumQueries

from billing.chain.gateway import gateway
from marketplace.models import HandOver, Node, NodeStatus, ProofVerdict
from marketplace.services.usage import record_hand_over
from tests.factories.marketplace import NOON, make_gpu_model, make_node, make_provider
from tests.factories.validation import make_proof, make_samples
from validation.models import Band, CardSample, Proof, ProofStatus, Purpose, Round, Verdict
from validation.proof.bundle.records import Card
from validation.services import bands, beacons, identity, light, provers, proving, rounds, wanting

pytestmark = pytest.mark.django_db

SHAPE = "n=16384 sweeps=20 cards=8"


class TestARound:
    def test_challenges_every_idle_machine_at_one_block(self) -> None:
        idle = {make_node().pk, make_node().pk}
        make_node(free_gpu_count=7)
        make_node(status=NodeStatus.OFFLINE)
        make_node(frozen_at=NOON)
        make_node(delisted_at=NOON)

        begun = rounds.begin_round(NOON)

        assert begun is not None
        proofs = Proof.objects.filter(round=begun)
        assert {proof.node_id for proof in proofs} == idle
        assert {proof.purpose for proof in proofs} == {Purpose.ROUND}
        assert begun.machine_count == 2
        assert begun.next_at > NOON

    def test_is_not_due_twice(self) -> None:
        make_node()
        begun = rounds.begin_round(NOON)

        assert rounds.begin_round(NOON + timedelta(minutes=1)) is None
        assert begun is not None
        assert rounds.begin_round(begun.next_at) is None, "the chain has no new block"
        Round.objects.update(beacon_number=99_999_999)
        assert rounds.begin_round(begun.next_at + timedelta(seconds=5)) is not None
        assert Proof.objects.count() == 1, "the one that is open serves"

    def test_names_two_blocks_that_nobody_knows_yet(self) -> None:
        make_node()
        head = gateway().heads().finalized

        begun = rounds.begin_round(NOON)

        assert begun is not None
        assert head < begun.beacon_number < begun.second_number
        with pytest.raises(beacons.TooLate):
            beacons.at(head, patience_seconds=1)

    def test_asks_no_query_for_each_of_forty_machines(
        self, django_assert_max_num_queries: DjangoAssertNumQueries
    ) -> None:
        provider = make_provider()
        for _ in range(40):
            make_node(provider=provider)

        with django_assert_max_num_queries(40):
            rounds.begin_round(NOON)

        assert Proof.objects.count() == 40

    def test_waits_for_a_machine(self) -> None:
        assert rounds.begin_round(NOON) is None
        assert not Round.objects.exists()

    def test_proves_again_what_only_a_proof_keeps_off_the_market(self) -> None:
        make_node(status=NodeStatus.VALIDATION_FAILED)
        failed = make_node(status=NodeStatus.VALIDATION_FAILED, proof_verdict=ProofVerdict.FAIL)

        rounds.begin_round(NOON)

        assert Proof.objects.get().node_id == failed.pk


class TestCards:
    def test_a_card_that_another_machine_has_shown_fails_the_newcomer_alone(self) -> None:
        honest, copied = make_node(proof_verdict=ProofVerdict.PASS), make_node()
        samples(honest, at=[NOON])
        uuid = honest.gpus.order_by("position")[0].uuid

        found = identity.check_alone(make_proof(node=copied), [uuid, "GPU-x"], now=NOON)

        assert (found.id, found.status) == ("twins", "fail")
        assert uuid in found.measured
        honest.refresh_from_db()
        assert (honest.status, honest.proof_verdict) == (NodeStatus.AVAILABLE, "pass")

    def test_a_card_that_moved_on_is_forgotten(self) -> None:
        before = make_node(delisted_at=NOON)
        samples(before, at=[NOON])
        uuids = list(before.gpus.values_list("uuid", flat=True))

        assert identity.check_alone(make_proof(node=make_node()), uuids, now=NOON).status == "pass"

    def test_simulated_machines_may_share_their_stand_ins(self) -> None:
        first, second = make_node(simulated=True), make_node(simulated=True)
        samples(first, at=[NOON])
        uuids = list(first.gpus.values_list("uuid", flat=True))

        assert identity.check_alone(make_proof(node=second), uuids, now=NOON).status == "pass"

    @pytest.mark.parametrize(
        "change",
        [
            lambda cards: cards[1:],
            lambda cards: [*cards[1:], replace(cards[0], uuid="GPU-other")],
            lambda cards: [*cards[1:], replace(cards[0], memory_bytes=24 << 30)],
        ],
        ids=["missing", "another", "smaller"],
    )
    def test_cards_that_are_not_the_listed_ones_fail(
        self, change: Callable[[list[Card]], list[Card]]
    ) -> None:
        node = make_node()
        sizes, memory = provers.parameters_of(node), node.gpu_model.memory_mib << 20
        own = [
            Card(uuid=gpu.uuid, name="", memory_bytes=memory, parameters=sizes)
            for gpu in node.gpus.all()
        ]

        assert identity.check_listed(node, own).status == "pass"
        assert identity.check_listed(node, change(own)).status == "fail"


class TestHandOvers:
    def test_each_is_followed_once(self) -> None:
        node, holder = make_node(), uuid4()
        record_hand_over(node_id=node.pk, holder=holder, to_renter=True, gpu_count=8, now=NOON)

        followed = [rounds.follow_hand_overs(NOON + timedelta(seconds=5)) for _ in range(2)]

        assert followed == [1, 0]
        assert Proof.objects.get().purpose == Purpose.LOOK

    def test_a_return_waits_for_the_proof_that_is_open(self) -> None:
        node = make_node()
        first = wanting.want(node_id=node.pk, purpose=Purpose.ROUND, now=NOON)
        record_hand_over(node_id=node.pk, holder=uuid4(), to_renter=False, gpu_count=8, now=NOON)
        assert rounds.follow_hand_overs(NOON) == 0

        Proof.objects.filter(pk=first.pk).update(status=ProofStatus.DONE, verdict=Verdict.PASS)

        assert rounds.follow_hand_overs(NOON) == 1
        assert Proof.objects.latest("id").purpose == Purpose.RETURN

    @pytest.mark.parametrize(("before", "followed"), [(4, 0), (6, 1)])
    def test_a_return_keeps_no_machine_out_of_a_round_that_is_near(
        self, before: int, followed: int
    ) -> None:
        make_node(simulated=True)
        begun = rounds.begin_round(NOON)
        assert begun is not None
        node, now = make_node(), begun.next_at - timedelta(minutes=before)
        record_hand_over(node_id=node.pk, holder=uuid4(), to_renter=False, gpu_count=8, now=now)

        assert rounds.follow_hand_overs(now) == followed

    def test_an_old_one_tells_nothing(self) -> None:
        node = make_node()
        record_hand_over(node_id=node.pk, holder=uuid4(), to_renter=True, gpu_count=8, now=NOON)

        assert rounds.follow_hand_overs(NOON + timedelta(hours=1)) == 0

    def test_one_that_cannot_be_followed_does_not_keep_the_others(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        bad, good = make_node(), make_node()
        for node in (bad, good):
            record_hand_over(node_id=node.pk, holder=uuid4(), to_renter=True, gpu_count=8, now=NOON)
        real = wanting.want

        def broken(**wish: object) -> Proof:
            if wish["node_id"] == bad.pk:
                raise RuntimeError
            return real(**wish)  # type: ignore[arg-type]

        monkeypatch.setattr(wanting, "want", broken)

        assert rounds.follow_hand_overs(NOON) == 1


class TestTheLightLook:
    @pytest.fixture(autouse=True)
    def nobody_else_there(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Leave what the machine itself says to tests/validation/test_light.py."""
        monkeypatch.setattr(light, "_use", lambda *_: [])

    def test_knows_the_cards_of_the_last_proof(self) -> None:
        node = make_node(proof_verdict=ProofVerdict.PASS, proof_at=NOON)
        samples(node, at=[NOON])

        proof = self.look(node, rented=2)

        assert (proof.verdict, proof.bundle) == (Verdict.PASS, None)
        node.refresh_from_db()
        assert node.proof_at == NOON, "nothing was proven anew"

    def test_cannot_tell_cards_that_were_never_proven(self) -> None:
        node = make_node()

        assert self.look(node, rented=2).verdict == Verdict.UNKNOWN

    def look(self, node: Node, *, rented: int) -> Proof:
        holder = uuid4()
        taken = node.gpus.order_by("position")[:rented]
        node.gpus.filter(pk__in=[gpu.pk for gpu in taken]).update(holder=holder)
        record_hand_over(node_id=node.pk, holder=holder, to_renter=True, gpu_count=2, now=NOON)
        rounds.follow_hand_overs(NOON)
        proof = Proof.objects.get(hand_over__in=HandOver.objects.filter(holder=holder))
        proving.prove(proof_id=proof.pk, now=lambda: NOON + timedelta(minutes=1))
        proof.refresh_from_db()
        return proof


class TestBands:
    def test_a_model_is_in_shadow_until_there_are_enough(self) -> None:
        first = make_node()
        samples(first, at=[NOON] * 10)
        bands.publish(NOON)
        assert self.band(first) is None

        for _ in range(2):
            samples(make_node(gpu_model=first.gpu_model), at=[NOON] * 5)
        bands.publish(NOON)

        found = self.band(first)
        assert found is not None
        assert (found.version, found.machine_count, found.sample_count) == (2, 3, 20)
        limits = bands.limits_of(found)
        assert (limits.fill_us.low, limits.fill_us.high) == (800_000, 1_250_000)

    def test_no_provider_makes_a_band_with_machines_enough_of_its_own(self) -> None:
        first = make_node()
        for _ in range(4):
            own = make_node(provider=first.provider, gpu_model=first.gpu_model)
            samples(own, at=[NOON] * 8)

        bands.publish(NOON)

        assert self.band(first) is None
        assert Band.objects.get().sample_count == bands.PER_PROVIDER

    def test_a_wide_spread_widens_no_band(self) -> None:
        node = make_node()
        for fill_us in (1_000_000, 1_000_000, 3_000_000):
            samples(make_node(gpu_model=node.gpu_model), at=[NOON] * 7, fill_us=fill_us)
        samples(node, at=[NOON] * 7, fill_us=2_000_000)

        bands.publish(NOON)

        found = self.band(node)
        assert found is not None
        assert found.fill_mad_us >= 500_000
        limits = bands.limits_of(found).fill_us
        assert limits.high == round(1.25 * found.fill_median_us)

    def test_a_spread_that_moved_is_a_new_version(self) -> None:
        node = make_node()
        samples(node, at=[NOON] * 4)
        bands.publish(NOON)
        Band.objects.update(fill_mad_us=500_000)

        assert bands.publish(NOON) == 1

    def test_what_did_not_move_is_not_published_again(self) -> None:
        samples(make_node(), at=[NOON])

        assert [bands.publish(NOON) for _ in range(2)] == [1, 0]

    def test_no_machine_moves_a_band_by_itself(self) -> None:
        node = make_node()
        for _ in range(2):
            samples(make_node(gpu_model=node.gpu_model), at=[NOON] * 15)
        samples(node, at=[NOON] * 100, fill_us=90_000_000)

        bands.publish(NOON)

        found = self.band(node)
        assert found is not None
        assert found.fill_median_us == 1_000_000

    def test_nobody_is_held_to_simulated_cards(self) -> None:
        nodes = [make_node(simulated=True) for _ in range(3)]
        for node in nodes:
            samples(node, at=[NOON])

        bands.publish(NOON)

        assert self.band(nodes[0]) is None

    def band(self, node: Node) -> Band | None:
        return bands.band_of(node.gpu_model, SHAPE)


@pytest.mark.parametrize(
    ("cheaper", "met"),
    [
        ({}, True),
        ({"fill_us": 1_560_000, "sweep_us": 780_000}, True),
        ({"fill_us": 1_570_000}, False),
        ({"sweep_us": 790_000}, False),
        ({"fill_us": 300_000}, True),
        ({"memory_mib": 71_000}, False),
        ({"memory_mib": 160_000, "fill_us": 3_000_000, "sweep_us": 1_500_000}, True),
        ({"secure_price_usd": Decimal(3)}, False),
        ({"proofs": 1}, False),
    ],
    ids=[
        *("same", "edge", "slower-fill", "slower-sweep", "faster"),
        *("too-small", "larger", "dearer", "few-samples"),
    ],
)
def test_a_band_that_a_cheaper_model_could_meet_stays_in_shadow(
    cheaper: dict[str, Any], met: bool
) -> None:
    cheaper = dict(cheaper)
    of_model = {"memory_mib": 81_559, "secure_price_usd": Decimal(1)}
    of_model |= {name: cheaper.pop(name) for name in list(cheaper) if name in of_model}
    dear = make_gpu_model(name="Dear", secure_price_usd=Decimal(2))
    cheap = make_gpu_model(name="Cheap", **of_model)
    proofs = cheaper.pop("proofs", 7)
    for _ in range(3):
        samples(make_node(gpu_model=dear), at=[NOON] * 7)
        samples(make_node(gpu_model=cheap), at=[NOON] * proofs, **cheaper)

    bands.publish(NOON)

    newest = Band.objects.get(gpu_model=dear)
    assert (newest.shadow, newest.met_by) == (met, cheap if met else None)
    assert (bands.band_of(dear, SHAPE) is None) is met


def test_a_band_leaves_the_shadow_with_the_model_that_kept_it_there() -> None:
    dear = make_gpu_model(name="Dear", secure_price_usd=Decimal(2))
    cheap = make_gpu_model(name="Cheap", secure_price_usd=Decimal(1))
    for model in (dear, cheap):
        for _ in range(3):
            samples(make_node(gpu_model=model), at=[NOON] * 7)
    bands.publish(NOON)
    CardSample.objects.filter(gpu_model=cheap).update(fill_us=2_000_000)

    bands.publish(NOON)

    found = bands.band_of(dear, SHAPE)
    assert found is not None
    assert (found.version, found.met_by) == (2, None)


def samples(
    node: Node, *, at: list[datetime], fill_us: int = 1_000_000, sweep_us: int = 500_000
) -> None:
    """Store a sound proof for each moment, with all the machine's cards."""
    for moment in at:
        proof = make_proof(node=node, finished_at=moment)
        make_samples(proof, shape=SHAPE, fill_us=fill_us, sweep_us=sweep_us)
