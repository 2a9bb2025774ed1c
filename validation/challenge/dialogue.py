"""Talking with a prover in JSON lines. It may be hostile: each answer has a time, a size and a shape, or it is none."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from validation.proof.bundle.codec import from_json
from validation.proof.bundle.encoding import demand_few_values
from validation.proof.bundle.errors import Malformed
from validation.proof.bundle.records import MOST_CARDS
from validation.proof.hashing import Hash
from validation.proof.openings import Opening

# The longest answers are openings: 16 cards of 256 take 15 MB.
MOST_BYTES: Final = 24 << 20
SHORT_BYTES: Final = 1 << 20
LONGEST_COMPLAINT: Final = 200


class ProverFault(Exception):
    """The prover did not answer as it should; the message is a sentence for the machine's owner."""

    def __init__(self, message: str, *, remedy: str = "") -> None:
        super().__init__(message)
        self.remedy = remedy


class Line(Protocol):
    """A way to and from a prover, line by line."""

    def send(self, line: bytes, *, seconds: float) -> None:
        """Send a line."""

    def receive(self, *, seconds: float, max_bytes: int) -> bytes:
        """Wait for a line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadyCard:
    """A card as the prover lists it: claims, all of them."""

    uuid: str
    name: str
    memory_bytes: int
    kind: str


@dataclass(frozen=True, slots=True)
class Commitments:
    """The cards' roots."""

    roots: tuple[Hash, ...]


@dataclass(frozen=True, slots=True)
class Swept:
    """The tops of all sweeps of each card."""

    tops: tuple[tuple[Hash, ...], ...]


@dataclass(frozen=True, slots=True)
class Opened:
    """What each card opened."""

    openings: tuple[tuple[Opening, ...], ...]


def ask(
    line: Line, message: Mapping[str, Any], *, expect: str, seconds: float, most: int = SHORT_BYTES
) -> dict[str, Any]:
    """Send a message and give the answer, a JSON object of the expected type.

    :raises ProverFault: it answered something else, or that it cannot.
    """
    line.send(json.dumps(message, separators=(",", ":")).encode(), seconds=seconds)
    answer = _object(line.receive(seconds=seconds, max_bytes=most))
    if answer.get("type") == "error":
        raise _complaint(answer)
    if answer.get("type") != expect:
        raise ProverFault(f"It answered {_short(answer.get('type'))} where {expect} was due.")
    return answer


def cards_of(answer: Mapping[str, Any]) -> list[ReadyCard]:
    """Read the cards that a prover lists.

    :raises ProverFault: that is no list of cards, or too many.
    """
    listed = answer.get("cards")
    if not isinstance(listed, list) or not 1 <= len(listed) <= MOST_CARDS:
        raise ProverFault(f"It must list 1 to {MOST_CARDS} cards.")
    return [_card(item) for item in listed]


def read(record: type[Any], value: Mapping[str, Any]) -> Any:
    """Read the fields of an answer into a record.

    :raises ProverFault: they are not as declared.
    """
    try:
        return from_json(record, value, where="answer")
    except Malformed as error:
        raise ProverFault(f"Its answer cannot be read: {error}.") from error


def plain(text: Any, *, most: int) -> str:
    """Give a stranger's text as printable ASCII, cut short; whatever is no text gives none."""
    shown = text[:most] if isinstance(text, str) else ""
    return "".join(letter if " " <= letter <= "~" else "?" for letter in shown)


def _card(item: Any) -> ReadyCard:
    if not isinstance(item, dict):
        raise ProverFault("A card that it lists is no object.")
    wanted = {name: item.get(name) for name in ReadyCard.__slots__}
    card: ReadyCard = read(ReadyCard, wanted)
    return card


def _object(line: bytes) -> dict[str, Any]:
    try:
        demand_few_values(line)
        value = json.loads(line)
    except Malformed as error:
        raise ProverFault(f"Its answer is too large: {error}.") from error
    except (ValueError, RecursionError) as error:
        raise ProverFault(f"It wrote no JSON: {_short(line)}.") from error
    if not isinstance(value, dict):
        raise ProverFault("It wrote JSON that is no object.")
    return value


def _complaint(answer: Mapping[str, Any]) -> ProverFault:
    said = (plain(answer.get(name), most=LONGEST_COMPLAINT) for name in ("what", "why", "remedy"))
    what, why, remedy = said
    return ProverFault(f"{what}: {why}", remedy=remedy)


def _short(value: Any) -> str:
    """Quote the beginning of a text or of bytes; of anything else only the kind, for it may be of any size and depth."""
    return ascii(value[:60]) if isinstance(value, str | bytes) else f"a {type(value).__name__}"
