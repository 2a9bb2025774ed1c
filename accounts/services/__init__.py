"""What can be done with accounts: one module a use case."""
