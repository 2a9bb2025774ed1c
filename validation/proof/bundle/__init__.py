"""The record of a proof: canonical, capped, signed."""
