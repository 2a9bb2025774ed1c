"""The market's weights on the real runtime: set from published data, refused too soon, read back in the metagraph."""

from datetime import timedelta
from pathlib import Path

import pytest
from pytest_django import Settings

from billing.chain.gateway import gateway
from core import clock
from tests.billing.chain.sides import NETUID, RATE_LIMIT, Subtensor
from tests.factories.rates import price_is
from validation.models import SubmissionStatus, WeightsSubmission
from validation.services import metagraph, validator_key, weighing

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.xdist_group("chain"),
    pytest.mark.timeout(600),
]


@pytest.fixture(autouse=True)
def validator(settings: Settings, real_chain: None, subtensor: Subtensor, tmp_path: Path) -> str:
    """Give this market's validator a place on the subnet of the real runtime."""
    settings.MARKET_VALIDATOR_KEY = tmp_path / "validator.json"
    settings.MARKET_CHAIN = "local"  # where a key is made at its first use
    hotkey = validator_key.validator_key().ss58_address
    settings.MARKET_CHAIN = "subtensor"
    settings.MARKET_NETUID = NETUID
    settings.MARKET_SCORE_WINDOW = timedelta(hours=24)
    subtensor.join(hotkey)
    # A newcomer waits as long as one who has just set weights.
    subtensor.produce(RATE_LIMIT)
    price_is()
    return hotkey


def test_are_set_kept_and_read_back(subtensor: Subtensor, validator: str) -> None:
    now = clock.now()
    with subtensor.making_blocks():
        made = weighing.weigh_if_due(now=now)
    assert made is not None
    assert made.simulated is False
    [accepted] = made.submissions.all()
    assert (accepted.status, accepted.hotkey) == (SubmissionStatus.ACCEPTED, validator), (
        accepted.answer
    )
    subtensor.finalize()

    own = metagraph.own_place(metagraph.sync(now=now), validator)
    assert own is not None
    assert own.coldkey
    assert own.last_update_block > 0

    # Once more, as after an answer that got lost: the chain's own limit is what is kept.
    WeightsSubmission.objects.update(status=SubmissionStatus.UNKNOWN)
    refused = weighing.submit(made, gateway(), now=now)
    assert refused is not None
    assert refused.status == SubmissionStatus.REFUSED
    assert refused.answer.startswith("SettingWeightsTooFast")
