"""Proofs by z3 about the functions that run: their source is executed symbolically, one claim a file."""
