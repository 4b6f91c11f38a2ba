"""Annotations of untrimmed videos: how they are read and checked."""
