"""Small tests of experiments/capture/, one file per source file."""
