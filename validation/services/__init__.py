"""Use cases of validation."""
