"""Small checks of the definition language, the search, the traces and the command line."""
