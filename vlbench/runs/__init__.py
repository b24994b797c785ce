"""Runs: from a request to records, and what one command shares."""
