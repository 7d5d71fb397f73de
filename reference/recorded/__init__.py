"""Recordings of a port's behaviour: read line by line, and replayed as calls on ports."""
