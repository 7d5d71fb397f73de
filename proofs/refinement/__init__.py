"""Refinement: what the fast path's kernels do to shared words, replayed as behaviours of the protocols in `model`."""
