"""Encoders: timm, sentence-transformers, and the base of all."""
