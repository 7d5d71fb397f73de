"""Small tests of proofs/smt/, one file per source file."""
