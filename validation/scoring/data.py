"""What scores are computed from, as it is published: anybody can recompute them from this alone."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from decimal import Decimal, InvalidOperation
from hashlib import sha256
from itertools import pairwise
from typing import Any, Final

FORMAT: Final = 3
# More than any subnet holds; a hostile file ends here.
MOST_MACHINES: Final = 100_000
MOST_BYTES: Final = 64 << 20
HOUR: Final = 3_600


class NotData(ValueError):
    """The text is no published data of scores; the message says where."""


@dataclass(frozen=True, slots=True)
class Use:
    """What renters used of a machine in one hour, all of them together, as far as it lies in the window.

    ``at`` is the hour's beginning, in seconds since 1970 UTC; ``paid_usd`` is what they paid for it with their own money,
    below zero where more was paid back.
    """

    at: int
    gpu_seconds: int
    paid_usd: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """One machine over the window.

    ``gpu_model`` and ``gpu_count`` are what it showed in the newest round that decided; no GPU, where it failed there or in a
    proof since. ``passed`` counts the rounds of `Data.rounds` in which it showed just these, for this ``hotkey``, in their
    first sitting; ``bundles`` are the SHA-256 of those proofs, one each, so that anybody can count them. ``use`` has the
    hours in which it was rented, in order.
    """

    node: str
    hotkey: str
    gpu_model: str
    gpu_count: int
    price_per_gpu_usd: Decimal
    passed: int
    use: Sequence[Use] = ()
    bundles: Sequence[str] = ()

    @property
    def rented_gpu_seconds(self) -> int:
        """Give the rented GPU time of the window."""
        return sum(hour.gpu_seconds for hour in self.use)

    @property
    def paid_usd(self) -> Decimal:
        """Give what renters paid for it; nothing where more was paid back."""
        return max(Decimal(0), sum((hour.paid_usd for hour in self.use), Decimal(0)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What the operator sets, published with every vector.

    ``idle_rate`` is what a proven idle GPU earns as a part of a rented one; ``fee_rate`` is the market's part of what
    renters pay; ``burn_share`` of the emission goes to nobody; all in 0..1.
    """

    idle_rate: Decimal
    fee_rate: Decimal
    burn_share: Decimal
    burn_uid: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Data:
    """Everything that a vector follows from.

    The window is the ``window_seconds`` before ``until``, in seconds since 1970 UTC. ``emission_usd`` is what miners as a whole are given in the window, in USD; ``reference_prices`` are USD per GPU
    and hour by model; ``uids`` are the places of the hotkeys on the subnet; ``rounds`` are the blocks at which all idle
    machines were asked.
    """

    netuid: int
    block: int
    block_hash: str
    until: int
    window_seconds: int
    emission_usd: Decimal
    terms: Terms
    reference_prices: Mapping[str, Decimal]
    uids: Mapping[str, int]
    rounds: Sequence[int]
    machines: Sequence[Machine]


def encode(data: Data) -> bytes:
    """Write the data canonically: sorted keys, no spaces, decimals as plain strings."""
    body = {"format": FORMAT, **asdict(data)}
    body["machines"] = sorted(body["machines"], key=lambda machine: str(machine["node"]))
    return json.dumps(body, sort_keys=True, separators=(",", ":"), default=_plain).encode()


def digest(data: Data) -> str:
    """Give the SHA-256 of the canonical form, as hex."""
    return sha256(encode(data)).hexdigest()


def decode(raw: bytes) -> Data:
    """Read what `encode` wrote.

    :raises NotData: it is not that, or larger than any market.
    """
    if len(raw) > MOST_BYTES:
        raise NotData(f"{len(raw)} bytes are more than {MOST_BYTES}.")
    try:
        body = json.loads(raw)
        return _data(body)
    except (ValueError, KeyError, TypeError, InvalidOperation, RecursionError) as error:
        raise NotData(
            f"Not the published data of scores: {type(error).__name__} {error}"
        ) from error


def _data(body: Mapping[str, Any]) -> Data:
    if body["format"] != FORMAT:
        raise NotData(f"Format {body['format']!r} is not {FORMAT}; another version wrote it.")
    if len(body["machines"]) > MOST_MACHINES:
        raise NotData(f"{len(body['machines'])} machines are more than {MOST_MACHINES}.")
    if len({str(machine["node"]) for machine in body["machines"]}) < len(body["machines"]):
        raise NotData("A machine is listed twice.")
    terms = body["terms"]
    return Data(
        netuid=_natural(body["netuid"]),
        block=_natural(body["block"]),
        block_hash=str(body["block_hash"]),
        until=_natural(body["until"]),
        window_seconds=_natural(body["window_seconds"]),
        emission_usd=_decimal(body["emission_usd"]),
        terms=Terms(
            idle_rate=_share(terms["idle_rate"]),
            fee_rate=_share(terms["fee_rate"]),
            burn_share=_share(terms["burn_share"]),
            burn_uid=_natural(terms["burn_uid"]),
        ),
        reference_prices={
            str(model): _decimal(price) for model, price in body["reference_prices"].items()
        },
        uids={str(hotkey): _natural(uid) for hotkey, uid in body["uids"].items()},
        rounds=tuple(_natural(block) for block in body["rounds"]),
        machines=[_machine(machine, _hours(body)) for machine in body["machines"]],
    )


def _hours(body: Mapping[str, Any]) -> range:
    """Give the beginnings of the hours that touch the window."""
    until, since = body["until"], body["until"] - body["window_seconds"]
    return range(since - since % HOUR, until, HOUR)


def _machine(body: Mapping[str, Any], hours: range) -> Machine:
    passed, bundles = _natural(body["passed"]), tuple(str(one) for one in body["bundles"])
    if len(set(bundles)) != passed:
        raise NotData(f"{len(set(bundles))} bundles do not show {passed} passed proofs.")
    return Machine(
        node=str(body["node"]),
        hotkey=str(body["hotkey"]),
        gpu_model=str(body["gpu_model"]),
        gpu_count=_natural(body["gpu_count"]),
        price_per_gpu_usd=_decimal(body["price_per_gpu_usd"]),
        passed=passed,
        use=_use(body["use"], hours),
        bundles=bundles,
    )


def _use(body: Sequence[Mapping[str, Any]], hours: range) -> tuple[Use, ...]:
    use = tuple(
        Use(_natural(one["at"]), _natural(one["gpu_seconds"]), _amount(one["paid_usd"]))
        for one in body
    )
    if any(one.at not in hours for one in use):
        raise NotData("An hour of use is not of the window.")
    if any(before.at >= after.at for before, after in pairwise(use)):
        raise NotData("Hours of use are in order, each once.")
    return use


def _natural(value: object) -> int:
    if type(value) is not int or not 0 <= value < 2**63:
        raise NotData(f"{value!r} is no natural number.")
    return value


def _decimal(value: object) -> Decimal:
    number = _amount(value)
    if number < 0:
        raise NotData(f"{value!r} is below zero.")
    return number


def _amount(value: object) -> Decimal:
    number = Decimal(value) if isinstance(value, str) and len(value) <= 64 else None
    if number is None or not number.is_finite() or abs(number) >= 10**21:
        raise NotData(f"{value!r} is no amount: a plain decimal in a string.")
    return number


def _share(value: object) -> Decimal:
    number = _decimal(value)
    if number > 1:
        raise NotData(f"{value!r} is no share: it lies between 0 and 1.")
    return number


def _plain(value: object) -> str:
    if isinstance(value, Decimal):
        return format(value, "f")
    raise TypeError(f"{type(value).__name__} is not published")
