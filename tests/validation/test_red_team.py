"""Attacks, each named, by simulated cards and validators that cheat in that way. None may pass.

The arithmetic is real; how long work takes is modelled by what a card declares, and judged by the validator's clock.
"""

import hashlib
import os
from dataclasses import replace

import numpy as np
import pytest

from tests.validation.sessions import (
    BANDS,
    FILL_US,
    MACHINE,
    RESIDENCY_US,
    SMALL,
    STRANGER,
    VALIDATOR,
    KnownChain,
    Session,
    TimedCard,
    block,
    failures,
    resealed,
    sealed,
)
from validation.proof import digests, matrices, prf, products, seeds, sweeps
from validation.proof.bundle import transcript as phases
from validation.proof.bundle.codec import to_json
from validation.proof.bundle.encoding import encode
from validation.proof.bundle.errors import Malformed
from validation.proof.bundle.records import Band, Bands, Purpose, Signature, Status
from validation.proof.bundle.signing import read, seal
from validation.proof.drawing import draw
from validation.proof.merkle import Tree, climb
from validation.proof.parameters import RESERVED_BYTES, TILE, Parameters
from validation.verifier.arithmetic import card_coins
from validation.verifier.audit import audit
from validation.verifier.chain import OLDEST_BEACON_US, check_beacons
from validation.verifier.claims import check_memory
from validation.verifier.judging import body_of, judge, statuses
from validation.verifier.report import verdict_of
from validation.verifier.several import in_turn, shared_uuids
from validation.verifier.verifying import verify

GIB = 1 << 30


def caught(*cards, **options) -> list[str]:
    """Prove with these cards; name the checks that failed."""
    cards = cards or (TimedCard("GPU-0"),)
    return failures(judge(Session(cards=cards, **options).run()))


def noise(name: str) -> np.random.Generator:
    return np.random.default_rng(list(name.encode()))


def test_honest_cards_pass():
    assert caught(TimedCard("GPU-0"), TimedCard("GPU-1")) == []


# What is computed


class ConstantCard(TimedCard):
    def make_tiles(self):
        return np.full((self.parameters.tiles, TILE, TILE), 7, np.uint16)


def test_constant_answers():
    assert caught(ConstantCard("GPU-0")) == ["tiles", "sweeps"]


class StructuredCard(TimedCard):
    """Multiplies matrices whose product is cheap, instead of those that the seed names."""

    def operand(self, n: int) -> np.ndarray:
        raise NotImplementedError

    def make_tiles(self):
        operand = self.operand(self.parameters.n).astype(np.int8)
        one = products.all_tiles(operand, operand)
        return np.concatenate([one] * self.parameters.products)


class HankelCard(StructuredCard):
    def operand(self, n):
        return np.add.outer(np.arange(n), np.arange(n)) % 251


class LowRankCard(StructuredCard):
    def operand(self, n):
        return np.outer(np.arange(n), np.ones(n))


@pytest.mark.parametrize("kind", [HankelCard, LowRankCard])
def test_structured_operands(kind):
    assert caught(kind("GPU-0")) == ["tiles", "sweeps"]


class OldSeedCard(TimedCard):
    """Computed everything before it was asked."""

    def make_tiles(self):
        honest, self.seed = self.seed, b"\1" * 32
        tiles = super().make_tiles()
        self.seed = honest
        return tiles


def test_a_product_of_another_seed():
    assert caught(OldSeedCard("GPU-0")) == ["tiles", "sweeps"]


class LazyCard(TimedCard):
    """Leaves a share of the tiles as noise."""

    share = 0.1

    def make_tiles(self):
        tiles = super().make_tiles()
        skipped = noise(self.uuid).random(len(tiles)) < self.share
        tiles[skipped] = noise("noise").integers(0, 1 << 16, (TILE, TILE))
        return tiles


def test_nine_tenths_of_the_tiles():
    assert caught(LazyCard("GPU-0"), sizes=replace(SMALL, n=256)) == ["tiles", "sweeps"]


class LuckyCard(TimedCard):
    """Leaves out one tile, or one tile of one sweep, which its coin then does not draw."""

    def __init__(self, uuid, *, tile, in_sweep):
        super().__init__(uuid)
        self.tile, self.in_sweep = tile, in_sweep

    def make_tiles(self):
        tiles = super().make_tiles()
        if not self.in_sweep:
            tiles[self.tile] = 0
        return tiles

    def sweep_once(self, number, key):
        if self.in_sweep:
            self.tiles = self.tiles.copy()
            self.tiles[self.tile] = 0
        return super().sweep_once(number, key)


@pytest.mark.parametrize("in_sweep", [False, True], ids=["committed", "swept"])
def test_one_tile_left_out_and_never_drawn_is_found_by_an_audit(in_sweep):
    """What (1 - f)^m lets through, the audit of a whole product does not: of the product that it looks at."""
    sizes = replace(SMALL, n=256, products=2, sweeps=1, openings=2)
    honest = Session(cards=[TimedCard("GPU-0")], sizes=sizes).run()
    assert [audit(honest, card=0, opening=at).status for at in range(2)] == ["pass", "pass"]
    for tile in range(sizes.tiles_a_product):
        lucky = LuckyCard("GPU-0", tile=tile, in_sweep=in_sweep)
        transcript = Session(cards=[lucky], sizes=sizes).run()
        positions = draw(card_coins(transcript)[0], sizes)
        within = [at for at, one in enumerate(positions) if one.tile < sizes.tiles_a_product]
        if within and tile not in {one.tile for one in positions}:
            break
    assert verdict_of(judge(transcript)) == "pass"

    found = audit(transcript, card=0, opening=within[0])

    assert found.status == "fail"
    assert ("the sweep read" if in_sweep else "was committed") in found.measured


def test_the_draw_misses_a_share_of_the_tiles_as_often_as_predicted():
    """With f of the tiles skipped and m openings, (1 - f)^m of the coins draw none of them: no more, no fewer.

    Only the draw is tried here; that a drawn tile that was skipped is found, the tests beside this one show.
    """
    sizes, tries = replace(SMALL, n=256, products=4, sweeps=1, openings=8), 400
    skipped = set(noise("skipped").choice(sizes.tiles, sizes.tiles // 8, replace=False).tolist())
    passed = sum(
        not any(position.tile in skipped for position in draw(number.to_bytes(32), sizes))
        for number in range(tries)
    )
    expected = tries * (1 - 1 / 8) ** sizes.openings
    assert abs(passed - expected) < 4 * (expected * (1 - expected / tries)) ** 0.5


class RoundedCard(TimedCard):
    """Computes in fewer bits, as FP8 accumulators do."""

    def make_tiles(self):
        return super().make_tiles() & 0xFFF8


def test_low_precision():
    assert caught(RoundedCard("GPU-0")) == ["tiles", "sweeps"]


class SwappedCard(TimedCard):
    """Holds every tile, in an order that suits it."""

    def make_tiles(self):
        return np.roll(super().make_tiles(), 1, axis=0)


def test_tiles_of_other_places_with_valid_paths():
    assert caught(SwappedCard("GPU-0")) == ["tiles", "sweeps"]


class VectorCard(TimedCard):
    """Knows C r = A (B r), which costs O(n^2), and fills its tiles from that."""

    def make_tiles(self):
        n, key = self.parameters.n, seeds.matrix_key(self.seed)
        right = matrices.right_columns(key, n=n, first=0, count=n).astype(np.int64)
        left = matrices.left_rows(key, n=n, product=0, first=0, count=n).astype(np.int64)
        vector = left @ (right.T @ np.ones(n, np.int64))
        spread = (vector[:, None] // n + np.zeros(n, np.int64)).astype(np.uint16)
        side = n // TILE
        one = spread.reshape(side, TILE, side, TILE).swapaxes(1, 2).reshape(-1, TILE, TILE)
        return np.concatenate([one] * self.parameters.products)


def test_a_product_with_vectors_instead_of_the_matrix():
    assert caught(VectorCard("GPU-0")) == ["tiles", "sweeps"]


def test_a_product_with_vectors_has_no_place_in_a_bundle():
    value = to_json(read(sealed(Session().run())))
    value["body"]["transcript"]["reveal"]["products_with_r"] = []
    with pytest.raises(Malformed, match="products_with_r is not known"):
        read(encode(value))


def test_a_digest_forged_from_sums_of_rows_and_columns():
    """A linear digest of rank one sees only such sums. Here the same sums give another digest, and no sum adds up."""
    tile = noise("tile").integers(0, 1 << 15, (1, TILE, TILE)).astype(np.uint16)
    other = tile.copy()
    other[0, :2, :2] += np.array([[1, -1], [-1, 1]], np.int64).astype(np.uint16)
    assert (other.sum(1) == tile.sum(1)).all()
    assert (other.sum(2) == tile.sum(2)).all()
    key = digests.expand_key(bytes(32))
    first, second, both = (
        digests.digest_tiles(x.astype(np.uint16), key).view("<u8")
        for x in (tile, other, tile + other)
    )
    assert not (first == second).any()
    assert not (first + second == both).any()
    assert not ((first ^ second) == both).any()


# What is kept


class RandomBufferCard(TimedCard):
    """Fills its memory from the PRF, which it can make again at any time, instead of with products."""

    def make_tiles(self):
        size = self.parameters.resident_bytes
        raw = prf.stream(seeds.matrix_key(self.seed), prf.Kind.LEFT, size=size)
        return raw.view(np.uint16).reshape(-1, TILE, TILE)


def test_a_random_buffer_instead_of_products():
    assert caught(RandomBufferCard("GPU-0")) == ["tiles", "sweeps"]


class ForgetfulCard(TimedCard):
    """Commits to everything and then keeps a share; the rest is missing in the sweeps."""

    kept = 0.9

    def sweep(self, nonce):
        self.tiles = self.tiles.copy()
        self.tiles[int(self.kept * len(self.tiles)) :] = 0
        return super().sweep(nonce)


def test_eight_gigabytes_missing_and_made_up():
    assert caught(ForgetfulCard("GPU-0"), sizes=replace(SMALL, n=256)) == ["sweeps"]


class RecomputingCard(TimedCard):
    """Lacks a tenth of its memory and computes that part anew in each sweep: exact, and late.

    It says itself how late: no simulated card can show how long a product takes. That times judge it is what is tried.
    """

    residency_us = RESIDENCY_US + SMALL.sweeps * FILL_US // 10


def test_eight_gigabytes_missing_and_computed_again():
    assert caught(RecomputingCard("GPU-0")) == ["times"]


class LastSweepCard(TimedCard):
    """Invents all sweeps but the last."""

    def sweep_once(self, number, key):
        if number == self.parameters.sweeps:
            return super().sweep_once(number, key)
        return Tree(os.urandom(32 * self.parameters.tiles), self.parameters)


def test_only_the_last_sweep():
    assert caught(LastSweepCard("GPU-0")) == ["sweeps"]


class UnchainedCard(TimedCard):
    """Reads once, under the first key, and answers that for every sweep."""

    def sweep_once(self, number, key):
        return self.sweep_trees[0] if self.sweep_trees else super().sweep_once(number, key)


def test_one_sweep_answered_for_all():
    assert caught(UnchainedCard("GPU-0")) == ["commitment", "sweeps"]


class DigestsCard(TimedCard):
    """Keeps the digests that it committed to, and mixes those in each sweep."""

    def sweep_once(self, number, key):
        kept = digests.digest_tiles(self.tiles, digests.expand_key(seeds.digest_key(self.seed)))
        leaves = [hashlib.sha256(key + leaf.tobytes()).digest() for leaf in kept]
        return Tree(b"".join(leaves), self.parameters)


def test_digests_kept_instead_of_tiles():
    assert caught(DigestsCard("GPU-0")) == ["sweeps"]


def test_sums_packed_into_less_memory():
    """Whole sums hold 21.5 bits in 32, and would fit two thirds of the memory; what is kept here has no slack."""
    sizes = Parameters(n=16_384, products=1)
    kept = products.tile(seeds.matrix_key(bytes(32)), sizes, 0)
    for shift in (0, 8):
        share = np.bincount((kept.ravel() >> shift) & 0xFF, minlength=256) / kept.size
        entropy = -(share[share > 0] * np.log2(share[share > 0])).sum()
        # 4,096 samples of 256 even values show 255 / (2 ln 2 x 4,096) = 0.045 bits less than 8.
        assert entropy > 8 - 0.07


def test_a_claim_of_80_gb_with_a_proof_of_24():
    sizes = Parameters(n=16_384, products=40)
    session = Session(sizes=sizes, memory_bytes=80 * GIB, machine=replace(MACHINE, simulated=False))
    session.nonces = seeds.nonces_from(b"")
    assert _memory_of(session) == Status.FAIL
    session.sizes = replace(sizes, products=154)
    session.bands = replace(BANDS, memory_bytes=80 * GIB)
    assert _memory_of(session) == Status.PASS


def test_more_held_than_the_card_has():
    assert caught(memory_bytes=SMALL.resident_bytes - 1, bands=None) == ["memory"]


def test_24_gb_admitted_under_a_listing_of_80():
    sizes = Parameters(n=16_384, products=(24 * GIB - RESERVED_BYTES) // (GIB // 2))
    session = Session(
        sizes=sizes, memory_bytes=24 * GIB, bands=replace(BANDS, memory_bytes=80 * GIB)
    )
    session.machine = replace(MACHINE, simulated=False)
    session.nonces = seeds.nonces_from(b"")
    assert _memory_of(session) == Status.FAIL


def _memory_of(session: Session) -> Status:
    return check_memory(session.state()).status


# When


def test_a_fill_that_is_late():
    card = TimedCard("GPU-0")
    card.fill_us = BANDS.fill_us.high + 1
    assert caught(card) == ["times"]


@pytest.mark.parametrize("phase", ["fill_us", "residency_us"])
def test_too_fast_to_be_true(phase):
    card = TimedCard("GPU-0")
    setattr(card, phase, getattr(BANDS, phase).low - 1)
    assert caught(card) == ["times"]


def test_self_reported_times_count_for_nothing():
    card = TimedCard("GPU-0")
    card.fill_us = 3 * FILL_US
    assert caught(card, facts={"fill_us": str(FILL_US), "residency_us": str(RESIDENCY_US)}) == [
        "times"
    ]


def test_a_round_trip_that_is_delayed_to_gain_time():
    card = TimedCard("GPU-0")
    card.fill_us = 3 * FILL_US
    session = Session(cards=[card], round_trip_us=2 * FILL_US)
    assert statuses(judge(session.run()))["times"] == Status.UNKNOWN


def test_one_card_that_answers_for_eight_in_turn():
    """The time is modelled, as eight times one card's; what is tried is that the machine's slowest card counts."""
    cards = [TimedCard(f"GPU-{index}") for index in range(8)]
    assert caught(*cards, in_turn=True) == ["times"]


def test_one_card_that_gets_ready_for_one_machine_after_another():
    """All of a round are asked when its block is there; whoever was asked after another had answered was not."""
    first = Session(cards=[TimedCard("GPU-0")]).run()
    together = Session(cards=[TimedCard("GPU-1")], machine=replace(MACHINE, node_id="node-2")).run()
    later = Session(cards=[TimedCard("GPU-2")], machine=replace(MACHINE, node_id="node-3"))
    later.started_at = first.residency.answered_at + 1
    bundles = [read(sealed(one)) for one in (first, together, later.run())]
    assert in_turn(bundles[:2]) == set()
    assert in_turn(bundles) == {"node-1", "node-2"}


def test_a_machine_that_waits_with_its_challenge_until_a_card_is_free():
    """A beacon's age is bounded, so a round's proofs cannot be spread over time."""
    report = verify(sealed(Session().run()))
    for age_us, status in ((40_000_000, "pass"), (OLDEST_BEACON_US + 1, "fail")):
        chain = KnownChain(report, first_us=-age_us, second_us=1)
        assert check_beacons(report.bundle.body.transcript, chain).status == status


class EchoCard(TimedCard):
    """Answers with another card's root and sweeps."""

    def __init__(self, uuid, other):
        super().__init__(uuid)
        self.other = other

    def fill(self, seed, parameters):
        self.seed, self.parameters = seed, parameters
        return self.other.root

    def sweep(self, nonce):
        return [tree.top for tree in self.other.sweep_trees]

    def open(self, coin):
        self.other.parameters = self.parameters
        return self.other.open(coin)


def test_one_card_whose_answer_is_given_for_eight():
    real = TimedCard("GPU-0")
    others = [EchoCard(f"GPU-{index}", real) for index in range(1, 8)]
    assert caught(real, *others) == ["commitment", "tiles", "sweeps"]


def test_cards_left_out_of_the_proof():
    transcript = Session().run()
    machine = replace(transcript.statement.machine, claimed_count=8)
    statement = replace(transcript.statement, machine=machine)
    assert "count" in failures(judge(replace(transcript, statement=statement)))


def test_a_model_without_a_band_is_unknown_and_not_good():
    found = judge(Session(bands=None).run())
    assert statuses(found)["times"] == Status.UNKNOWN
    assert body_of(Session(bands=None).run(), found).verdict == Status.UNKNOWN


def test_a_band_of_another_model():
    assert caught(bands=replace(BANDS, model="RTX 4090")) == ["times"]


# Who


@pytest.mark.parametrize("field", ["hotkey", "host_key", "node_id", "claimed_model"])
def test_a_bundle_of_another_machine(field):
    transcript = Session(bands=None).run()
    machine = replace(transcript.statement.machine, **{field: "somebody else's"})
    stolen = replace(transcript, statement=replace(transcript.statement, machine=machine))
    assert failures(judge(stolen)) == ["tiles", "sweeps"]


def test_a_proof_of_another_card():
    transcript = Session().run()
    first, second = transcript.statement.cards
    cards = (replace(first, uuid="GPU-of-somebody-else"), second)
    stolen = replace(transcript, statement=replace(transcript.statement, cards=cards))
    assert failures(judge(stolen)) == ["tiles", "sweeps"]


@pytest.mark.parametrize("again", ["GPU-0", "gpu-0", "GPU-0 "])
def test_a_uuid_that_is_listed_twice_in_one_machine(again):
    assert caught(TimedCard("GPU-0"), TimedCard(again)) == ["identity"]


def test_a_driver_and_a_kernel_module_that_disagree():
    told = {"0.uuid_by_kernel": "GPU-0", "1.uuid_by_kernel": "GPU-of-the-real-card"}
    assert caught(TimedCard("GPU-0"), facts=told) == []
    assert caught(TimedCard("GPU-0"), TimedCard("GPU-1"), facts=told) == ["identity"]


def test_a_uuid_that_is_listed_by_two_machines():
    here = Session(cards=[TimedCard("GPU-0")]).run()
    there = Session(cards=[TimedCard("GPU-0")], machine=replace(MACHINE, node_id="node-2")).run()
    again = Session(cards=[TimedCard("GPU-0")], secret=b"again").run()
    bundles = [read(sealed(transcript)) for transcript in (here, again, there)]
    assert shared_uuids(bundles) == {"GPU-0": {"node-1", "node-2"}}
    assert shared_uuids(bundles[:2]) == {}


def test_a_machine_that_is_listed_anew_and_what_is_asked_outside_of_rounds_accuse_nobody():
    """A card may be in another machine at another block; who is asked alone is asked when somebody wants it."""
    here = Session(cards=[TimedCard("GPU-0")])
    anew = replace(MACHINE, node_id="node-2", host_key="SHA256:anew")
    there = Session(cards=[TimedCard("GPU-0")], machine=anew, beacon=11)
    assert shared_uuids([read(sealed(one.run())) for one in (here, there)]) == {}
    for purpose, late in ((Purpose.ROUND, {"node-1"}), (Purpose.ON_DEMAND, set())):
        first = Session(purpose=purpose).run()
        second = Session(purpose=purpose, machine=anew)
        second.started_at = first.residency.answered_at + 1
        assert in_turn([read(sealed(one)) for one in (first, second.run())]) == late


class TamperedDriverCard(ForgetfulCard):
    """A small card whose driver says that it is a large one: it can hold a third of what it claims."""

    kept = 0.3


def test_a_driver_that_lies_about_the_card():
    session = Session(
        cards=[TamperedDriverCard("GPU-0")],
        machine=replace(MACHINE, claimed_model="H100 80GB"),
        bands=replace(BANDS, model="H100 80GB"),
        facts={"name": "NVIDIA H100 80GB HBM3", "nvidia_smi": "81559 MiB"},
    )
    assert failures(judge(session.run())) == ["sweeps"]


def test_simulated_cards_shown_as_real_ones():
    transcript = Session().run()
    machine = replace(transcript.statement.machine, simulated=False)
    shown = replace(transcript, statement=replace(transcript.statement, machine=machine))
    assert failures(judge(shown)) == ["parameters", "tiles", "sweeps"]


def test_a_real_card_asked_for_too_little():
    assert "parameters" in caught(machine=replace(MACHINE, simulated=False))


# Replay and grinding


class ReplayingCard(TimedCard):
    """Answers everything as it did yesterday."""

    def __init__(self, yesterday):
        super().__init__(yesterday.uuid)
        self.yesterday = yesterday

    def fill(self, seed, parameters):
        return self.yesterday.root

    def sweep(self, nonce):
        return [tree.top for tree in self.yesterday.sweep_trees]

    def open(self, coin):
        return self.yesterday.open(coin)


def test_yesterdays_answers():
    card = TimedCard("GPU-0")
    Session(cards=[card], secret=b"yesterday").run()
    assert caught(ReplayingCard(card)) == ["tiles", "sweeps"]


@pytest.mark.parametrize(
    "change", [{"previous": b"\1" * 32}, {"beacon": block(11)}, {"sent_at": 1_800_000_000_000_001}]
)
def test_an_old_bundle_with_a_new_date(change):
    transcript = Session().run()
    renewed = replace(transcript, statement=replace(transcript.statement, **change))
    assert failures(judge(renewed)) == ["tiles", "sweeps"]


class GrindingCard(LazyCard):
    """Tries noise until a coin of its own guess draws only what it has computed."""

    share = 0.5

    def fill(self, seed, parameters):
        super().fill(seed, parameters)
        for attempt in range(2_000):
            self.tiles[-1] = attempt
            self.tree = self.tree_of(seeds.digest_key(seed))
            self.root = seeds.card_root(seed, self.tree.top)
            guess = hashlib.sha256(self.root).digest()
            if not self.is_caught_by(guess):
                return self.root
        raise AssertionError("the grinder found no root, so the test shows nothing")

    def is_caught_by(self, coin):
        skipped = noise(self.uuid).random(self.parameters.tiles) < self.share
        skipped[-1] = True
        return any(skipped[position.tile] for position in draw(coin, self.parameters))


def test_roots_ground_offline():
    sizes = replace(SMALL, openings=8)
    assert caught(GrindingCard("GPU-0"), sizes=sizes) == ["tiles", "sweeps"]


def test_the_coin_depends_on_every_root_and_on_the_later_block():
    session = Session()
    transcript = session.run()
    reveal, residency = transcript.reveal, transcript.residency
    drawn = {"nonce": reveal.nonce, "beacon": reveal.beacon, "drawn_at": reveal.drawn_at}

    def coin(nonce_of_sweeps=session.nonce_of_sweeps, residency=residency, **change):
        return phases.coins(nonce_of_sweeps, residency, **{**drawn, **change})[0]

    other_top = (residency.tops[0], (bytes(32), *residency.tops[1][1:]))
    roots = (transcript.commitment.roots[0], bytes(32))
    other_nonce = phases.sweep_nonce(
        transcript.statement,
        replace(transcript.commitment, roots=roots),
        nonce=residency.nonce,
        sent_at=residency.sent_at,
    )
    coins = [
        coin(),
        coin(residency=replace(residency, tops=other_top)),
        coin(nonce_of_sweeps=other_nonce),
        coin(beacon=block(13)),
        coin(nonce=bytes(32)),
        coin(drawn_at=0),
    ]
    assert len(set(coins)) == len(coins)


class AccompliceSession(Session):
    """A validator that picks the last nonce after it has seen the roots."""

    def reveal(self):
        self.nonces = replace(self.nonces, opening=b"\7" * 32)
        return super().reveal()


def test_a_last_nonce_chosen_to_suit_the_roots():
    assert failures(judge(AccompliceSession().run())) == ["seeds"]


@pytest.mark.parametrize("number", [9, 10])
def test_a_coin_that_was_known_before(number):
    assert caught(later_block=number) == ["order"]


class HurriedSession(Session):
    """States that the roots came before they were asked for."""

    def fill(self):
        return replace(super().fill(), received_at=self.statement.sent_at - 1)


def test_phases_out_of_order():
    assert "order" in failures(judge(HurriedSession().run()))


def test_an_inner_node_given_as_a_leaf():
    """A shorter path would let a node be taken for a leaf; its length is fixed by the parameters."""
    value = to_json(read(sealed(Session().run())))
    value["body"]["transcript"]["reveal"]["openings"][0][0]["tile"].pop()
    with pytest.raises(Malformed, match="a path has"):
        read(encode(value))
    leaves = os.urandom(32 * SMALL.tiles)
    tree = Tree(leaves, SMALL)
    assert climb(leaves[:32], 0, tree.path(0)) == tree.top
    assert climb(leaves[:32], 1, tree.path(0)) != tree.top


def test_the_key_of_a_sweep_depends_on_all_sweeps_before_it():
    first = sweeps.first_link(bytes(32), bytes(32), bytes(32))
    tops = [bytes([number + 1]) * 32 for number in range(4)]
    keys = list(sweeps.sweep_keys(first, tops))
    changed = list(sweeps.sweep_keys(first, [bytes(32), *tops[1:]]))
    assert keys[0] == changed[0]
    assert not set(keys[1:]) & set(changed[1:])


# The bundle itself


def test_a_stub_signature():
    body = read(sealed(Session().run())).body
    stub = seal(body, signer=VALIDATOR.address, sign=lambda _: bytes(64))
    assert failures(verify(stub).checks) == ["signature"]


def test_a_signature_of_somebody_else_under_the_validators_name():
    body = read(sealed(Session().run())).body
    forged = seal(body, signer=VALIDATOR.address, sign=STRANGER.sign)
    assert failures(verify(forged).checks) == ["signature"]


def test_a_signer_that_is_no_validator():
    data = sealed(Session().run(), key=STRANGER)
    assert failures(verify(data, signer=VALIDATOR.address).checks) == ["signer"]


def test_a_signature_taken_from_another_bundle():
    signature = read(sealed(Session(secret=b"another").run())).signature
    data = seal(
        read(sealed(Session().run())).body,
        signer=VALIDATOR.address,
        sign=lambda _: signature.sr25519,
    )
    assert failures(verify(data).checks) == ["signature"]
    assert isinstance(signature, Signature)


def test_a_verdict_that_does_not_follow():
    transcript = Session(cards=[LazyCard("GPU-0")], sizes=replace(SMALL, n=256)).run()
    body = body_of(transcript, judge(transcript))
    assert body.verdict == Status.FAIL
    whitewashed = replace(body, verdict=Status.PASS, checks=dict.fromkeys(body.checks, Status.PASS))
    assert failures(verify(resealed(whitewashed)).checks) == ["tiles", "sweeps", "verdict"]


def test_bands_that_were_widened_afterwards():
    card = TimedCard("GPU-0")
    card.fill_us = 3 * FILL_US
    transcript = Session(cards=[card]).run()
    wide: Bands = replace(BANDS, fill_us=Band(low=0, high=10 * FILL_US))
    widened = replace(transcript, statement=replace(transcript.statement, bands=wide))
    assert failures(judge(widened)) == ["tiles", "sweeps"]


def test_times_that_were_shortened_afterwards():
    card = TimedCard("GPU-0")
    card.fill_us = 3 * FILL_US
    transcript = Session(cards=[card]).run()
    received_at = transcript.statement.sent_at + FILL_US
    shortened = replace(
        transcript, commitment=replace(transcript.commitment, received_at=received_at)
    )
    assert "sweeps" in failures(judge(shortened))
