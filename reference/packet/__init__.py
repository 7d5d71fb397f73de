"""Packets: header codecs, flow ids, checksums, parsing, modification and emission."""
