"""What one TAO costs in USD: told by sources, judged, and kept with each invoice (docs/money.md, The price of TAO)."""

from billing.rates.current import Observation, Rate, RateUnavailable, current, current_or_none

__all__ = ["Observation", "Rate", "RateUnavailable", "current", "current_or_none"]
