"""Proofs of the protocols: their answers are put to a second solver, if that is asked for."""

from proofs.smt.second_opinion import second_opinion

__all__ = ["second_opinion"]
