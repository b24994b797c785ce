"""Suites: TOML files that say how rows are made comparable."""
