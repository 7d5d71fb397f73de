"""Conformance: recordings of OPTE's behaviour, replayed on an implementation and compared in everything."""
