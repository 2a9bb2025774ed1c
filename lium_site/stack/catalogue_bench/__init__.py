"""What `./market bench catalogue` measures with: rows, a bare reference server, a load generator."""
