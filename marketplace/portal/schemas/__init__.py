"""What the portal reads and writes: names, types and units are the client's, money is JSON numbers."""
