"""The portal of providers, as the published client speaks it: one router a subject."""

from marketplace.portal.accounts import router as accounts
from marketplace.portal.changes import router as changes
from marketplace.portal.demand import router as demand
from marketplace.portal.earnings import router as earnings
from marketplace.portal.market import router as market
from marketplace.portal.nodes import router as nodes
from marketplace.portal.registration import router as registration
from marketplace.portal.verification import router as verification

# A path belongs to one router, or the second's methods would never be found.
ROUTERS = (nodes, registration, changes, verification, accounts, market, demand, earnings)
