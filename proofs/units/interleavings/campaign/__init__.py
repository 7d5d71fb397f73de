"""Checks of campaigns."""
