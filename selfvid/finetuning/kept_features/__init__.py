"""Training a head on features that its frozen encoder computed once and that are kept on disk."""
