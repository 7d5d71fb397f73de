"""Small tests of proofs/mutation/, one file per source file."""
