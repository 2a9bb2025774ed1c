"""Moments and days that others send: moments in UTC, and both far from the edges of the calendar.

There the next day, another zone or the database's reading of it overflows.
"""

from datetime import UTC, date, datetime
from typing import Annotated, Final

from pydantic import AfterValidator, Field

EARLIEST: Final = datetime(2000, 1, 1, tzinfo=UTC)
LATEST: Final = datetime(2200, 1, 1, tzinfo=UTC)


def in_utc(sent: datetime) -> datetime:
    """Give a moment in UTC; one without a zone is UTC.

    :raises ValueError: it is not between 2000 and 2200.
    """
    aware = sent if sent.tzinfo else sent.replace(tzinfo=UTC)
    if not EARLIEST <= aware <= LATEST:
        raise ValueError("The time has to be between the years 2000 and 2200.")
    return aware.astimezone(UTC)


Moment = Annotated[datetime, AfterValidator(in_utc)]
Day = Annotated[date, Field(ge=EARLIEST.date(), le=LATEST.date())]
