"""Methods, what they are given and what they return."""
