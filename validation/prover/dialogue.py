"""The dialogue with a validator: one JSON object a line, in one order; docs/proof-of-gpu.md has the messages."""

import json
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO, Final

from validation.proof.hashing import HASH_BYTES
from validation.proof.openings import Opening
from validation.proof.parameters import VERSION, Parameters
from validation.prover.errors import FAULTY, ProverError, unexpected
from validation.prover.team import Card, Team

LONGEST_LINE: Final = 64 << 20
MIXED_VERSIONS: Final = "Use the prover and the verifier of one version"

Message = Mapping[str, Any]


class Dialogue:
    """Answers a validator's messages with the cards of this machine."""

    def __init__(self, team: Team, versions: Mapping[str, str]) -> None:
        self._team, self._versions = team, versions
        # Places of the cards that are filled, in the validator's order.
        self._filled: list[int] = []
        self._answers: dict[str, Callable[[Message], Message]] = {
            "hello": self._ready,
            "echo": lambda message: {"token": message["token"]},
            "fill": self._fill,
            "sweep": self._sweep,
            "open": self._open,
        }

    def answer(self, line: bytes) -> Message | None:
        """Answer one message; None ends the dialogue.

        :raises ProverError: if there is no answer.
        """
        try:
            message = json.loads(line)
            kind = message["type"]
            if kind == "bye":
                return None
            return {"type": NAME_OF_ANSWER[kind], **self._answers[kind](message)}
        except ProverError:
            raise
        except (KeyError, TypeError, ValueError) as refusal:
            raise unexpected(
                "a message cannot be answered", refusal, remedy=MIXED_VERSIONS
            ) from refusal
        except (
            Exception
        ) as failure:  # Whatever a driver raises: the validator gets a sentence in any case.
            raise unexpected("a card failed", failure, remedy=FAULTY) from failure

    def _ready(self, message: Message) -> Message:
        if message["version"] != VERSION:
            raise ValueError(
                f"version {message['version']} is asked for; this prover has {VERSION}"
            )
        cards = [
            {"index": index, "uuid": card.uuid, **card.description()}
            for index, card in enumerate(self._team.cards)
        ]
        return {"version": VERSION, "cards": cards, "versions": dict(self._versions)}

    def _fill(self, message: Message) -> Message:
        places = {card.uuid: place for place, card in enumerate(self._team.cards)}
        wanted = message["cards"]
        self._filled = [places[card["uuid"]] for card in wanted]
        if not wanted or len(set(self._filled)) != len(wanted):
            raise ValueError("each card is filled once, and at least one")
        seeds = [_hash(card["seed"]) for card in wanted]
        sizes = [_parameters(card["parameters"]) for card in wanted]
        roots = self._all(
            lambda card, at: card.fill(seeds[at], sizes[at]),
        )
        return {"roots": [root.hex() for root in roots], "facts": self._facts()}

    def _sweep(self, message: Message) -> Message:
        nonce = _hash(message["nonce"])
        swept = self._all(lambda card, _: card.sweep(nonce))
        return {"roots": [[top.hex() for top in tops] for tops in swept], "facts": self._facts()}

    def _open(self, message: Message) -> Message:
        coins = [_hash(coin) for coin in message["coins"]]
        if len(coins) != len(self._filled):
            raise ValueError(f"{len(coins)} coins for {len(self._filled)} cards")
        opened = self._all(lambda card, at: card.open(coins[at]))
        return {"cards": [[_opening(each) for each in card] for card in opened]}

    def _all(self, step: "Callable[[Card, int], Any]") -> list[Any]:
        """Take one step with every filled card at the same time."""
        if not self._filled:
            raise ValueError("no card is filled yet")
        jobs = {
            place: (lambda card=self._team.cards[place], at=at: step(card, at))
            for at, place in enumerate(self._filled)
        }
        return self._team.together(jobs)

    def _facts(self) -> list[Mapping[str, int]]:
        return [dict(self._team.cards[place].facts) for place in self._filled]


NAME_OF_ANSWER: Final = {
    "hello": "ready",
    "echo": "echo",
    "fill": "commitment",
    "sweep": "swept",
    "open": "openings",
}


def converse(
    dialogue: Dialogue, incoming: BinaryIO, outgoing: BinaryIO, *, heard: Callable[[], Any]
) -> int:
    """Answer line by line until the validator says bye or is gone; return the exit status.

    ``heard`` is called for each line.
    """
    while line := incoming.readline(LONGEST_LINE):
        heard()
        try:
            answer = dialogue.answer(line)
        except ProverError as error:
            send(outgoing, refusal(error))
            return 1
        if answer is None:
            return 0
        send(outgoing, answer)
    return 0


def send(outgoing: BinaryIO, message: Message) -> None:
    """Write one message."""
    outgoing.write(json.dumps(message, separators=(",", ":")).encode() + b"\n")
    outgoing.flush()


def refusal(error: ProverError) -> Message:
    """Return the message that ends a dialogue."""
    return {"type": "error", "what": error.what, "why": error.why, "remedy": error.remedy}


def _hash(text: str) -> bytes:
    value = bytes.fromhex(text)
    if len(value) != HASH_BYTES:
        raise ValueError(f"{HASH_BYTES} bytes in hexadecimal are expected, not {text[:80]!r}")
    return value


def _parameters(sizes: Mapping[str, int]) -> Parameters:
    return Parameters(
        n=sizes["n"],
        products=sizes["products"],
        sweeps=sizes["sweeps"],
        openings=sizes["openings"],
    )


def _opening(opening: Opening) -> dict[str, list[str]]:
    return {
        "tile": [sibling.hex() for sibling in opening.tile],
        "sweep": [sibling.hex() for sibling in opening.sweep],
    }
