"""Re-checks a bundle on a CPU: without a GPU, a database, an account or a network."""
