"""Differential testing: two engines hear the same generated story, and the first difference is shrunk and recorded."""
