"""Real guests talking: network namespaces behind TAP devices, each on a port of its own, with the underlay in between.

Read `tap.py` (devices), `system_calls.py` and `cable.py` (the compiled loop between two devices), `network.py` (ports
and their threads), `guests.py` (namespaces), `trial.py` (what the guests do), `view.py` (what one sees meanwhile).
"""
