"""Classifiers on frozen features; every choice is made on the training part only."""
