"""The renter API of marketplace."""

from ninja import Router

router = Router(tags=["marketplace"])
