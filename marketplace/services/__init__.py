"""Use cases of the market: each locks, decides and writes in one transaction."""
