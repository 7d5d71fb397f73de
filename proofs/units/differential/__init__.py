"""Small tests of `proofs.differential`."""
