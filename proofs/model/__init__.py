"""What the searched models show: the designs hold, seeded faults and the museum's defects are found."""
