"""A whole proof in one process: a validator's role against cards of NumPy, with a clock that only the cards move."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import sr25519

from validation.proof import seeds
from validation.proof.bundle import transcript as phases
from validation.proof.bundle.records import (
    Band,
    Bands,
    Block,
    Body,
    Card,
    Commitment,
    Machine,
    Purpose,
    Residency,
    Reveal,
    Statement,
    Transcript,
)
from validation.proof.bundle.signing import seal
from validation.proof.bundle.ss58 import address_of
from validation.proof.parameters import VERSION, Parameters
from validation.prover.simulated import SimulatedCard
from validation.verifier.chain import FoundBlock
from validation.verifier.judging import body_of, judge
from validation.verifier.report import Check, Report

SMALL = Parameters(n=128, products=3, sweeps=4, openings=64)
STARTED_AT = 1_800_000_000_000_000
ROUND_TRIP_US = 40_000
FILL_US, RESIDENCY_US = 1_000_000, 500_000

MACHINE = Machine(
    node_id="node-1",
    hotkey="5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY",
    host_key="SHA256:fD7w0uF9sSCxSpgSH5pq6dSbeAqkdfl3WhW5NjnNcBw",
    claimed_model="Simulated",
    claimed_count=2,
    simulated=True,
)
BANDS = Bands(
    version=1,
    model="Simulated",
    memory_bytes=SMALL.resident_bytes,
    samples=30,
    fill_us=Band(low=800_000, high=1_250_000),
    residency_us=Band(low=400_000, high=625_000),
)


class TimedCard(SimulatedCard):
    """A simulated card that says how long its work would have taken on the card that it stands for."""

    fill_us = FILL_US
    residency_us = RESIDENCY_US


class Key:
    """A hotkey that signs."""

    def __init__(self, name: str) -> None:
        self._pair = sr25519.pair_from_seed(hashlib.sha256(name.encode()).digest())
        self.address = address_of(self._pair[0])

    def sign(self, message: bytes) -> bytes:
        return sr25519.sign(self._pair, message)


VALIDATOR, STRANGER = Key("validator"), Key("stranger")


@dataclass
class Session:
    """One proof of one machine."""

    cards: Sequence[TimedCard] = field(
        default_factory=lambda: [TimedCard(f"GPU-{i}") for i in range(2)]
    )
    sizes: Parameters = SMALL
    machine: Machine = MACHINE
    bands: Bands | None = BANDS
    facts: dict[str, str] = field(default_factory=dict)
    memory_bytes: int | None = None
    secret: bytes = b"secret"
    round_trip_us: int = ROUND_TRIP_US
    in_turn: bool = False
    purpose: Purpose = Purpose.ROUND
    beacon: int = 10
    later_block: int = 12
    started_at: int = STARTED_AT

    def __post_init__(self) -> None:
        if self.bands is BANDS:
            self.bands = replace(BANDS, memory_bytes=self.sizes.resident_bytes)

    def run(self) -> Transcript:
        """Run all phases in order."""
        self.nonces = seeds.nonces_from(self.secret)
        self.statement = self.state()
        self.commitment = self.fill()
        self.residency = self.sweep()
        return Transcript(
            statement=self.statement,
            commitment=self.commitment,
            residency=self.residency,
            reveal=self.reveal(),
        )

    def state(self) -> Statement:
        return Statement(
            version=VERSION,
            purpose=self.purpose,
            machine=replace(self.machine, claimed_count=len(self.cards)),
            previous=bytes(32),
            beacon=block(self.beacon),
            nonce=self.nonces.statement,
            cards=tuple(self.listed(card) for card in self.cards),
            bands=self.bands,
            facts=self.facts,
            round_trip_us=self.round_trip_us,
            sent_at=self.started_at,
        )

    def listed(self, card: TimedCard) -> Card:
        memory = self.sizes.resident_bytes if self.memory_bytes is None else self.memory_bytes
        return Card(uuid=card.uuid, name="Simulated", memory_bytes=memory, parameters=self.sizes)

    def fill(self) -> Commitment:
        card_seeds = phases.card_seeds(self.statement)
        roots = [
            card.fill(seed, self.sizes) for card, seed in zip(self.cards, card_seeds, strict=True)
        ]
        took = self.took([card.fill_us for card in self.cards])
        return Commitment(received_at=self.started_at + took, roots=tuple(roots))

    def sweep(self) -> Residency:
        sent_at = self.commitment.received_at + 1_000
        nonce = phases.sweep_nonce(
            self.statement, self.commitment, nonce=self.nonces.residency, sent_at=sent_at
        )
        tops = tuple(tuple(card.sweep(nonce)) for card in self.cards)
        self.nonce_of_sweeps = nonce
        took = self.took([card.residency_us for card in self.cards])
        return Residency(
            nonce=self.nonces.residency, sent_at=sent_at, answered_at=sent_at + took, tops=tops
        )

    def reveal(self) -> Reveal:
        later = {
            "nonce": self.nonces.opening,
            "beacon": block(self.later_block),
            "drawn_at": self.residency.answered_at + 12_000_000,
        }
        coins = phases.coins(self.nonce_of_sweeps, self.residency, **later)
        opened = (tuple(card.open(coin)) for card, coin in zip(self.cards, coins, strict=True))
        return Reveal(**later, openings=tuple(opened))

    def took(self, each: Sequence[int]) -> int:
        """All cards start together, unless one answers for all of them in turn."""
        return (sum(each) if self.in_turn else max(each)) + ROUND_TRIP_US


def block(number: int) -> Block:
    return Block(chain="local", number=number, hash=hashlib.sha256(b"%d" % number).digest())


def sealed(transcript: Transcript, *, key: Key = VALIDATOR) -> bytes:
    """Judge and sign, as a validator does."""
    return resealed(body_of(transcript, judge(transcript)), key=key)


def resealed(body: Body, *, key: Key = VALIDATOR) -> bytes:
    """Sign whatever it says."""
    return seal(body, signer=key.address, sign=key.sign)


def failures(checks: Sequence[Check]) -> list[str]:
    """Name the checks that failed."""
    return [check.id for check in checks if check.status == "fail"]


class KnownChain:
    """A chain with the two blocks of a session."""

    def __init__(self, report: Report, *, first_us: int, second_us: int) -> None:
        transcript = report.bundle.body.transcript
        first, second = transcript.statement.beacon, transcript.reveal.beacon
        self.blocks = {
            first.number: FoundBlock(first.hash, transcript.statement.sent_at + first_us),
            second.number: FoundBlock(second.hash, transcript.residency.answered_at + second_us),
        }

    def block(self, number):
        return self.blocks.get(number)
