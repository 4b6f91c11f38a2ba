"""Metrics, confidence intervals, paired tests, and sentences about their results."""
