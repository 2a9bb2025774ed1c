"""The renter API of rentals."""

from ninja import Router

router = Router(tags=["rentals"])
