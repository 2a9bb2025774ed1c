"""Reading the subnet from the chain: its places, and what it demands of weights. Safe to repeat."""

from datetime import datetime

from django.conf import settings
from django.db import transaction

from billing.chain.gateway import gateway
from billing.chain.port import Hyperparameters, Neuron
from validation.models import Metagraph, MetagraphPlace


def sync(*, now: datetime) -> Metagraph:
    """Read the market's subnet anew; where the chain does not answer, what was read before stays.

    :raises ChainUnavailable: the chain does not answer. :raises NotFound: it has no such subnet.
    """
    chain = gateway()
    head = chain.heads().finalized
    subnet, demands = (
        chain.subnet(settings.MARKET_NETUID),
        chain.hyperparameters(settings.MARKET_NETUID),
    )
    with transaction.atomic():
        metagraph, _ = Metagraph.objects.update_or_create(
            netuid=subnet.netuid, defaults=_fields(demands, block=head, now=now)
        )
        metagraph.places.all().delete()
        MetagraphPlace.objects.bulk_create(_place(metagraph, one) for one in subnet.neurons)
    return metagraph


def own_place(metagraph: Metagraph, hotkey: str) -> MetagraphPlace | None:
    """Give the place of a hotkey; None where it has none."""
    return metagraph.places.filter(hotkey=hotkey).first() if hotkey else None


def _fields(demands: Hyperparameters, *, block: int, now: datetime) -> dict[str, object]:
    return {
        "block": block,
        "tempo": demands.tempo,
        "weights_rate_limit": demands.weights_rate_limit,
        "commit_reveal": demands.commit_reveal,
        "reveal_period_epochs": demands.reveal_period_epochs,
        "min_allowed_weights": demands.min_allowed_weights,
        "max_weights_limit": demands.max_weights_limit,
        "weights_version": demands.weights_version,
        "read_at": now,
    }


def _place(metagraph: Metagraph, neuron: Neuron) -> MetagraphPlace:
    return MetagraphPlace(
        metagraph=metagraph,
        uid=neuron.uid,
        hotkey=neuron.hotkey,
        coldkey=neuron.coldkey,
        stake_rao=neuron.stake_rao,
        validator_permit=neuron.validator_permit,
        active=neuron.active,
        last_update_block=neuron.last_update_block,
    )
