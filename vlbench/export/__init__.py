"""The pairs of a finished run in the forms that other tools read."""
