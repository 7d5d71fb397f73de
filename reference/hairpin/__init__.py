"""Replies the port makes itself.

The messages are parsed and written here, not by a library: what upstream refuses, and with which text, is part of what is
recorded, and so is the order of every option in a reply. Of the libraries that know all of these protocols scapy is the
one that is well kept; it is the oracle of the tests instead, which it could not be of itself.
"""
