"""What `./market bench kernels` needs: an interpreter with PyCUDA, and a whole proof of this machine's own cards."""
