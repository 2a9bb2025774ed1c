"""A deterministic chain in PostgreSQL, for a first try and for tests: simulated, and labelled so."""
