"""Heads: classifiers on the features of an encoder, trained with labels."""
