"""Recording a capture of real programs between two network namespaces.

Read `topology.py` (who is where), `programs.py` (running programs there), `conversation.py` (what they
say to each other) and `sniffer.py` (how the frames are taken down).
"""
