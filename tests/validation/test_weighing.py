"""The market weighed from its own rows, and its vector set on the (local) chain."""

from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from bittensor_core import Keypair
from django.core.management import call_command
from django.test import Client
from pytest_django import DjangoAssertNumQueries, Settings

from billing.chain.gateway import gateway
from billing.chain.local import node as localnode
from billing.chain.local import subnet
from billing.models import LocalNeuron, LocalWeights
from core import clock
from marketplace.models import Node, UsageFact
from tests.factories.marketplace import make_gpu_model, make_node, make_provider
from tests.factories.rates import price_is
from validation import tasks
from validation.models import (
    Metagraph,
    Proof,
    ProofStatus,
    Purpose,
    Round,
    SubmissionStatus,
    Verdict,
    Weighing,
)
from validation.scoring.data import Use, decode
from validation.scoring.weights import weigh
from validation.services import metagraph, score_data, weighing
from validation.services.score_data import Window
from validation.services.validator_key import validator_key

pytestmark = pytest.mark.django_db
HOTKEY = Keypair.create_from_uri("//Bob").ss58_address
NOW = clock.now()
WINDOW = Window(NOW - timedelta(hours=24), NOW)
FULL_HOUR = NOW.replace(minute=0, second=0, microsecond=0)


@pytest.fixture(autouse=True)
def validator(settings: Settings, tmp_path: Path) -> None:
    """Give this market's validator a key of its own and a place on the subnet, and Bob another."""
    settings.MARKET_VALIDATOR_KEY = tmp_path / "validator.json"
    for hotkey in (validator_key().ss58_address, HOTKEY):
        subnet.register(netuid=settings.MARKET_NETUID, hotkey=hotkey)
    localnode.produce(100)
    price_is()


def machine(**fields: Any) -> Node:
    """Make a machine of Bob's."""
    provider = fields.pop("provider", None) or make_provider(hotkey=HOTKEY)
    return make_node(provider=provider, **fields)


def held(*, ago: timedelta) -> Round:
    """Hold a round, as long ago as that."""
    at = NOW - ago
    block = 10_000 - round(ago.total_seconds() / 60)
    times = {"started_at": at, "second_at": at, "next_at": at + timedelta(hours=1)}
    fields = {"second_number": block + 5, **times}
    return Round.objects.get_or_create(chain="c", beacon_number=block, defaults=fields)[0]


def prove(
    node: Node, verdict: Verdict, *, ago: timedelta = timedelta(hours=1), **fields: Any
) -> Proof:
    """Let a machine take part in a round, or in something else where ``fields`` say so."""
    values: dict[str, Any] = {
        "node": node,
        "gpu_model": node.gpu_model,
        "gpu_count": node.gpu_count,
        "simulated": True,
        "purpose": Purpose.ROUND,
        "status": ProofStatus.DONE,
        "verdict": verdict,
        "wanted_at": NOW - ago,
        "finished_at": NOW - ago,
        "bundle_sha256": uuid4().hex * 2,
        "attempt": 1,
        "hotkey": node.provider.hotkey or "",
    }
    if "purpose" not in fields:
        values["round"] = held(ago=ago)
    return Proof.objects.create(**{**values, **fields})


class TestData:
    def test_counts_rounds_that_were_passed_in_their_first_sitting(self) -> None:
        node = machine()
        prove(node, Verdict.FAIL, ago=timedelta(hours=4))
        prove(node, Verdict.PASS, ago=timedelta(hours=3), attempt=2)
        counted = prove(node, Verdict.PASS, ago=timedelta(hours=2))
        prove(node, Verdict.UNKNOWN)
        prove(node, Verdict.PASS, ago=timedelta(hours=25))
        prove(node, Verdict.PASS, ago=timedelta(minutes=3))

        (row,) = score_data.machines(WINDOW, simulated=True)

        assert (row.node, row.hotkey) == (str(node.public_id), HOTKEY)
        assert (row.passed, row.gpu_count) == (1, 8)
        assert list(row.bundles) == [counted.bundle_sha256]
        assert len(score_data.rounds(WINDOW)) == 4

    @pytest.mark.parametrize("purpose", [Purpose.LOOK, Purpose.RETURN, Purpose.ON_DEMAND])
    def test_a_proof_of_one_machine_alone_counts_for_no_round(self, purpose: Purpose) -> None:
        node = machine()
        prove(node, Verdict.PASS, ago=timedelta(hours=3))
        prove(node, Verdict.PASS, purpose=purpose)

        assert score_data.machines(WINDOW, simulated=True)[0].passed == 1

    def test_rounds_count_as_what_was_shown_in_them_whatever_was_shown_on_demand(self) -> None:
        small = make_gpu_model(name="NVIDIA GeForce RTX 3060", short_name="RTX3060")
        node = machine(gpu_model=small, gpu_count=1)
        for hours in (3, 2):
            prove(node, Verdict.PASS, ago=timedelta(hours=hours))
        eight = {"gpu_model": make_gpu_model(), "gpu_count": 8}
        Node.objects.filter(pk=node.pk).update(free_gpu_count=8, **eight)
        prove(node, Verdict.PASS, purpose=Purpose.ON_DEMAND, **eight)

        (row,) = score_data.machines(WINDOW, simulated=True)

        assert (row.gpu_model, row.gpu_count, row.passed) == (small.name, 1, 2)

    @pytest.mark.parametrize("change", [{"gpu_count": 4}, {"hotkey": ""}])
    def test_rounds_that_showed_another_machine_do_not_count(self, change: dict[str, Any]) -> None:
        node = machine()
        prove(node, Verdict.PASS, ago=timedelta(hours=3), **change)
        now = prove(node, Verdict.PASS)

        (row,) = score_data.machines(WINDOW, simulated=True)

        assert (row.gpu_count, list(row.bundles)) == (8, [now.bundle_sha256])

    def test_a_failure_on_demand_leaves_no_gpu_and_a_pass_brings_none_back(self) -> None:
        node = machine()
        prove(node, Verdict.PASS, ago=timedelta(hours=3))
        prove(node, Verdict.FAIL, purpose=Purpose.ON_DEMAND)
        failed = score_data.machines(WINDOW, simulated=True)
        prove(node, Verdict.PASS, purpose=Purpose.ON_DEMAND)
        lent = score_data.machines(WINDOW, simulated=True)
        prove(node, Verdict.FAIL)
        prove(node, Verdict.PASS, purpose=Purpose.ON_DEMAND)
        asked = score_data.machines(WINDOW, simulated=True)

        assert [(row.gpu_count, row.passed) for row in (*failed, *lent, *asked)] == [(0, 0)] * 3

    def test_a_look_at_rented_gpus_proves_none(self) -> None:
        node = machine()
        prove(node, Verdict.FAIL, ago=timedelta(hours=3))
        prove(node, Verdict.PASS, purpose=Purpose.LOOK, bundle_sha256="")

        assert score_data.machines(WINDOW, simulated=True)[0].gpu_count == 0

    def test_a_machine_that_was_rented_all_the_time_stands_as_it_was_proven(self) -> None:
        node = machine()
        prove(node, Verdict.PASS, ago=timedelta(hours=40))
        assert score_data.machines(WINDOW, simulated=True) == []
        rent(node, ago=timedelta(hours=30), hours=30)

        (row,) = score_data.machines(WINDOW, simulated=True)

        assert (row.passed, row.gpu_count) == (0, 8)

    def test_a_failed_newest_proof_leaves_no_gpu(self) -> None:
        node = machine()
        prove(node, Verdict.PASS, ago=timedelta(hours=3))
        prove(node, Verdict.FAIL)

        assert score_data.machines(WINDOW, simulated=True)[0].gpu_count == 0

    def test_simulated_proofs_are_worth_nothing_on_a_real_chain(self) -> None:
        prove(machine(), Verdict.PASS)

        assert score_data.machines(WINDOW, simulated=False) == []

    def test_cuts_rentals_to_the_window(self) -> None:
        node = machine()
        prove(node, Verdict.PASS, ago=timedelta(hours=8))
        rent(node, ago=timedelta(hours=28), hours=8)

        (row,) = score_data.machines(WINDOW, simulated=True)

        # Parts of an hour are rounded down.
        assert 0 <= 4 * 4 * 3600 - row.rented_gpu_seconds <= 2
        assert 0 <= Decimal(4) - row.paid_usd < Decimal("1e-8")

    def test_tells_of_use_by_the_hour_and_of_nobodys_rental(self) -> None:
        node = machine()
        prove(node, Verdict.PASS, ago=timedelta(hours=8))
        begin = FULL_HOUR - timedelta(hours=6)
        for gpus, minutes in ((2, 90), (1, 60)):
            rent(node, ago=NOW - begin, minutes=minutes, gpus=gpus)

        (row,) = score_data.machines(WINDOW, simulated=True)

        at = int(begin.timestamp())
        assert list(row.use) == [
            Use(at, 3 * 3600, Decimal(2)),
            Use(at + 3600, 3600, Decimal("0.5")),
        ]

    def test_what_is_not_counted_yet_is_not_told(self) -> None:
        node = machine()
        prove(node, Verdict.PASS, ago=timedelta(hours=8))
        rent(node, ago=timedelta(hours=4), hours=1, paid_usd=None)
        rent(node, ago=timedelta(hours=2), hours=1)

        (row,) = score_data.machines(WINDOW, simulated=True)

        assert 0 <= Decimal(1) - row.paid_usd < Decimal("1e-8")
        assert 0 <= 4 * 3600 - row.rented_gpu_seconds <= 2

    def test_what_was_paid_back_takes_no_time(self) -> None:
        node = machine()
        prove(node, Verdict.PASS, ago=timedelta(hours=8))
        rent(node, ago=NOW - FULL_HOUR + timedelta(hours=2), hours=1)
        rent(node, ago=NOW - FULL_HOUR + timedelta(hours=1), hours=0, paid_usd=Decimal("-0.25"))

        (row,) = score_data.machines(WINDOW, simulated=True)

        assert [(one.gpu_seconds, one.paid_usd) for one in row.use] == [
            (4 * 3600, 1),
            (0, Decimal("-0.25")),
        ]
        assert row.paid_usd == Decimal("0.75")

    def test_is_one_query_however_many_machines(
        self, django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        provider = make_provider(hotkey=HOTKEY)
        for _ in range(5):
            prove(machine(provider=provider), Verdict.PASS)

        with django_assert_num_queries(1):
            assert len(score_data.machines(WINDOW, simulated=True)) == 5


def rent(
    node: Node, *, ago: timedelta, hours: int = 0, minutes: int = 0, gpus: int = 4, **fields: Any
) -> None:
    """Let GPUs be rented for a dollar an hour, all of it paid."""
    lasted = timedelta(hours=hours, minutes=minutes)
    usd = Decimal(lasted // timedelta(seconds=1)) / 3600
    values = {"charged_usd": usd, "paid_usd": usd, **fields}
    UsageFact.objects.create(
        node_id=node.pk,
        holder=uuid4(),
        started_at=NOW - ago,
        ended_at=NOW - ago + lasted,
        gpu_count=gpus,
        **values,
    )


class TestReferencePrices:
    def test_are_the_median_of_providers_whatever_one_of_them_lists(self) -> None:
        for usd in (2, 3, 4):
            self.asking(usd)
        flooding = make_provider(hotkey=HOTKEY)
        for _ in range(9):
            self.asking(1, provider=flooding)

        assert self.prices() == {"NVIDIA H100 80GB HBM3": Decimal("2.5")}

    def test_are_of_machines_that_are_on_the_market_as_what_a_round_showed(self) -> None:
        self.asking(2)
        self.asking(1, purpose=Purpose.ON_DEMAND)
        self.asking(1, verdict=Verdict.FAIL)
        self.asking(1, frozen_at=NOW)
        self.asking(1, delisted_at=NOW)
        another = self.asking(1)
        Node.objects.filter(pk=another.pk).update(gpu_model=make_gpu_model(name="Another"))
        make_node(price_per_gpu_usd=Decimal(1))

        assert self.prices() == {"NVIDIA H100 80GB HBM3": 2}
        assert score_data.reference_prices(WINDOW, simulated=False) == {}

    @pytest.mark.parametrize(("usd", "bounded"), [(1, "2"), (3, "3"), (99, "8")])
    def test_stay_near_the_catalogues(self, usd: int, bounded: str) -> None:
        self.asking(usd, gpu_model=make_gpu_model(secure_price_usd=Decimal(4)))

        assert list(self.prices().values()) == [Decimal(bounded)]

    def asking(
        self,
        usd: int,
        *,
        purpose: Purpose = Purpose.ROUND,
        verdict: Verdict = Verdict.PASS,
        **fields: Any,
    ) -> Node:
        """Make a machine that asks so much, of a provider of its own, and was proven."""
        node = make_node(price_per_gpu_usd=Decimal(usd), **fields)
        alone = {} if purpose == Purpose.ROUND else {"purpose": purpose}
        prove(node, verdict, **alone)
        return node

    def prices(self) -> dict[str, Decimal]:
        return dict(score_data.reference_prices(WINDOW, simulated=True))


class TestWeighing:
    def test_the_vector_on_chain_follows_from_the_published_data(self) -> None:
        prove(machine(), Verdict.PASS)

        made = weighing.weigh_if_due(now=NOW)

        assert made is not None
        taken = LocalWeights.objects.get()
        vector = weigh(decode(bytes(made.data))).vector
        assert (taken.uids, taken.weights) == (list(vector.uids), list(vector.weights))
        assert 1 in taken.uids
        submission = made.submissions.get()
        assert (submission.status, submission.answer) == (SubmissionStatus.ACCEPTED, taken.hash)

    def test_once_a_tempo(self) -> None:
        prove(machine(), Verdict.PASS)
        weighing.weigh_if_due(now=NOW)
        localnode.produce(subnet.TEMPO - 2)
        assert weighing.weigh_if_due(now=NOW) is None

        localnode.produce(2)

        assert weighing.weigh_if_due(now=NOW) is not None
        assert Weighing.objects.count() == LocalWeights.objects.count() == 2

    def test_the_subnets_places_are_read_only_when_a_tempo_has_passed(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        weighing.weigh_if_due(now=NOW)
        monkeypatch.setattr(type(gateway()), "subnet", None)

        assert weighing.weigh_if_due(now=NOW) is None

    def test_a_refusal_is_kept_in_the_chains_words_and_may_be_tried_again(self) -> None:
        prove(machine(), Verdict.PASS)
        first = weighing.weigh_if_due(now=NOW)
        assert first is not None
        first.submissions.all().delete()
        chain = gateway()
        localnode.produce()

        refused = weighing.submit(first, chain, now=NOW)
        localnode.produce(subnet.RATE_LIMIT_BLOCKS)
        accepted = weighing.submit(first, chain, now=NOW)

        assert refused
        assert accepted
        assert refused.status == SubmissionStatus.REFUSED
        assert refused.answer.startswith("SettingWeightsTooFast")
        assert accepted.status == SubmissionStatus.ACCEPTED
        assert weighing.submit(first, chain, now=NOW) is None

    def test_what_was_refused_is_sent_again_after_a_while(self, settings: Settings) -> None:
        LocalNeuron.objects.filter(hotkey=validator_key().ss58_address).delete()
        made = weighing.weigh_if_due(now=NOW)
        assert made is not None
        subnet.register(netuid=settings.MARKET_NETUID, hotkey=validator_key().ss58_address)
        LocalNeuron.objects.filter(hotkey=validator_key().ss58_address).update(uid=0)

        weighing.weigh_if_due(now=NOW + timedelta(minutes=1))
        soon = made.submissions.count()
        weighing.weigh_if_due(now=NOW + timedelta(minutes=11))
        weighing.weigh_if_due(now=NOW + timedelta(minutes=30))

        assert soon == 1
        assert [one.status for one in made.submissions.order_by("pk")] == ["refused", "accepted"]

    def test_an_empty_market_burns_everything(self, settings: Settings) -> None:
        weighing.weigh_if_due(now=NOW)

        taken = LocalWeights.objects.get()
        assert taken.uids == [settings.MARKET_SCORE_BURN_UID]


class TestDemands:
    def test_of_the_subnet_are_kept_and_what_was_sent_is_told(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(subnet, "MIN_ALLOWED", 2)

        made = weighing.weigh_if_due(now=NOW)

        assert made is not None
        sent, taken = made.submissions.get(), LocalWeights.objects.get()
        assert made.uids == [0]
        assert sent.uids == taken.uids == [0, 1]
        assert sent.weights == taken.weights == [*made.weights, 0]

    def test_that_no_vector_meets_are_an_answer(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(subnet, "MIN_ALLOWED", 9)

        made = weighing.weigh_if_due(now=NOW)

        assert made is not None
        sent = made.submissions.get()
        assert (sent.status, sent.uids) == (SubmissionStatus.REFUSED, [])
        assert sent.answer.startswith("WeightVecLengthIsLow")
        assert not LocalWeights.objects.exists()

    def test_of_a_subnet_that_hides_weights(self, settings: Settings) -> None:
        settings.LOCALCHAIN_COMMIT_REVEAL = True

        made = weighing.weigh_if_due(now=NOW)

        assert made is not None
        assert made.submissions.get().status == SubmissionStatus.ACCEPTED
        assert subnet.revealed(settings.MARKET_NETUID) == []
        localnode.produce(subnet.TEMPO)
        assert [one.uids for one in subnet.revealed(settings.MARKET_NETUID)] == [[0]]


class TestPreview:
    def test_prints_the_vector_and_keeps_and_sends_nothing(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        call_command("weights", "--dry-run")

        assert capsys.readouterr().out.endswith("would be sent, place: weight\n0: 65535\n")
        assert not Weighing.objects.exists()
        assert not LocalWeights.objects.exists()

    def test_by_hand_sets_once_a_tempo(self, capsys: pytest.CaptureFixture[str]) -> None:
        call_command("weights")
        call_command("weights")

        first, second = capsys.readouterr().out.splitlines()
        assert "Accepted: 0x" in first
        assert second.startswith("Nothing is due")


class TestMetagraph:
    def test_is_read_anew_and_says_where_the_validator_stands(self, settings: Settings) -> None:
        weighing.weigh_if_due(now=NOW)
        localnode.produce(3)

        for _ in range(2):
            read = metagraph.sync(now=NOW)

        own = metagraph.own_place(read, validator_key().ss58_address)
        assert own is not None
        assert (own.uid, own.validator_permit, own.active) == (0, True, True)
        assert own.last_update_block == LocalWeights.objects.get().block_number
        assert (Metagraph.objects.count(), read.places.count()) == (1, 2)
        assert metagraph.own_place(read, "") is None

    def test_stays_where_the_chain_does_not_answer(self, settings: Settings) -> None:
        metagraph.sync(now=NOW)
        settings.MARKET_CHAIN = "subtensor"
        settings.MARKET_CHAIN_ENDPOINTS = ["ws://127.0.0.1:1"]

        tasks.sync_metagraph()

        assert Metagraph.objects.get().places.count() == 2

    def test_is_the_operators_page_of_the_validator(self, admin_client: Client) -> None:
        weighing.weigh_if_due(now=NOW)
        read = metagraph.sync(now=NOW)

        page = admin_client.get(f"/admin/validation/metagraph/{read.pk}/change/").content.decode()

        assert validator_key().ss58_address in page
        assert LocalWeights.objects.get().hash in page
