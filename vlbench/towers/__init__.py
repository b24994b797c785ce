"""Encoders, heads and the student made of them."""
