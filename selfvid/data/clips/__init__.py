"""Clips cut from the videos of a manifest, and batches of clips."""
