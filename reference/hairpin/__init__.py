"""Replies that the port makes itself instead of passing a packet on."""
