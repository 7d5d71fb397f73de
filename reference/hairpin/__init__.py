"""Replies that the port makes itself instead of passing a packet on.

The messages are parsed and written here, not by a library: what upstream refuses, and with which text, is part of what
is recorded, and so is the order of all options in a reply. The one well-kept library that knows all of these protocols,
scapy, is the oracle of the tests instead, which it could not be of itself.
"""
