"""Certificates: what z3 calls contradictory, refuted anew in small steps that a small program of our own checks."""
