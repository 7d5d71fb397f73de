"""Capture files: Ethernet frames with their times, read from and written to pcap and pcapng.

Read `frame.py`, then `source.py` (a file being read), `pcap.py` and `pcapng.py` (one format each)
and `reader.py` (which format is it, and is it one that the experiments can use).
"""

from experiments.capture.errors import CaptureError
from experiments.capture.frame import Frame
from experiments.capture.reader import read

__all__ = ["CaptureError", "Frame", "read"]
