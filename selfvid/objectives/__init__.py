"""Objectives: losses that train an encoder without labels."""
