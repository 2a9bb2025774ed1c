"""Everything `./market` runs: services, the local machine, the demo, tests and benches. No Django in here."""
