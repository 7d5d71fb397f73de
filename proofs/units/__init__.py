"""Small checks, named after the source files that they are about."""
