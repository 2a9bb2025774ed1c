"""Re-checks a bundle on a CPU, without a database, an account or a network."""
