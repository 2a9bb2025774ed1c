"""The validator's side of a proof: it asks, and times the answers by its own clock. It needs no GPU and no Django."""
