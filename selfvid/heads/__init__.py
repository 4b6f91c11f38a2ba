"""Supervised models on an encoder's features."""
