"""The one door to what was weighed; all of it is public."""

from functools import lru_cache
from typing import Final

from django.conf import settings
from django.db.models import Prefetch, QuerySet

from core.errors import NotFound
from validation.models import Weighing, WeightsSubmission
from validation.scoring.data import Data, NotData, decode
from validation.scoring.weights import Result, weigh

LATEST: Final = "latest"
MOST_DIGITS: Final = 18
# Results in memory: the newest, and what somebody compares it with.
KEPT: Final = 2


def find(block: str) -> Weighing:
    """Find what was weighed at a block, or the latest.

    :raises NotFound: nothing was.
    """
    rows = _ours()
    if block == LATEST:
        found = rows.first()
    elif block.isascii() and block.isdigit() and len(block) <= MOST_DIGITS:
        found = rows.filter(block=int(block)).first()
    else:
        found = None
    if found is None:
        raise NotFound(
            f"Nothing was weighed at block {block[:40]!r}.",
            hint="The page of scores lists the blocks; `latest` is the newest.",
        )
    return found


def scored(weighing: Weighing) -> tuple[Data, Result]:
    """Give the data of a weighing and the result that follows; it never changes, so the latest asked for are kept.

    :raises NotFound: another version of the format wrote it.
    """
    try:
        return _scored(bytes(weighing.data))
    except NotData as error:
        raise NotFound(
            f"What was weighed at block {weighing.block} is kept, and this version cannot read it.",
            hint="Its data can be downloaded; the version that wrote it computes it again.",
        ) from error


@lru_cache(maxsize=KEPT)
def _scored(raw: bytes) -> tuple[Data, Result]:
    data = decode(raw)
    return data, weigh(data)


def recent(count: int) -> list[Weighing]:
    """Give the newest weighings; ``tries`` are their submissions, the newest first."""
    newest_first = WeightsSubmission.objects.order_by("-pk")
    tries = Prefetch("submissions", queryset=newest_first, to_attr="tries")
    return list(_ours().defer("data").prefetch_related(tries)[:count])


def _ours() -> QuerySet[Weighing]:
    return Weighing.objects.filter(netuid=settings.MARKET_NETUID).order_by("-block")
