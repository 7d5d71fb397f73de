"""The evidence: every check runs the production functions and is able to fail."""
