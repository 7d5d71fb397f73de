"""Seeded faults in the reference: how many of them do the tests catch, and which not."""
