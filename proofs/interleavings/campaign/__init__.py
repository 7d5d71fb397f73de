"""Many cases on many processes: local ones, or those of a Dask cluster; what is done is kept and not done again."""
