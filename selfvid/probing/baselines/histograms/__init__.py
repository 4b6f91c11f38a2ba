"""Histograms of hand-made visual words: what was done before networks were learned."""
