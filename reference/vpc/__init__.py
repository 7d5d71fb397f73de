"""The Oxide VPC: its layers, their configuration, and the mappings from virtual to physical addresses."""
