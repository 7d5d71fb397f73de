"""Small tests of `reference.recorded`."""
