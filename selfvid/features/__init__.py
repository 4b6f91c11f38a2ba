"""Frozen encoders along videos: extraction, the store of features, and the `embed` command."""
