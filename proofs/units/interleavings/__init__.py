"""Tests of the explorer itself, on textbook and generated programs."""
