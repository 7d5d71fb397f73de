"""The protocols of the fast path as parameterised transition systems: any number of threads, buckets, records."""
