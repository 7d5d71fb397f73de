"""The locking designs of the port: shared words, hits, slow operations, invariants, scenarios, faults."""
