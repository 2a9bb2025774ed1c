"""Pages of rentals."""
