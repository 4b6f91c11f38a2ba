"""Histograms of hand-made visual words: the classical baseline."""
