"""Checks of the compiled engine, most of them against the plain Python one."""
