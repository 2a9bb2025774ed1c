"""One proof from the first question to the last answer: state, fill, sweep, open.

Whatever the prover sends enters what is sent next, so nothing can be changed afterwards. Only our own clock counts.
"""

import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from validation.challenge.dialogue import (
    MOST_BYTES,
    Commitments,
    Line,
    Opened,
    ProverFault,
    ReadyCard,
    Swept,
    ask,
    cards_of,
    plain,
    read,
)
from validation.proof.bundle import transcript
from validation.proof.bundle.codec import to_json
from validation.proof.bundle.encoding import encode
from validation.proof.bundle.records import (
    Bands,
    Block,
    Card,
    Commitment,
    Machine,
    Purpose,
    Residency,
    Reveal,
    Statement,
    Transcript,
)
from validation.proof.hashing import Hash
from validation.proof.parameters import VERSION, Parameters, products_that_fill
from validation.proof.seeds import Nonces, nonces_from

ECHOES: Final = 20
ECHO_SECONDS: Final = 10.0
NOTHING_BEFORE: Final = bytes(32)
MOST_VERSIONS: Final = 20
# What a card says of itself beside its name: its two UUIDs must agree, and a card behind a network shows in the last two.
SIDE_EVIDENCE: Final = (
    "compute_capability",
    "driver",
    "pci_bus_id",
    "uuid_by_kernel",
    "product",
    "upload_mb_s",
    "launch_ns",
)


class Clock:
    """Whole microseconds since 1970 that never run backwards: the wall's time at the start, and what passed since."""

    def __init__(self) -> None:
        """Read both clocks once."""
        self._offset = time.time_ns() - time.monotonic_ns()

    def __call__(self) -> int:
        """Give the present moment."""
        return (self._offset + time.monotonic_ns()) // 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """Seconds that each answer may take. Getting ready is not timed: it compiles and loads."""

    ready: float
    fill: float
    sweep: float
    open: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """Which machine is asked, and for what: a simulated card for as many products as ``parameters`` say, a real one for as
    many as fill the memory that it claims.
    """

    purpose: Purpose
    machine: Machine
    parameters: Parameters
    bands: Bands | None = None
    previous: Hash = NOTHING_BEFORE


@dataclass(frozen=True, slots=True)
class Ready:
    """What a prover says before it is asked anything."""

    cards: Sequence[ReadyCard]
    facts: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Coins:
    """Where blocks come from. ``first`` is asked once a prover is ready, and may wait for the block that it begins at;
    ``later`` waits for one after that which was made after a time, in microseconds since 1970.
    """

    first: Callable[[], Block]
    later: Callable[[Block, int], Block]


@dataclass(slots=True, kw_only=True)
class Session:
    """A conversation with one prover; ``go_on`` is asked between phases and raises to end it.

    ``phase`` is the one that is under way: ready, fill, sweep or open. From open on the prover knows its coin, so
    whatever goes wrong then is its answer. ``said`` is what was exchanged so far.
    """

    line: Line
    patience: Patience
    go_on: Callable[[], None] = lambda: None
    clock: Callable[[], int] = field(default_factory=Clock)
    nonces: Nonces = field(default_factory=lambda: nonces_from(secrets.token_bytes(32)))
    phase: str = "ready"
    said: dict[str, Statement | Commitment | Residency] = field(default_factory=dict)

    def prove(self, subject: Subject, coins: Coins) -> Transcript:
        """Ask for a whole proof and give all that was said.

        :raises ProverFault: it did not answer as it should.
        """
        listed, round_trip_us = self._get_ready(subject)
        self.go_on()
        beacon = coins.first()
        statement = self._state(subject, listed, beacon=beacon, round_trip_us=round_trip_us)
        commitment = self._fill(statement)
        self.go_on()
        nonce, residency = self._sweep(statement, commitment)
        self.go_on()
        coin = coins.later(beacon, residency.answered_at)
        self.go_on()
        # Whoever is gone by now left without having seen the coin.
        self._echo()
        reveal = self._open(nonce, residency, coin)
        try:
            return Transcript(
                statement=statement, commitment=commitment, residency=residency, reveal=reveal
            )
        except ValueError as error:
            raise ProverFault(f"It did not answer all that was asked: {error}.") from error

    def record(self) -> bytes:
        """Give what was exchanged so far as canonical JSON; nothing before the statement."""
        return encode(to_json(self.said)) if self.said else b""

    def _get_ready(self, subject: Subject) -> tuple[Ready, int]:
        """Have the prover compile and load, and measure the round trip; give what it lists, and microseconds."""
        hello = {"type": "hello", "version": VERSION}
        answer = ask(self.line, hello, expect="ready", seconds=self.patience.ready)
        cards = cards_of(answer)
        _demand_kind(cards, simulated=subject.machine.simulated)
        round_trip_us = min(self._echo() for _ in range(ECHOES))
        return Ready(cards, _facts(answer)), round_trip_us

    def _state(
        self, subject: Subject, listed: Ready, *, beacon: Block, round_trip_us: int
    ) -> Statement:
        """Write down all that is known. Its time is that of sending: nothing slow may follow before it is sent."""
        try:
            stated = Statement(
                version=VERSION,
                purpose=subject.purpose,
                machine=subject.machine,
                previous=subject.previous,
                beacon=beacon,
                nonce=self.nonces.statement,
                cards=tuple(_card(card, subject) for card in listed.cards),
                bands=subject.bands,
                facts=listed.facts,
                round_trip_us=round_trip_us,
                sent_at=self.clock(),
            )
        except ValueError as error:
            raise ProverFault(f"It cannot be asked: {error}.") from error
        self.said["statement"] = stated
        return stated

    def _echo(self) -> int:
        token, sent = secrets.token_hex(8), self.clock()
        answer = ask(
            self.line, {"type": "echo", "token": token}, expect="echo", seconds=ECHO_SECONDS
        )
        if answer.get("token") != token:
            raise ProverFault("It did not send back what it was sent.")
        return self.clock() - sent

    def _fill(self, statement: Statement) -> Commitment:
        self.phase = "fill"
        seeds = transcript.card_seeds(statement)
        cards = [
            {"uuid": card.uuid, "seed": seed.hex(), "parameters": to_json(card.parameters)}
            for card, seed in zip(statement.cards, seeds, strict=True)
        ]
        answer = ask(
            self.line,
            {"type": "fill", "cards": cards},
            expect="commitment",
            seconds=self.patience.fill,
        )
        received_at = self.clock()
        given = read(Commitments, {"roots": answer.get("roots")})
        made = Commitment(received_at=received_at, roots=given.roots)
        self.said["commitment"] = made
        return made

    def _sweep(self, statement: Statement, commitment: Commitment) -> tuple[Hash, Residency]:
        self.phase = "sweep"
        nonce, sent_at = self.nonces.residency, self.clock()
        sent = transcript.sweep_nonce(statement, commitment, nonce=nonce, sent_at=sent_at)
        message = {"type": "sweep", "nonce": sent.hex()}
        answer = ask(self.line, message, expect="swept", seconds=self.patience.sweep)
        answered_at = self.clock()
        given = read(Swept, {"tops": answer.get("roots")})
        residency = Residency(
            nonce=nonce, sent_at=sent_at, answered_at=answered_at, tops=given.tops
        )
        self.said["residency"] = residency
        return sent, residency

    def _open(self, nonce_of_sweeps: Hash, residency: Residency, beacon: Block) -> Reveal:
        self.phase = "open"
        nonce, drawn_at = self.nonces.opening, self.clock()
        coins = transcript.coins(
            nonce_of_sweeps, residency, nonce=nonce, beacon=beacon, drawn_at=drawn_at
        )
        message = {"type": "open", "coins": [coin.hex() for coin in coins]}
        seconds = self.patience.open
        answer = ask(self.line, message, expect="openings", seconds=seconds, most=MOST_BYTES)
        given = read(Opened, {"openings": answer.get("cards")})
        return Reveal(nonce=nonce, beacon=beacon, drawn_at=drawn_at, openings=given.openings)


def _demand_kind(cards: Sequence[ReadyCard], *, simulated: bool) -> None:
    expected = "simulated" if simulated else "gpu"
    if any(card.kind != expected for card in cards):
        raise ProverFault(f"It lists cards that are not of the kind {expected}.")


def _card(card: ReadyCard, subject: Subject) -> Card:
    """Ask a card for all of its own memory: error correction takes a sixteenth, and cards of a model differ in it."""
    asked = subject.parameters
    if not subject.machine.simulated:
        asked = replace(asked, products=products_that_fill(card.memory_bytes, n=asked.n))
    return Card(uuid=card.uuid, name=card.name, memory_bytes=card.memory_bytes, parameters=asked)


def _facts(ready: dict[str, Any]) -> dict[str, str]:
    """Keep what it says of its software and cards: short texts, shown and never believed."""
    versions = ready.get("versions")
    told = list(versions.items())[:MOST_VERSIONS] if isinstance(versions, dict) else []
    facts = {plain(name, most=40): plain(value, most=100) for name, value in told}
    for index, card in enumerate(ready["cards"]):
        known = ((name, card.get(name)) for name in SIDE_EVIDENCE)
        facts |= {
            f"{index}.{name}": plain(str(value), most=100)
            for name, value in known
            if isinstance(value, str | int)
        }
    return facts
