"""Reads of the market, shaped for pages and API."""

from marketplace.selectors.check_history import RunRow, check_history
from marketplace.selectors.equivalents import equivalents
from marketplace.selectors.gpu_models import (
    UnknownGpu,
    find,
    full_names,
    resolve,
    short_names,
    sold_out,
    unknown,
)
from marketplace.selectors.market import (
    GpuOnOffer,
    MarketFigures,
    figures_of,
    gpus_on_offer,
    market_figures,
)
from marketplace.selectors.notices import open_notice
from marketplace.selectors.offers import OfferList, offers, offers_json
from marketplace.selectors.passport import EventRow, FactRow, events, facts
from marketplace.selectors.relaxations import Relaxation, relaxations
from marketplace.selectors.standing import (
    NodeStanding,
    Standing,
    standing_of,
    stands,
    status_word,
)
from marketplace.selectors.verification import StepRow, Verification, verification

__all__ = [
    "EventRow",
    "FactRow",
    "GpuOnOffer",
    "MarketFigures",
    "NodeStanding",
    "OfferList",
    "Relaxation",
    "RunRow",
    "Standing",
    "StepRow",
    "UnknownGpu",
    "Verification",
    "check_history",
    "equivalents",
    "events",
    "facts",
    "figures_of",
    "find",
    "full_names",
    "gpus_on_offer",
    "market_figures",
    "offers",
    "offers_json",
    "open_notice",
    "relaxations",
    "resolve",
    "short_names",
    "sold_out",
    "standing_of",
    "stands",
    "status_word",
    "unknown",
    "verification",
]
