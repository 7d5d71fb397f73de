"""Small tests of experiments/, one file per source file."""
