"""Small tests of what equivalence is tested with."""
