"""Checks of the live guests' parts that need no privileges: sockets stand in for TAP devices."""
