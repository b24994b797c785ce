"""Training students on artifacts, and retrieval."""
