"""Whether the vector that was set on chain is the one that the published data come to."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from validation.scoring.data import Data
from validation.scoring.fitting import Demands, Unfit, fit
from validation.scoring.weights import Result, Vector


@dataclass(frozen=True, slots=True)
class Sent:
    """A vector that was sent, the subnet's demands that it was fitted to, and what the chain said."""

    hotkey: str
    status: str
    answer: str
    vector: Vector
    demands: Demands | None


def read_sent(published: Mapping[str, Any]) -> Sent | None:
    """Read what a result says of the vector that was sent; None where none was.

    :raises ValueError: it is not that.
    """
    told = published.get("submission")
    if not told:
        return None
    try:
        demands = [told[name] for name in ("min_allowed", "max_share")]
        return Sent(
            hotkey=str(told["hotkey"]),
            status=str(told["status"]),
            answer=str(told["answer"]),
            vector=Vector(tuple(told["uids"]), tuple(told["weights"])),
            demands=None if None in demands else Demands(*map(int, demands)),
        )
    except (KeyError, TypeError) as error:
        raise ValueError(f"the submission lacks {error}") from error


def differences(data: Data, result: Result, sent: Sent) -> Iterator[str]:
    """Say how what was sent differs from what follows from the data; nothing where it does not."""
    if sent.demands is None:
        return
    try:
        fitted = fit(
            result.vector, sent.demands, burn_uid=data.terms.burn_uid, places=data.uids.values()
        )
    except Unfit as error:
        if sent.vector.uids:
            yield f"a vector was sent, and none fits: {error}"
        return
    if (fitted.uids, fitted.weights) != (sent.vector.uids, sent.vector.weights):
        yield "the vector that was sent is not the one that follows from the data"


def words(sent: Sent | None) -> str:
    """Say what became of the vector, in a sentence."""
    if sent is None:
        return "no vector was sent yet"
    if sent.status == "accepted":
        return f"set on chain by {sent.hotkey}: {sent.answer}"
    return f"not set on chain ({sent.status}): {sent.answer}"
