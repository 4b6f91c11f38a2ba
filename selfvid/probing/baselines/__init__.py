"""Baselines: features that need no learned encoder, for comparison with an encoder."""
