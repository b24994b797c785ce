"""Intervals and ranks of the board."""
