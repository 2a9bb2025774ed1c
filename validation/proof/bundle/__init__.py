"""The record of a proof: what was sent and answered, in order, as canonical JSON that a validator signed."""
