"""Real threads on one fast port: whatever they did, one sequential order of the same operations explains it."""
