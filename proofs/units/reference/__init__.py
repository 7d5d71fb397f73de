"""Small tests of the reference, one file per source file."""
