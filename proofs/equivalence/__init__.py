"""The fast port beside the reference: any story, one packet at a time, in batches, and on several threads."""
