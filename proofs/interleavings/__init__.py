"""Production kernels under a controlled scheduler: every interleaving of a stated scenario."""
