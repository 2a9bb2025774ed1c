"""The local chain's subnets: hotkeys in their places, and the weights of validators. Simulated: anybody may register."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from django.conf import settings
from django.db import transaction
from django.db.models import Max, Sum

from billing.chain import keys
from billing.chain.local import node, wire
from billing.chain.port import Hyperparameters, Neuron, Subnet, WeightsRefused
from billing.models import LocalNeuron, LocalStake, LocalWeights
from core.errors import Conflict, Invalid

PLACES: Final = 256
TEMPO: Final = 360
# Subtensor asks for a pause as well, of about this many blocks.
RATE_LIMIT_BLOCKS: Final = 100
EMISSION_RAO: Final = 100_000
MOST: Final = 65_535
# A vector signed over an older height is not taken.
FRESH_BLOCKS: Final = 60
MIN_ALLOWED: Final = 1
# Where weights are hidden, so many epochs pass before they count.
REVEAL_EPOCHS: Final = 1


@dataclass(frozen=True, slots=True)
class SignedWeights:
    """A vector as its validator sends it; ``block`` is the height that it saw."""

    hotkey: str
    netuid: int
    block: int
    uids: Sequence[int]
    weights: Sequence[int]
    signature: bytes


def subnet(netuid: int) -> Subnet:
    """Give a subnet; one that nobody joined is empty."""
    head = node.chain().head
    rows = LocalNeuron.objects.filter(netuid=netuid).order_by("uid")
    weighed = dict(
        LocalWeights.objects.filter(netuid=netuid, block_number__lte=head)
        .values_list("hotkey")
        .annotate(block=Max("block_number"))
    )
    staked = dict(
        LocalStake.objects.filter(netuid=netuid)
        .values_list("hotkey")
        .annotate(total=Sum("alpha_rao"))
    )
    neurons = tuple(
        Neuron(
            uid=row.uid,
            hotkey=row.hotkey,
            stake_rao=int(staked.get(row.hotkey, 0)),
            # Anybody may set weights here.
            validator_permit=True,
            active=row.hotkey in weighed,
            last_update_block=weighed.get(row.hotkey, 0),
        )
        for row in rows
    )
    return Subnet(netuid=netuid, tempo=TEMPO, emission_rao=EMISSION_RAO, neurons=neurons)


def hyperparameters(netuid: int) -> Hyperparameters:
    """Give what this chain demands of weights: the same on each subnet."""
    return Hyperparameters(
        tempo=TEMPO,
        weights_rate_limit=RATE_LIMIT_BLOCKS,
        commit_reveal=settings.LOCALCHAIN_COMMIT_REVEAL,
        reveal_period_epochs=REVEAL_EPOCHS,
        min_allowed_weights=MIN_ALLOWED,
        max_weights_limit=MOST,
        weights_version=0,
    )


def register(*, netuid: int, hotkey: str) -> LocalNeuron:
    """Give a hotkey the next place; it keeps the one that it has.

    :raises Invalid: it is no address, or no subnet. :raises Conflict: the subnet is full.
    """
    keys.public_key_of(hotkey)
    node.require_netuid(netuid)
    with transaction.atomic():
        state = node.chain()
        rows = LocalNeuron.objects.filter(netuid=netuid)
        if known := rows.filter(hotkey=hotkey).first():
            return known
        last = rows.aggregate(uid=Max("uid"))["uid"]
        uid = 0 if last is None else last + 1
        if uid >= PLACES:
            raise Conflict(f"Subnet {netuid} is full: it has {PLACES} places.")
        return LocalNeuron.objects.create(
            netuid=netuid, uid=uid, hotkey=hotkey, registered_at_block=state.head
        )


def submit(signed: SignedWeights) -> LocalWeights:
    """Take a validator's weights into the next block; a repeat gives the first one.

    :raises Invalid: the signature is wrong. :raises WeightsRefused: with what this chain demands.
    """
    public_key = keys.public_key_of(signed.hotkey)
    with transaction.atomic():
        state = node.chain()
        message = wire.weights_payload(
            state.genesis,
            netuid=signed.netuid,
            block=signed.block,
            uids=signed.uids,
            weights=signed.weights,
        )
        if not keys.verifies(public_key, message, signed.signature):
            raise Invalid("The signature is not the validator's over these weights.")
        digest = wire.transfer_hash(public_key, message)
        if known := LocalWeights.objects.filter(hash=digest).first():
            return known
        _require_acceptable(signed, head=state.head)
        return LocalWeights.objects.create(
            hash=digest,
            netuid=signed.netuid,
            hotkey=signed.hotkey,
            block_number=state.head + 1,
            counts_from_block=_counts_from(state.head + 1),
            uids=list(signed.uids),
            weights=list(signed.weights),
        )


def revealed(netuid: int) -> list[LocalWeights]:
    """Give the vectors of a subnet that everybody can read by now, oldest first."""
    rows = LocalWeights.objects.filter(netuid=netuid, counts_from_block__lte=node.chain().head + 1)
    return list(rows.order_by("pk"))


def _counts_from(block: int) -> int:
    return block + TEMPO * REVEAL_EPOCHS if settings.LOCALCHAIN_COMMIT_REVEAL else block


def _require_acceptable(signed: SignedWeights, *, head: int) -> None:
    places = dict(LocalNeuron.objects.filter(netuid=signed.netuid).values_list("uid", "hotkey"))
    mine = LocalWeights.objects.filter(netuid=signed.netuid, hotkey=signed.hotkey)
    last = mine.aggregate(block=Max("block_number"))["block"]
    refusals = (
        (signed.hotkey not in places.values(), "NotRegistered: the hotkey has no place here"),
        (not head - FRESH_BLOCKS <= signed.block <= head, "Stale: signed over another height"),
        (not signed.uids, "WeightVecIsEmpty: there is no weight"),
        (len(signed.uids) < MIN_ALLOWED, f"WeightVecLengthIsLow: {MIN_ALLOWED} are asked for"),
        (len(set(signed.uids)) < len(signed.uids), "DuplicateUids: a place appears twice"),
        (not set(signed.uids) <= places.keys(), "InvalidUid: a place is empty"),
        (not all(0 <= one <= MOST for one in signed.weights), "a weight is no u16"),
        (
            last is not None and head + 1 - last < RATE_LIMIT_BLOCKS,
            f"SettingWeightsTooFast: {RATE_LIMIT_BLOCKS} blocks lie between two vectors",
        ),
    )
    for refused, words in refusals:
        if refused:
            raise WeightsRefused(words, hint="Nothing was set; the vector before still counts.")
