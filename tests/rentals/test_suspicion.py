"""While our own network is suspected a silence means nothing; what was seen on a machine still does."""

from dataclasses import replace

import pytest

from rentals.engine import Observed
from rentals.observations import GONE, UNSEEN, Contact, Readiness, Seen
from rentals.services.suspicion import is_silence

ANSWERED = replace(UNSEEN, contact=Contact.ANSWERED)
RUNS, ENDED = Observed(exists=True, running=True), Observed(exists=True, running=False)
HEARD, UNHEARD = Readiness(banner="SSH-2.0-OpenSSH"), Readiness()


@pytest.mark.parametrize(
    ("seen", "silence"),
    [
        (replace(UNSEEN, contact=Contact.SILENT), True),
        (replace(ANSWERED, container=RUNS, readiness=UNHEARD), True),
        (replace(ANSWERED, container=RUNS, readiness=HEARD), False),
        (replace(ANSWERED, container=ENDED, readiness=UNHEARD), False),
        (replace(ANSWERED, container=GONE, readiness=UNHEARD), False),
        (replace(UNSEEN, contact=Contact.ENGINE_SILENT), False),
    ],
)
def test_only_what_does_not_answer_is_silent(seen: Seen, silence: bool) -> None:
    assert is_silence(seen) is silence
