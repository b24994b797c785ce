"""From a user's files to a suite that runs: what they are, encoders that are there, a student of the right size."""
