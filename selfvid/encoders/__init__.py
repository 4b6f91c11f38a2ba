"""Encoders: modules that map clips to features, including the preprocessing of pixels or flow."""
