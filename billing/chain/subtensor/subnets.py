"""Subnets as the chain stores them: who is on one, what it demands of weights, what its alpha is worth."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal, localcontext
from typing import Any, Final

from billing.chain.port import (
    AlphaPrice,
    Hyperparameters,
    Neuron,
    NoPrice,
    Stake,
    Subnet,
)
from billing.chain.subtensor import answers
from billing.chain.subtensor.errors import EndpointFailed
from billing.chain.subtensor.state import PALLET, State
from core.errors import NotFound

U16: Final = 2**16 - 1
U64: Final = 2**64 - 1
RAO: Final = 10**9
ROOT: Final = 0
# A subnet that trades at a price of its own; the others' alpha is TAO.
DYNAMIC: Final = 1
PRICE_DIGITS: Final = 40


def subnet(state: State, netuid: int) -> Subnet:
    """Read a subnet and who is on it.

    :raises NotFound: the chain has no such subnet.
    """
    tempo, size, cut = state.read_all(
        PALLET, [("Tempo", [netuid]), ("SubnetworkN", [netuid]), ("SubnetOwnerCut", [])]
    )
    require(state, netuid)
    return Subnet(
        netuid=netuid,
        tempo=answers.natural(tempo),
        emission_rao=_miners_emission(state, netuid, owner_cut=answers.natural(cut)),
        neurons=_neurons(state, netuid, answers.natural(size)),
    )


def require(state: State, netuid: int) -> None:
    """Demand that a subnet exists.

    :raises NotFound: it does not.
    """
    if state.read(PALLET, "NetworksAdded", netuid) is not True:
        raise NotFound(f"This chain has no subnet {netuid}.", hint="Set MARKET_NETUID.")


def hyperparameters(state: State, netuid: int) -> Hyperparameters:
    """Read what a subnet demands of weights.

    :raises NotFound: the chain has no such subnet.
    """
    require(state, netuid)
    names = (
        "Tempo",
        "WeightsSetRateLimit",
        "CommitRevealWeightsEnabled",
        "RevealPeriodEpochs",
        "MinAllowedWeights",
        "MaxWeightsLimit",
        "WeightsVersionKey",
    )
    tempo, rate, reveal, epochs, least, most, version = state.read_all(
        PALLET, [(name, [netuid]) for name in names]
    )
    return Hyperparameters(
        tempo=answers.natural(tempo),
        weights_rate_limit=answers.natural(rate),
        commit_reveal=reveal is True,
        reveal_period_epochs=answers.natural(epochs),
        min_allowed_weights=answers.natural(least),
        max_weights_limit=answers.natural(most),
        weights_version=answers.natural(version),
    )


def alpha_price(states: Sequence[State], netuid: int, *, at: datetime) -> AlphaPrice:
    """Give the lowest price of alpha at some blocks; the first is the newest, and of ``at``.

    :raises NoPrice: it has none.
    """
    if any(state.read(PALLET, "NetworksAdded", netuid) is not True for state in states):
        raise _no_price(netuid)
    lowest = min(_price(state, netuid) for state in states)
    if lowest <= 0:
        raise _no_price(netuid)
    return AlphaPrice(netuid, lowest, block=states[0].at.number, at=at)


def stake(state: State, coldkey: str, netuid: int) -> Sequence[Stake]:
    """Give the alpha of a coldkey on a subnet, by hotkey."""
    hotkeys = answers.sequence(state.read(PALLET, "StakingHotkeys", coldkey) or [])
    if state.runtime.has(PALLET, "Alpha"):
        found = _shares_of_old(state, coldkey, netuid, hotkeys)
    else:
        infos = state.call("StakeInfoRuntimeApi", "get_stake_info_for_coldkey", coldkey)
        found = [
            Stake(str(one["hotkey"]), answers.natural(one["stake"]))
            for one in answers.sequence(infos)
            if one["netuid"] == netuid
        ]
    return tuple(one for one in found if one.alpha_rao)


def _shares_of_old(state: State, coldkey: str, netuid: int, hotkeys: Sequence[str]) -> list[Stake]:
    """Work out stake as runtimes did that keep a coldkey's shares of a hotkey's alpha as fixed-point numbers."""
    items = [
        item
        for hotkey in hotkeys
        for item in (
            ("Alpha", [hotkey, coldkey, netuid]),
            ("TotalHotkeyShares", [hotkey, netuid]),
            ("TotalHotkeyAlpha", [hotkey, netuid]),
        )
    ]
    values = [_bits(value) for value in state.read_all(PALLET, items)]
    return [
        Stake(hotkey, alpha * share // shares if shares else 0)
        for hotkey, share, shares, alpha in zip(
            hotkeys, values[::3], values[1::3], values[2::3], strict=True
        )
    ]


def _bits(value: Any) -> int:
    return answers.natural(value["bits"] if isinstance(value, dict) else value)


def _neurons(state: State, netuid: int, size: int) -> tuple[Neuron, ...]:
    keys = state.read_all(PALLET, [("Keys", [netuid, uid]) for uid in range(size)])
    owners = state.read_all(PALLET, [("Owner", [hotkey]) for hotkey in keys])
    alpha = state.read_all(PALLET, [("TotalHotkeyAlpha", [hotkey, netuid]) for hotkey in keys])
    root = state.read_all(PALLET, [("TotalHotkeyAlpha", [hotkey, ROOT]) for hotkey in keys])
    weight = answers.natural(state.read(PALLET, "TaoWeight"))
    permits, active, updates = (
        answers.sequence(one)
        for one in state.read_all(
            PALLET,
            [("ValidatorPermit", [netuid]), ("Active", [netuid]), ("LastUpdate", [netuid])],
        )
    )
    if not len(permits) == len(active) == len(updates) == size:
        raise EndpointFailed(f"The lists of subnet {netuid} have not {size} places each.")
    return tuple(
        Neuron(
            uid=uid,
            hotkey=str(keys[uid]),
            coldkey=str(owners[uid]),
            stake_rao=alpha[uid] + root[uid] * weight // U64,
            validator_permit=permits[uid] is True,
            active=active[uid] is True,
            last_update_block=answers.natural(updates[uid]),
        )
        for uid in range(size)
    )


def _price(state: State, netuid: int) -> Decimal:
    if netuid == ROOT:
        return Decimal(1)
    if "SwapRuntimeApi" in state.runtime.apis:
        rao = state.call("SwapRuntimeApi", "current_alpha_price", netuid)
        return Decimal(answers.natural(rao)) / RAO
    tao, alpha, mechanism = state.read_all(
        PALLET,
        [(name, [netuid]) for name in ("SubnetTAO", "SubnetAlphaIn", "SubnetMechanism")],
    )
    if mechanism != DYNAMIC:
        return Decimal(1)
    if not alpha or not tao:
        raise _no_price(netuid)
    with localcontext(prec=PRICE_DIGITS):
        return Decimal(tao) / Decimal(alpha)


def _no_price(netuid: int) -> NoPrice:
    return NoPrice(
        f"Alpha of subnet {netuid} has no price: its pool is empty, or there is no such subnet.",
        hint="Send TAO instead.",
    )


def _miners_emission(state: State, netuid: int, *, owner_cut: int) -> int:
    """Give what miners get a block, in rao of TAO: half of what is left of the emission after the owner's cut."""
    if state.runtime.has(PALLET, "SubnetAlphaOutEmission"):
        alpha = answers.natural(state.read(PALLET, "SubnetAlphaOutEmission", netuid))
        whole = int(alpha * _price(state, netuid))
    else:
        whole = answers.natural(state.read(PALLET, "EmissionValues", netuid))
    return whole * (U16 - owner_cut) // U16 // 2
