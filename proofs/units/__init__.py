"""Small checks, one file per source file, named alike."""
