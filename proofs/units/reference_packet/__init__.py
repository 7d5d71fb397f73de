"""Small tests of `reference.packet`."""
