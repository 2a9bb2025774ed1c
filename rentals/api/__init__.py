"""The renter API of rentals: pods, rents, templates, charges, and plain refusals of what is not offered."""

from ninja import Router

from rentals.api import charges, offers, pods, rents, templates, unoffered

router = Router()
for part in (offers, rents, pods, templates, charges, unoffered):
    router.add_router("", part.router)
