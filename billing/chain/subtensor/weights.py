"""Setting a validator's weights: openly, or hidden until the chain reveals them, as the subnet demands."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from bittensor_core import get_encrypted_commit_v2

from billing.chain.port import Hyperparameters, WeightsRefused
from billing.chain.subtensor import answers
from billing.chain.subtensor.state import PALLET, State
from core.ss58 import public_key_of

COMMIT: Final = "commit_timelocked_mechanism_weights"
# The form of a hidden vector that the chain's reveal reads.
COMMIT_VERSION: Final = 4
# A subnet may weigh by several mechanisms; all but this first one are not ours.
MECHANISM: Final = 0


@dataclass(frozen=True, slots=True)
class Vector:
    """A validator's weights, u16 each by place."""

    hotkey: str
    netuid: int
    uids: Sequence[int]
    weights: Sequence[int]


def require_acceptable(state: State, vector: Vector, demands: Hyperparameters) -> None:
    """Demand what the chain demands, before anything is signed.

    :raises WeightsRefused: the hotkey has no place, or set weights a short time ago.
    """
    uid = state.read(PALLET, "Uids", vector.netuid, vector.hotkey)
    if uid is None:
        raise WeightsRefused(
            f"HotKeyNotRegisteredInSubNet: {vector.hotkey} has no place on subnet {vector.netuid}.",
            hint="Register the validator's hotkey there.",
        )
    updates = answers.sequence(state.read(PALLET, "LastUpdate", vector.netuid))
    last = answers.natural(updates[uid])
    since = state.at.number - last
    if last and since < demands.weights_rate_limit:
        raise WeightsRefused(
            f"SettingWeightsTooFast: {since} blocks since block {last}, the hotkey's last vector or its "
            f"registration; {demands.weights_rate_limit} must lie between.",
            hint="Nothing was set; the vector before still counts.",
        )


def call(state: State, vector: Vector, demands: Hyperparameters) -> tuple[str, dict[str, Any]]:
    """Give the call that sets, or commits, a vector; with its parameters."""
    if not demands.commit_reveal:
        return "set_weights", {
            "netuid": vector.netuid,
            "dests": list(vector.uids),
            "weights": list(vector.weights),
            "version_key": demands.weights_version,
        }
    commit, reveal_round = _hidden(state, vector, demands)
    return COMMIT, {
        "netuid": vector.netuid,
        "mecid": MECHANISM,
        "commit": commit,
        "reveal_round": reveal_round,
        "commit_reveal_version": COMMIT_VERSION,
    }


def _hidden(state: State, vector: Vector, demands: Hyperparameters) -> tuple[bytes, int]:
    """Encrypt a vector for the epoch in which the chain will reveal it by itself."""
    if not state.runtime.has(PALLET, "LastEpochBlock"):
        raise WeightsRefused(
            f"Runtime {state.runtime.version.spec} hides weights in a way that this version does not know.",
            hint="Nothing was set.",
        )
    names = ("LastEpochBlock", "PendingEpochAt", "SubnetEpochIndex", "BlocksSinceLastStep")
    last, pending, index, since = (
        answers.natural(one or 0)
        for one in state.read_all(PALLET, [(name, [vector.netuid]) for name in names])
    )
    commit, reveal_round = get_encrypted_commit_v2(
        uids=list(vector.uids),
        weights=list(vector.weights),
        version_key=demands.weights_version,
        last_epoch_block=last,
        pending_epoch_at=pending,
        subnet_epoch_index=index,
        tempo=demands.tempo,
        blocks_since_last_step=since,
        current_block=state.at.number,
        subnet_reveal_period_epochs=demands.reveal_period_epochs,
        block_time=float(state.runtime.block_seconds),
        hotkey=public_key_of(vector.hotkey),
    )
    return bytes(commit), int(reveal_round)
