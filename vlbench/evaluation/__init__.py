"""Retrieval ranks and recalls, and the choice of a recipe on val."""
