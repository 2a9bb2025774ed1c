"""Weighing the market at a block: the data, the vector that follows from it, and the try to set it on chain.

Safe to repeat: a block is weighed once, and a vector that was accepted is not sent again.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

import structlog
from django.conf import settings
from django.db import transaction

from billing import rates
from billing.chain.gateway import gateway
from billing.chain.port import Block, ChainGateway, ChainUnavailable, Subnet, WeightsRefused
from core import clock
from core.errors import NotFound
from core.money import rao_to_tao
from validation.models import SubmissionStatus, Weighing, WeightsSubmission
from validation.scoring.data import Data, Terms, decode, digest, encode
from validation.scoring.fitting import Demands, Unfit, fit
from validation.scoring.weights import Result, Vector, weigh
from validation.services import score_data, validator_key
from validation.services.score_data import Window

log = structlog.get_logger(__name__)
ANSWER_CHARACTERS: Final = 500
ANSWERED: Final = [
    *("status", "answer", "answered_at"),
    *("uids", "weights", "min_allowed", "max_share"),
]
TRY_AGAIN_AFTER: Final = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Preview:
    """What would be weighed now, and the vector that would be sent; ``unfit`` says why none would."""

    data: Data
    result: Result
    vector: Vector | None
    unfit: str = ""


def weigh_if_due(*, now: datetime) -> Weighing | None:
    """Weigh once a tempo, and set what was weighed; None where nothing is due.

    :raises ChainUnavailable: the chain does not answer. :raises RateUnavailable: nobody tells what TAO is worth.
    """
    chain, netuid = gateway(), settings.MARKET_NETUID
    head = chain.heads().finalized
    last = Weighing.objects.filter(netuid=netuid).defer("data").order_by("-block").first()
    # The tempo is one number; the subnet is every place of it, and is read only for a vector.
    if last is not None and head < last.block + chain.hyperparameters(netuid).tempo:
        _try_again(last, chain, now=now)
        return None
    weighing = weigh_now(chain, chain.subnet(netuid), chain.block(head), now=now)
    submit(weighing, chain, now=now)
    return weighing


def weigh_now(chain: ChainGateway, subnet: Subnet, block: Block, *, now: datetime) -> Weighing:
    """Compute and keep the scores of the window that ends at a block; the first result of a block stays."""
    window = _window(block)
    data = _data(chain, subnet, block, window, now=now)
    vector = weigh(data).vector
    weighing, _ = Weighing.objects.get_or_create(
        netuid=subnet.netuid,
        block=block.number,
        defaults={
            "block_hash": block.hash,
            "simulated": chain.network().simulated,
            "window_started_at": window.since,
            "window_ended_at": window.until,
            "data": encode(data),
            "data_sha256": digest(data),
            "uids": list(vector.uids),
            "weights": list(vector.weights),
            "made_at": now,
        },
    )
    return weighing


def submit(weighing: Weighing, chain: ChainGateway, *, now: datetime) -> WeightsSubmission | None:
    """Set a weighing's vector on chain and keep the answer; None where it was accepted before."""
    key = validator_key.validator_key()
    with transaction.atomic():
        Weighing.objects.select_for_update().get(pk=weighing.pk)
        if weighing.submissions.filter(status=SubmissionStatus.ACCEPTED).exists():
            return None
        submission = WeightsSubmission.objects.create(
            weighing=weighing, hotkey=key.ss58_address, sent_at=now
        )
    submission.status, answer = _sent(submission, chain, key)
    submission.answer, submission.answered_at = answer[:ANSWER_CHARACTERS], clock.now()
    submission.save(update_fields=ANSWERED)
    log.info("weights.sent", block=weighing.block, status=submission.status, answer=answer)
    return submission


def _try_again(weighing: Weighing, chain: ChainGateway, *, now: datetime) -> None:
    """Send what was not taken once more, after a while."""
    last = weighing.submissions.order_by("-pk").first()
    if last is None or now - last.sent_at > TRY_AGAIN_AFTER:
        submit(weighing, chain, now=now)


def preview(*, now: datetime) -> Preview:
    """Compute what would be weighed and sent at this moment; nothing is kept or sent.

    :raises ChainUnavailable: the chain does not answer. :raises RateUnavailable: nobody tells what TAO is worth.
    """
    chain = gateway()
    subnet = chain.subnet(settings.MARKET_NETUID)
    block = chain.block(chain.heads().finalized)
    data = _data(chain, subnet, block, _window(block), now=now)
    result = weigh(data)
    try:
        return Preview(data, result, _fitted(data, result.vector, _demands(chain, data.netuid)))
    except Unfit as error:
        return Preview(data, result, None, str(error))


def _sent(
    submission: WeightsSubmission, chain: ChainGateway, key: validator_key.ValidatorKey
) -> tuple[SubmissionStatus, str]:
    weighing = submission.weighing
    try:
        demands = _demands(chain, weighing.netuid)
        submission.min_allowed, submission.max_share = demands.min_allowed, demands.max_share
        computed = Vector(weighing.uids, weighing.weights)
        vector = _fitted(decode(bytes(weighing.data)), computed, demands)
        submission.uids, submission.weights = list(vector.uids), list(vector.weights)
        taken = chain.set_weights(
            signer=key, netuid=weighing.netuid, uids=vector.uids, weights=vector.weights
        )
    except (WeightsRefused, NotFound) as error:
        return SubmissionStatus.REFUSED, error.message
    except Unfit as error:
        return SubmissionStatus.REFUSED, str(error)
    except ChainUnavailable as error:
        return SubmissionStatus.UNKNOWN, error.message
    return SubmissionStatus.ACCEPTED, taken


def _demands(chain: ChainGateway, netuid: int) -> Demands:
    told = chain.hyperparameters(netuid)
    return Demands(told.min_allowed_weights, told.max_weights_limit)


def _fitted(data: Data, vector: Vector, demands: Demands) -> Vector:
    return fit(vector, demands, burn_uid=data.terms.burn_uid, places=data.uids.values())


def _window(block: Block) -> Window:
    """Give the window that ends at a block, in whole seconds, as it is published."""
    until = block.at.replace(microsecond=0)
    return Window(until - settings.MARKET_SCORE_WINDOW, until)


def _data(
    chain: ChainGateway, subnet: Subnet, block: Block, window: Window, *, now: datetime
) -> Data:
    network = chain.network()
    blocks = Decimal(window.seconds) / network.block_seconds
    emission = rao_to_tao(subnet.emission_rao) * blocks * rates.current(now=now).usd_per_tao
    return Data(
        netuid=subnet.netuid,
        block=block.number,
        block_hash=block.hash,
        until=int(window.until.timestamp()),
        window_seconds=window.seconds,
        emission_usd=emission.quantize(Decimal("1e-9")),
        terms=Terms(
            idle_rate=settings.MARKET_SCORE_IDLE_RATE,
            fee_rate=settings.MARKET_FEE_RATE,
            burn_share=settings.MARKET_SCORE_BURN_SHARE,
            burn_uid=settings.MARKET_SCORE_BURN_UID,
        ),
        reference_prices=score_data.reference_prices(window, simulated=network.simulated),
        uids={one.hotkey: one.uid for one in subnet.neurons},
        rounds=score_data.rounds(window),
        machines=score_data.machines(window, simulated=network.simulated),
    )
