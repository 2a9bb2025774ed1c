"""The operator's pages of the market."""

from marketplace.admin import nodes, supply

__all__ = ["nodes", "supply"]
