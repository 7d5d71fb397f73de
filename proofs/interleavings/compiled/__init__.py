"""The explorer at machine speed: the same kernels, compiled with a turn before each shared access."""
