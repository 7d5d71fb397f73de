"""Small tests of fastpath/, one file per source file."""
