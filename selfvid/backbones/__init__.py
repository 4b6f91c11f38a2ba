"""Backbones: networks that map frames or clips to a vector and feature maps, one per file."""
