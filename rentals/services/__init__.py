"""Use cases of rentals: lock, decide, write, enqueue."""
