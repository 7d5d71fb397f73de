"""Small tests of `reference.show`."""
