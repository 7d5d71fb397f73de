"""The fast datapath: compiled kernels over shared memory, with locks no wider than one flow."""
