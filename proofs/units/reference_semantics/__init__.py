"""What each correction of `Semantics` does: upstream's story as it was recorded, and the story as it should go."""
