"""The formal models: the locking designs of the port as transition systems, searched for states that must not be."""
