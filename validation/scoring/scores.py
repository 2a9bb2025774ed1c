"""From published data to each machine's part of the emission, every term by name. Exact: fractions, no float."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Final

from validation.scoring.data import Data, Machine

NOTHING: Final = Fraction(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """One machine's terms; points are USD an hour of proven capacity, ``share`` is its part of the emission, 0..1.

    ``capacity`` is USD an hour at the reference price, ``rented`` the rented share of its GPU time, ``idle`` the share
    in which it was idle and passed, ``price`` 1 at or below the reference and less above it. ``withheld`` is the part
    that its rentals would have earned beyond the market's fee on them: it is burnt. ``why_not`` says why a machine has
    no points.
    """

    machine: Machine
    capacity: Fraction = NOTHING
    rented: Fraction = NOTHING
    idle: Fraction = NOTHING
    price: Fraction = NOTHING
    idle_points: Fraction = NOTHING
    rented_points: Fraction = NOTHING
    share: Fraction = NOTHING
    withheld: Fraction = NOTHING
    why_not: str = ""

    @property
    def uptime(self) -> Fraction:
        """Give the share of the window that renters or passed rounds vouch for."""
        return self.rented + self.idle

    @property
    def points(self) -> Fraction:
        """Give the points of the idle and the rented GPUs together."""
        return self.idle_points + self.rented_points


def scores(data: Data) -> Sequence[Score]:
    """Score every machine, in the order of the data.

    The emission less the burn share is divided by points; what a machine's rentals would earn beyond the market's fee on
    them is withheld and given to nobody. Nothing but money shows that rented GPUs are there, and who rents from oneself
    gets all of it back but the fee: so that never pays.
    """
    scored = [_points(machine, data) for machine in data.machines]
    total = sum((score.points for score in scored), NOTHING)
    if not total:
        return scored
    to_miners = 1 - Fraction(data.terms.burn_share)
    return [_shared(score, to_miners / total, data) for score in scored]


def by_hotkey(scored: Sequence[Score]) -> Mapping[str, Fraction]:
    """Add up the shares of each hotkey's machines."""
    shares: dict[str, Fraction] = {}
    for score in scored:
        if score.share:
            hotkey = score.machine.hotkey
            shares[hotkey] = shares.get(hotkey, NOTHING) + score.share
    return shares


def _points(machine: Machine, data: Data) -> Score:
    if reason := _why_not(machine, data):
        return Score(machine=machine, why_not=reason)
    reference = Fraction(data.reference_prices[machine.gpu_model])
    capacity = machine.gpu_count * reference
    rented = _part(machine.rented_gpu_seconds, machine.gpu_count * data.window_seconds)
    # Each round vouches for its part of the window; what no round saw idle and no renter used counts as down.
    idle = min(1 - rented, _part(machine.passed, len(data.rounds)))
    price = min(Fraction(1), reference / Fraction(machine.price_per_gpu_usd))
    return Score(
        machine=machine,
        capacity=capacity,
        rented=rented,
        idle=idle,
        price=price,
        idle_points=capacity * idle * price * Fraction(data.terms.idle_rate),
        rented_points=capacity * rented,
    )


def _why_not(machine: Machine, data: Data) -> str:
    if machine.hotkey not in data.uids:
        return "its hotkey is not registered on the subnet"
    if not machine.gpu_count:
        return "its newest proof failed, or its newest round"
    if not machine.passed and not machine.rented_gpu_seconds:
        return "it passed no round in the window as what it is now"
    if machine.gpu_model not in data.reference_prices:
        return "its GPU model has no reference price yet"
    if not machine.price_per_gpu_usd:
        return "it asks no price"
    return ""


def _part(of: int, whole: int) -> Fraction:
    """Give a part of a whole, 1 at most; nothing of nothing."""
    return min(Fraction(1), Fraction(of, whole)) if whole else NOTHING


def _shared(score: Score, per_point: Fraction, data: Data) -> Score:
    for_rented = score.rented_points * per_point
    earned = min(for_rented, _most_for_rented(score.machine, data))
    share = score.idle_points * per_point + earned
    return replace(score, share=share, withheld=for_rented - earned)


def _most_for_rented(machine: Machine, data: Data) -> Fraction:
    """Give the part of the emission that is worth the market's fee on what the machine's renters paid."""
    if not data.emission_usd:
        return Fraction(1)
    fee = Fraction(machine.paid_usd) * Fraction(data.terms.fee_rate)
    return fee / Fraction(data.emission_usd)
