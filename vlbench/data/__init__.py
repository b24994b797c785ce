"""Items, their relation and their splits."""
