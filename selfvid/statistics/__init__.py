"""Metrics, confidence intervals, paired tests, and what they say in words."""
