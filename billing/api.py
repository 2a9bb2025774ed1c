"""The renter API of billing."""

from ninja import Router

router = Router(tags=["billing"])
