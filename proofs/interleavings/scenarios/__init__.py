"""What is explored, one file per mechanism."""
