"""Ground floor: errors, money, units, clock, leases, the event vocabulary. No models, imports no app."""
