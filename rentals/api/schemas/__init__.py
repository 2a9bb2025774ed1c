"""What the rentals API reads and writes, one module a router."""
