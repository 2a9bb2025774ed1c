"""Every state that a page shows has a look, and no look is of a state that is not there."""

from typing import Final

import pytest

from billing.models import DepositStatus, InvoiceStatus, PayoutStatus, TransferStatus
from billing.payables import HIDDEN_PAYOUTS
from lium_site.templatetags.market_state import LOOKS
from marketplace.models import Outcome
from marketplace.selectors import Standing
from rentals.models import PodStatus
from validation.models import CheckStatus, ProofStatus, Verdict

STATES: Final[dict[str, set[str]]] = {
    "pod": set(PodStatus),
    "invoice": set(InvoiceStatus),
    "payout": set(PayoutStatus) - set(HIDDEN_PAYOUTS),
    "deposit": set(DepositStatus),
    "transfer": set(TransferStatus),
    "standing": {standing.lower() for standing in Standing},
    "run": {"", *Outcome},
    "proof": ({*ProofStatus} - {ProofStatus.DONE}) | {*Verdict, *CheckStatus},
    "check": {"ok", "stale", "failing", "unknown"},
}


@pytest.mark.parametrize("family", LOOKS)
def test_looks_are_of_the_states_that_there_are(family: str) -> None:
    assert LOOKS[family].keys() == STATES[family]
