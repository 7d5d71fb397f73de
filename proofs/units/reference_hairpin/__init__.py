"""Small tests of `reference.hairpin`."""
