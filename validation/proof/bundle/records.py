"""What a bundle holds: the four phases of a proof in the order in which they happened, and what follows from them.

Times are whole microseconds since 1970 UTC by the validator's clock; blocks are of a public chain.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, Final

from validation.proof.hashing import Hash
from validation.proof.openings import Opening
from validation.proof.parameters import VERSION, Parameters

MOST_CARDS: Final = 16
SIGNATURE_BYTES: Final = 64


class Purpose(StrEnum):
    """Why a machine was asked; the values are signed and stay as they are."""

    ROUND = "sweep"
    LOOK = "hand_over"
    RETURN = "return"
    ON_DEMAND = "on_demand"
    RENTER = "renter"


class Status(StrEnum):
    """What a check found, or what all of them together come to."""

    PASS = "pass"  # noqa: S105 - not a password
    FAIL = "fail"
    UNKNOWN = "unknown"
    NOT_CHECKED = "not checked"


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A block of a public chain, whose hash nobody knew before."""

    chain: str
    number: int
    hash: Hash


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """Whose machine was asked; `host_key` is the fingerprint ("SHA256:...") that its connection is pinned to."""

    node_id: str
    hotkey: str
    host_key: str
    claimed_model: str
    claimed_count: int
    simulated: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """A card as the machine lists it, and what was asked of it; its index is its place in the list."""

    uuid: str
    name: str
    memory_bytes: int
    parameters: Parameters


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """The microseconds that a phase may take, round trip excluded; too fast is a finding too."""

    low: int
    high: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Bands:
    """What cards of a model take and hold, from stored samples, as published in this version of the table."""

    version: int
    model: str
    memory_bytes: int
    samples: int
    fill_us: Band
    residency_us: Band


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """All that is known before a proof begins. Every seed follows from its hash, so none of it can change later."""

    version: int
    purpose: Purpose
    machine: Machine
    previous: Hash
    beacon: Block
    nonce: Hash
    cards: tuple[Card, ...]
    bands: Bands | None
    facts: dict[str, str]
    round_trip_us: int
    sent_at: int

    def __post_init__(self) -> None:
        if self.version != VERSION:
            raise ValueError(f"it is of version {self.version}; this verifier knows {VERSION}")
        if not 1 <= len(self.cards) <= MOST_CARDS:
            raise ValueError(f"it has {len(self.cards)} cards; 1 to {MOST_CARDS} are possible")


@dataclass(frozen=True, slots=True, kw_only=True)
class Commitment:
    """The cards' roots, answered together."""

    received_at: int
    roots: tuple[Hash, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Residency:
    """The late nonce, and the tops of all sweeps of each card."""

    nonce: Hash
    sent_at: int
    answered_at: int
    tops: tuple[tuple[Hash, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reveal:
    """The later coin, and what each card opened for it."""

    nonce: Hash
    beacon: Block
    drawn_at: int
    openings: tuple[tuple[Opening, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Transcript:
    """A whole exchange with a machine; its lists have the lengths that its parameters declare."""

    statement: Statement
    commitment: Commitment
    residency: Residency
    reveal: Reveal

    def __post_init__(self) -> None:
        cards = self.statement.cards
        for name, items in (
            ("commitment.roots", self.commitment.roots),
            ("residency.tops", self.residency.tops),
            ("reveal.openings", self.reveal.openings),
        ):
            _demand_length(name, items, len(cards))
        for index, card in enumerate(cards):
            sizes = card.parameters
            _demand_length(f"residency.tops[{index}]", self.residency.tops[index], sizes.sweeps)
            opened = self.reveal.openings[index]
            _demand_length(f"reveal.openings[{index}]", opened, sizes.openings)
            for opening in opened:
                for path in (opening.tile, opening.sweep):
                    _demand_length("a path", path, sizes.path_length)


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """What is signed: the transcript, the status of each check that anyone can repeat, and the verdict."""

    transcript: Transcript
    checks: dict[str, Status]
    verdict: Status


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """A validator's signature; `signer` is its SS58 address."""

    signer: str
    sr25519: Annotated[bytes, SIGNATURE_BYTES]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """A signed body."""

    body: Body
    signature: Signature


def claim_of(model: str, *, simulated: bool) -> str:
    """Name a model as machines claim it: simulated cards say so."""
    return f"{model} (simulated)" if simulated else model


def _demand_length(name: str, items: tuple[Any, ...], length: int) -> None:
    if len(items) != length:
        raise ValueError(f"{name} has {len(items)} entries; {length} are declared")
