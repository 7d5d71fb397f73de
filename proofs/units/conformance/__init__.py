"""Small tests of the conformance runner."""
