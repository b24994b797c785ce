"""What plugins declare and how they are found. Nothing here imports what a declaration points at."""
