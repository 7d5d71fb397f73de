"""Translation validation: the LLVM code that numba made of a kernel, read into z3 and held against the source."""
