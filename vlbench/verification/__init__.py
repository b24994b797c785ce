"""Claims that anyone can re-check: a run packed into one file, verified and replayed elsewhere."""
