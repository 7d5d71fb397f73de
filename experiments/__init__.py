"""Measurements of the port, each with its data and its figure, and the main job on a capture."""
