"""Recordings for people: `python -m reference.show TRACE` tells one as a story, step by step."""
