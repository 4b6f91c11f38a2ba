"""Classifiers on frozen features, each with its choices made on the training part."""
